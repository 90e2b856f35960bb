import { factsText, normalize, parseApiVersion, type Unstructured } from "@tsukube/api";
import type { PolicyRule, Subject } from "@tsukube/api/types/rbac-v1";
import { type Clock, formatTime, type Random } from "@tsukube/foundation";
import { FLOW_STATUS_WRITER } from "../flow-control/flow-schema-status.ts";
import { statusAppliedByServer, updatedByServer } from "../ownership/own-fields.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { Registry } from "../registry/registry.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { revisedFlowControl } from "./flow-control-objects.ts";

/** What is there of an object, as it should be; the same when it is right. */
type Revise = (live: Unstructured, wanted: Unstructured) => Unstructured;

const leftAlone: Revise = (live) => live;

/** By "group/version resource": those that upstream always has, made when they are absent, and what is done with those that exist. */
const REVISIONS: Readonly<Record<string, Revise>> = {
  "v1 namespaces": leftAlone,
  "apiregistration.k8s.io/v1 apiservices": leftAlone,
  "scheduling.k8s.io/v1 priorityclasses": leftAlone,
  "flowcontrol.apiserver.k8s.io/v1 prioritylevelconfigurations": revisedFlowControl,
  "flowcontrol.apiserver.k8s.io/v1 flowschemas": revisedFlowControl,
  "rbac.authorization.k8s.io/v1 clusterroles": joinedRules,
  "rbac.authorization.k8s.io/v1 clusterrolebindings": joinedRules,
  "rbac.authorization.k8s.io/v1 roles": joinedRules,
  "rbac.authorization.k8s.io/v1 rolebindings": joinedRules,
};

const AUTO_UPDATE = "rbac.authorization.kubernetes.io/autoupdate";

type RbacObject = Unstructured & {
  readonly rules?: readonly PolicyRule[] | null;
  readonly subjects?: readonly Subject[] | null;
};

export interface BootstrapDeps {
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  /** Objects besides those that upstream always has, by "group/version resource". */
  readonly more: readonly BootstrapObjects[];
}

type Bootstrapped = Unstructured & { readonly status?: { readonly conditions?: readonly object[] } };

/** By "group/version resource". */
export type BootstrapObjects = Readonly<Record<string, readonly object[]>>;

/** What a fresh API server creates by itself (facts/bootstrap.json), and others. All of it shares few commits. @param where Which of it. */
export async function bootstrap(
  deps: BootstrapDeps,
  where: readonly string[] = [...Object.keys(REVISIONS), ...deps.more.flatMap(Object.keys)],
): Promise<void> {
  // a tenth of a megabyte, which who asks for other objects does without
  const facts: Record<string, readonly Unstructured[]> = where.some((resource) => resource in REVISIONS)
    ? JSON.parse(factsText("bootstrap.json"))
    : {};
  const writes: Promise<unknown>[] = [];
  for (const resource of new Set(where)) {
    const revise = REVISIONS[resource];
    const own = revise === undefined ? [] : (facts[resource] ?? []);
    const others = deps.more.flatMap((objects) => (objects[resource] ?? []) as readonly Unstructured[]);
    for (const object of [...own, ...others])
      writes.push(ensure(deps, resource, dated(object, deps.clock.now()), revise ?? leftAlone));
  }
  await Promise.all(writes);
}

/** Conditions without a time are so from now on. */
function dated(object: Bootstrapped, now: number): Bootstrapped {
  const { status } = object;
  if (status?.conditions === undefined) return object;
  const lastTransitionTime = formatTime(now);
  return {
    ...object,
    status: { ...status, conditions: status.conditions.map((each) => ({ lastTransitionTime, ...each })) },
  };
}

async function ensure(deps: BootstrapDeps, where: string, wanted: Bootstrapped, revise: Revise): Promise<void> {
  const [apiVersion = "", resource = ""] = where.split(" ");
  const { group, version } = parseApiVersion(apiVersion);
  const definition = deps.registry.get(group, version, resource);
  if (definition === undefined) return;
  const { namespace = "", name = "" } = wanted.metadata ?? {};
  const fresh = inherited(deps, definition, wanted);
  await deps.store.update(definition, deps.store.keyOf(definition, namespace, name), async (live) => {
    const object =
      live === undefined
        ? { ...fresh, kind: definition.kind, apiVersion, metadata: madeNow(deps, definition, fresh) }
        : revise(live, wanted);
    if (object === live) return { type: "none" };
    const next = normalize<Unstructured>(object, definition.schema).object;
    return { type: "put", object: owned(deps, definition, live, next, wanted) };
  });
}

/** Parts of the server that write under names of their own. @see KEP-1040, KEP-1880. */
const WRITERS: Readonly<Record<string, { readonly manager?: string; readonly statusManager?: string }>> = {
  flowschemas: { manager: "api-priority-and-fairness-config-producer-v1", statusManager: FLOW_STATUS_WRITER },
  prioritylevelconfigurations: { manager: "api-priority-and-fairness-config-producer-v1" },
  servicecidrs: { statusManager: "kubernetes-service-cidr-controller" },
};

function owned(
  deps: BootstrapDeps,
  definition: ResourceDefinition,
  live: Unstructured | undefined,
  next: Unstructured,
  wanted: Bootstrapped,
): Unstructured {
  const { statusManager, ...writer } = WRITERS[definition.resource] ?? {};
  const object = updatedByServer(deps, definition, live, next, { ...writer, sent: withoutFinalizers(next) });
  const { status } = wanted;
  if (live !== undefined || statusManager === undefined || status === undefined) return object;
  const { status: _status, ...bare } = object as Bootstrapped; // what is there already would be applied at no time
  return statusAppliedByServer(deps, definition, bare as Unstructured, status, statusManager);
}

/** Those of a Namespace are given to it. */
function withoutFinalizers(object: Unstructured): Unstructured {
  if (object.kind !== "Namespace") return object;
  const { spec: _spec, ...rest } = object;
  return rest as Unstructured;
}

/** What was a part of another binding once is made for whom that was changed to be for. */
const PARTS: Readonly<Record<string, string>> = { "system:public-info-viewer": "system:discovery" };

function inherited({ store }: BootstrapDeps, definition: ResourceDefinition, wanted: RbacObject): RbacObject {
  const from = definition.kind === "ClusterRoleBinding" ? PARTS[wanted.metadata?.name ?? ""] : undefined;
  const whole = from === undefined ? undefined : (store.get(definition, "", from)?.object as RbacObject | undefined);
  if (whole === undefined) return wanted;
  const { labels, annotations } = whole.metadata ?? {};
  const metadata = { ...wanted.metadata, ...(labels && { labels }), ...(annotations && { annotations }) };
  return { ...wanted, metadata, subjects: whole.subjects ?? [] };
}

function madeNow(
  { random, clock }: BootstrapDeps,
  { strategy }: ResourceDefinition,
  { metadata }: Unstructured,
): object {
  const identity = { uid: random.uuid(), creationTimestamp: formatTime(clock.now()) };
  return { ...metadata, ...identity, ...(strategy.generation && { generation: 1 }) };
}

/** Rules and subjects that are missing are added, what was added by hand stays. */
function joinedRules(live: RbacObject, wanted: RbacObject): Unstructured {
  if (live.metadata?.annotations?.[AUTO_UPDATE] === "false") return live;
  const rules = missing(live.rules ?? [], wanted.rules ?? []);
  const subjects = missing(live.subjects ?? [], wanted.subjects ?? []);
  if (rules.length + subjects.length === 0) return live;
  return {
    ...live,
    ...(rules.length > 0 && { rules: [...(live.rules ?? []), ...rules] }),
    ...(subjects.length > 0 && { subjects: [...(live.subjects ?? []), ...subjects] }),
  };
}

function missing<T extends object>(present: readonly T[], wanted: readonly T[]): readonly T[] {
  const text = (value: object): string =>
    JSON.stringify(
      Object.entries(value)
        .filter(([, member]) => member !== null)
        .sort(),
    );
  const known = new Set(present.map(text));
  return wanted.filter((value) => !known.has(text(value)));
}
