import {
  ApiError,
  aggregateMessage,
  fieldError,
  type GroupVersionKind,
  type GroupVersionResource,
  type Unstructured,
} from "@tsukube/api";
import type { Binding, Pod, PodCondition } from "@tsukube/api/types/core-v1";
import type { Eviction } from "@tsukube/api/types/policy-v1";
import type { ApiResponse } from "@tsukube/client";
import { type Clock, formatTime } from "@tsukube/foundation";
import { connectRequest } from "../admission/connect.ts";
import type { Tokens } from "../authentication/tokens.ts";
import { type Accepted, negotiate } from "../chain/negotiation.ts";
import type { AdmissionRequest, RequestContext, RequestInfo } from "../contracts.ts";
import type { HttpProxy } from "../proxying/http-proxy.ts";
import type { PodStreams } from "../proxying/pod-streams.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { TryChange } from "../storage/object-store.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { AccountTokens } from "./account-tokens.ts";
import { deleteOptionsOf } from "./delete.ts";
import { evict } from "./eviction.ts";
import { preconditionFailed, shownKey } from "./preconditions.ts";
import { respondTyped } from "./represent.ts";
import { decodeTransient } from "./transient.ts";
import { writeOptions } from "./write-options.ts";
import type { Writer } from "./writer.ts";

export interface SubresourceDeps {
  readonly writer: Writer;
  readonly tokens: Tokens;
  readonly cache: WatchCache;
  readonly clock: Clock;
  readonly streams: PodStreams;
  readonly proxy: HttpProxy;
}

const SUCCESS = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };

const EVICTION_KIND = { group: "policy", version: "v1", kind: "Eviction" };
const BINDING_KIND = { group: "", version: "v1", kind: "Binding" };
/** Gate of that a pod with a node is not nominated for one. */
const CLEARS_HINT = "ClearingNominatedNodeNameAfterBinding";
const BINDING = { group: "", resource: "pods/binding" };

/** Subresources that do something else than show a part of the object. */
export class Subresources {
  readonly #deps: SubresourceDeps;
  readonly #accountTokens: AccountTokens;

  constructor(deps: SubresourceDeps) {
    this.#deps = deps;
    this.#accountTokens = new AccountTokens(deps.writer, deps.tokens);
  }

  /** undefined: not one of these. */
  async handle(context: RequestContext, definition: ResourceDefinition): Promise<ApiResponse | undefined> {
    const { info, request } = context;
    const accepted = (): Accepted => negotiate(request.headers, info.query, { forms: false });
    switch (`${definition.resource}/${info.subresource}`) {
      case "pods/binding":
        return this.#created(context)
          ? this.bind(context, decodeTransient(context, BINDING_KIND, this.#deps.clock), accepted())
          : undefined;
      case "pods/eviction":
        return this.#created(context) ? this.#evict(context, definition, accepted()) : undefined;
      case "serviceaccounts/token":
        return this.#created(context) ? this.#accountTokens.create(context, definition, accepted()) : undefined;
      case "pods/log":
        return this.#deps.streams.logs(context);
      case "pods/exec":
      case "pods/attach":
      case "pods/portforward":
        if (request.method !== "GET" && request.method !== "POST") throw ApiError.methodNotAllowed();
        refuseDryRun(info);
        await this.#deps.writer.deps.admission.admit(connectRequest(context));
        if (info.verb !== "create") await this.#deps.writer.deps.mustCreate(context);
        this.#deps.streams.mustHaveHost(info);
        throw ApiError.badRequest("Upgrade request required");
      case "pods/proxy":
      case "services/proxy":
      case "nodes/proxy":
        refuseDryRun(info);
        await this.#deps.writer.deps.admission.admit(connectRequest(context));
        return this.#deps.proxy.handle(context);
      default:
        return undefined;
    }
  }

  /** Binds a pod to a node, once; labels and annotations of the Binding go to the pod. */
  async bind(context: RequestContext, body: Unstructured, accepted: Accepted): Promise<ApiResponse> {
    const { info } = context;
    const named = body.metadata?.name ?? "";
    if (info.subresource === "binding" && named !== info.name)
      throw ApiError.badRequest("name in URL does not match name in Binding object");
    const { admission } = this.#deps.writer.deps;
    const attributes = {
      ...this.#attributes(context, { ...BINDING_KIND, resource: info.resource }, BINDING_KIND),
      name: named,
    };
    const binding = ((await admission.mutate({ ...attributes, object: body })) ?? body) as Binding & Unstructured;
    const { target } = binding;
    const wrong = [
      ...((target?.kind ?? "") !== "" && target?.kind !== "Node"
        ? [`target.kind: Unsupported value: "${target?.kind}": supported values: "Node", "<empty>"`]
        : []),
      ...((target?.name ?? "") === "" ? ["target.name: Required value"] : []),
    ];
    if (wrong.length > 0) throw ApiError.unknown(aggregateMessage(wrong));
    if (named === "") throw ApiError.badRequest("Name parameter required.");
    const name = named;
    const definition = this.#pods();
    await admission.validate({ ...attributes, object: binding });
    const bound = (live: Unstructured): Unstructured => {
      const pod = live as Pod & Unstructured;
      this.#checkPreconditions(context, definition, pod, binding);
      if (pod.metadata?.deletionTimestamp !== undefined)
        throw ApiError.conflict(BINDING, name, `pod ${name} is being deleted, cannot be assigned to a host`);
      if ((pod.spec?.nodeName ?? "") !== "")
        throw ApiError.conflict(BINDING, name, `pod ${name} is already assigned to node "${pod.spec?.nodeName}"`);
      if ((pod.spec?.schedulingGates ?? []).length > 0)
        throw ApiError.conflict(BINDING, name, `pod ${name} has non-empty .spec.schedulingGates`);
      const conditions = withScheduled(pod.status?.conditions ?? [], formatTime(this.#deps.clock.now()));
      const { nominatedNodeName: _hint, ...status } = pod.status ?? {};
      const annotations = { ...pod.metadata?.annotations, ...binding.metadata?.annotations };
      const labels = { ...pod.metadata?.labels, ...binding.metadata?.labels };
      return {
        ...live,
        metadata: {
          ...pod.metadata,
          ...(Object.keys(annotations).length > 0 && { annotations }),
          ...(Object.keys(labels).length > 0 && { labels }),
        },
        spec: { ...(live["spec"] as object), nodeName: target?.name },
        status: { ...(this.#deps.writer.deps.gates.isOn(CLEARS_HINT) ? status : pod.status), conditions },
      };
    };
    await this.#direct(context, definition, info.namespace, name, bound);
    return respondTyped(201, SUCCESS, "meta/v1.Status", accepted);
  }

  /** A binding may be for the pod as it was seen. @throws {ApiError} 409. */
  #checkPreconditions({ info }: RequestContext, definition: ResourceDefinition, pod: Pod, { metadata }: Binding): void {
    const name = pod.metadata?.name ?? "";
    const key = this.#deps.writer.deps.store.keyOf(definition, info.namespace, name);
    for (const [what, member] of [
      ["UID", "uid"],
      ["ResourceVersion", "resourceVersion"],
    ] as const) {
      const [wanted = "", found] = [metadata?.[member], pod.metadata?.[member]];
      if (wanted !== "" && wanted !== found)
        throw preconditionFailed(definition, name, shownKey(key, isDryRun(info)), what, wanted, found);
    }
  }

  #created(context: RequestContext): boolean {
    if (context.info.verb !== "create") throw ApiError.methodNotAllowed();
    return true;
  }

  /** Of a subresource that is created: a binding, an eviction, a token. */
  #attributes(context: RequestContext, resource: GroupVersionResource, kind: GroupVersionKind): AdmissionRequest {
    const { info } = context;
    return {
      context,
      operation: "CREATE",
      resource,
      kind,
      subresource: info.subresource,
      namespace: info.namespace,
      name: info.name,
      object: undefined,
      oldObject: undefined,
      options: writeOptions("CREATE", info.query, isDryRun(info)),
      dryRun: isDryRun(info),
    };
  }

  #pods(): ResourceDefinition {
    return this.#deps.writer.deps.registry.get("", "v1", "pods")!;
  }

  /** A change that no client wrote: not validated, not tracked. */
  async #direct(
    context: RequestContext,
    definition: ResourceDefinition,
    namespace: string,
    name: string,
    change: (live: Unstructured) => Unstructured,
  ): Promise<void> {
    const { store } = this.#deps.writer.deps;
    const isDry = isDryRun(context.info);
    const decide: TryChange = async (live) => {
      if (live === undefined) throw ApiError.notFound(definition, name);
      const object = change(live);
      return isDry ? { type: "none" } : { type: "put", object };
    };
    await store.update(definition, store.keyOf(definition, namespace, name), decide, context.time);
  }

  async #evict(context: RequestContext, definition: ResourceDefinition, accepted: Accepted): Promise<ApiResponse> {
    const eviction = decodeTransient(context, EVICTION_KIND, this.#deps.clock, ["policy/v1beta1"]) as Eviction &
      Unstructured;
    const { namespace, name, query } = context.info;
    if ((eviction.metadata?.name ?? "") !== name)
      throw ApiError.badRequest("name in URL does not match name in Eviction object");
    const unread = "ignoreStoreReadErrorWithClusterBreakingPotential";
    if (eviction.deleteOptions?.[unread] === true) {
      const why = "can not be set for pod eviction, try after removing the option";
      throw ApiError.invalid(EVICTION_KIND, name, [fieldError.invalid(`deleteOptions.${unread}`, true, why)]);
    }
    const asked = [query.getAll("dryRun"), eviction.deleteOptions?.dryRun ?? []] as const;
    if (asked.every((values) => values.length > 0) && asked[0].join() !== asked[1].join()) {
      const [inQuery, inBody] = asked.map((values) => `[${values.join(" ")}]`);
      throw ApiError.unknown(`Non-matching dry-run options in request and content: ${inQuery} and ${inBody}`);
    }
    const options = deleteOptionsOf(
      (eviction.deleteOptions ?? undefined) as Unstructured | undefined,
      new URLSearchParams(),
      this.#deps.writer.deps.gates,
    );
    const dryRun = query.getAll("dryRun").includes("All") || (options.dryRun ?? []).includes("All");
    await this.#deps.writer.deps.admission.admit({
      ...this.#attributes(context, definition, EVICTION_KIND),
      object: { ...eviction, metadata: { ...eviction.metadata, name, namespace } },
      dryRun,
    });
    const request = { context, definition, namespace, name, subresource: "", dryRun, fieldManager: "" };
    await evict(this.#deps, request, options);
    return respondTyped(201, SUCCESS, "meta/v1.Status", accepted);
  }
}

function isDryRun({ query }: RequestInfo): boolean {
  return query.getAll("dryRun").includes("All");
}

/** The conditions with that of a pod that has a node, where the one was that said that it had none. */
function withScheduled(conditions: readonly PodCondition[], now: string): readonly object[] {
  const scheduled = { type: "PodScheduled", status: "True", lastProbeTime: null, lastTransitionTime: now };
  const at = conditions.findIndex(({ type }) => type === "PodScheduled");
  const others: readonly object[] = conditions;
  return at < 0 ? [...others, scheduled] : others.with(at, scheduled);
}

/** Whoever is connected to does what it does. @throws {ApiError} 400. */
function refuseDryRun({ query }: RequestInfo): void {
  if (query.has("dryRun")) throw ApiError.badRequest("dryRun is not supported");
}
