import { type FeatureGates, type FieldError, fieldError, jsonEqual, type Unstructured } from "@tsukube/api";
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceRequest,
  ResourceClaim,
} from "@tsukube/api/types/resource-v1";
import type { ImmediateAuthorizer, RequestContext, RequestInfo, User } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { forbidden } from "./forbidden.ts";

const ADMIN_LABEL = "resource.kubernetes.io/admin-access";
const BINDING = 'changing status.allocation or status.reservedFor requires resource="resourceclaims/binding"';
const NODE_NAME = "authentication.kubernetes.io/node-name";

type Status = NonNullable<ResourceClaim["status"]>;
/** v1beta1 has what is asked for in the request itself. */
type Request = DeviceRequest & { readonly adminAccess?: boolean | null };

/** Who writes, and where. */
interface Writing {
  readonly context: RequestContext;
  readonly definition: { readonly group: string; readonly version: string; readonly resource: string };
  readonly namespace: string;
  readonly subresource: string;
}

/** What of a claim of devices its writer may not write: fields that are others' to set. */
export class ClaimRights {
  readonly #cache: WatchCache;
  readonly #authorizer: ImmediateAuthorizer;
  readonly #isGranular: boolean;

  constructor(cache: WatchCache, authorizer: ImmediateAuthorizer, gates: FeatureGates) {
    this.#cache = cache;
    this.#authorizer = authorizer;
    this.#isGranular = gates.isOn("DRAResourceClaimGranularStatusAuthorization");
  }

  /** @param live undefined: `next` is created. */
  refused(writing: Writing, next: Unstructured, live: Unstructured | undefined): readonly FieldError[] {
    const { group, resource } = writing.definition;
    if (group !== "resource.k8s.io") return [];
    if (resource === "resourceclaims" && live === undefined) return this.#asked(writing, next["spec"]);
    if (resource === "resourceclaimtemplates" && live === undefined)
      return this.#asked(writing, (next["spec"] as { readonly spec?: unknown } | undefined)?.spec);
    if (resource !== "resourceclaims" || writing.subresource !== "status") return [];
    return this.#written(writing, (next["status"] ?? {}) as Status, (live?.["status"] ?? {}) as Status);
  }

  /** Administrators' access is asked for where the namespace allows it. */
  #asked({ namespace }: Writing, spec: unknown): readonly FieldError[] {
    const requests = ((spec ?? {}) as { devices?: { requests?: readonly Request[] } }).devices?.requests ?? [];
    const index = requests.findIndex((request) => (request.exactly ?? request).adminAccess === true);
    return this.#administered(namespace, index, `spec.devices.requests[${index}].adminAccess`);
  }

  #written(writing: Writing, next: Status, old: Status): readonly FieldError[] {
    const [now, before] = [adminResult(next.allocation), adminResult(old.allocation)];
    const asked = before >= 0 ? -1 : now;
    return [
      ...this.#administered(writing.namespace, asked, `status.allocation.devices.results[${asked}].adminAccess`),
      ...(this.#isGranular ? this.#bound(writing, next, old) : []),
      ...(this.#isGranular && next.allocation ? this.#observed(writing, next, old) : []),
    ];
  }

  #administered(namespace: string, index: number, at: string): readonly FieldError[] {
    const labels = this.#cache.get(`/registry/namespaces/${namespace}`)?.object.metadata?.labels;
    if (index < 0 || labels?.[ADMIN_LABEL] === "true") return [];
    const why = `admin access to devices requires the \`${ADMIN_LABEL}: true\` label on the containing namespace`;
    return [fieldError.forbidden(at, why)];
  }

  /** Whoever schedules allocates and reserves. */
  #bound({ context, definition }: Writing, next: Status, old: Status): readonly FieldError[] {
    const isSame = (a: unknown, b: unknown): boolean => jsonEqual((a ?? null) as never, (b ?? null) as never);
    const [users, before] = [next.reservedFor ?? [], old.reservedFor ?? []];
    if (isSame(next.allocation, old.allocation) && isSame(users, before)) return [];
    const { verb } = context.info;
    const refusal = this.#refusal(context.user, {
      ...definition,
      verb,
      subresource: "binding",
      namespace: "",
      name: "",
    });
    if (refusal === undefined) return [];
    return [fieldError.forbidden("status.allocation", `${BINDING}, verb="${verb}" permission: ${refusal}`)];
  }

  /** A driver tells how its devices are, on the node of the claim or on any. */
  #observed({ context, definition, namespace }: Writing, next: Status, old: Status): readonly FieldError[] {
    const { verb } = context.info;
    const isNear = nodeOf(context.user) !== undefined && nodeOf(context.user) === nodeOfAllocation(next.allocation);
    const verbs = [...(isNear ? [`associated-node:${verb}`] : []), `arbitrary-node:${verb}`];
    return changedDrivers(next, old).flatMap((name) => {
      const refusals = verbs.map((one) =>
        this.#refusal(context.user, { ...definition, verb: one, subresource: "driver", namespace, name }),
      );
      if (refusals.includes(undefined)) return [];
      const what = `changing status.devices requires resource="resourceclaims/driver", verb="[${verbs.join(" ")}]"`;
      return [fieldError.forbidden("status.devices", `${what} permission: ${refusals[0]}`)];
    });
  }

  /** undefined: the user may. */
  #refusal(user: User, asked: Asked): string | undefined {
    const attributes = { ...asked, user, isResource: true, path: "" };
    const { decision, reason } = this.#authorizer.decide(attributes);
    return decision === "allow" ? undefined : forbidden(attributes, reason).message;
  }
}

type Asked = Pick<RequestInfo, "verb" | "group" | "version" | "resource" | "subresource" | "namespace" | "name">;

function adminResult(allocation: AllocationResult | null | undefined): number {
  return (allocation?.devices?.results ?? []).findIndex(({ adminAccess }) => adminAccess === true);
}

/** The drivers of devices of which something else is said than before, sorted. */
function changedDrivers(next: Status, old: Status): readonly string[] {
  const byKey = ({ devices }: Status) => new Map((devices ?? []).map((device) => [keyOf(device), device]));
  const [now, before] = [byKey(next), byKey(old)];
  const isChanged = (key: string): boolean =>
    !jsonEqual((now.get(key) ?? null) as never, (before.get(key) ?? null) as never);
  const drivers = [...now, ...before].filter(([key]) => isChanged(key)).map(([, { driver }]) => driver ?? "");
  return [...new Set(drivers)].sort();
}

function keyOf({ driver, pool, device, shareID }: AllocatedDeviceStatus): string {
  return [driver, pool, device, shareID ?? ""].join("\n");
}

/** The node of whose pods the account is a token's. */
function nodeOf({ name, extra }: User): string | undefined {
  const nodes = extra[NODE_NAME] ?? [];
  return /^system:serviceaccount:[^:]+:[^:]+$/.test(name) && nodes.length === 1 ? nodes[0] : undefined;
}

/** The one node that an allocation is for. */
function nodeOfAllocation(allocation: AllocationResult | null | undefined): string | undefined {
  const [term, ...others] = allocation?.nodeSelector?.nodeSelectorTerms ?? [];
  const [field, ...more] = term?.matchFields ?? [];
  if (others.length > 0 || more.length > 0 || (term?.matchExpressions ?? []).length > 0) return undefined;
  if (field?.key !== "metadata.name" || field.operator !== "In" || field.values?.length !== 1) return undefined;
  return field.values[0];
}
