import { ApiError, type FeatureGates, type FieldError, fieldError, jsonEqual, type Unstructured } from "@tsukube/api";
import type { DeleteOptions } from "@tsukube/api/types/meta-v1";
import { formatTime } from "@tsukube/foundation";
import { isTrue } from "../chain/request-info.ts";
import type { AdmissionRequest, RequestContext } from "../contracts.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { Change } from "../storage/object-store.ts";
import { numberOf } from "./list-options.ts";
import { dryRunErrors } from "./write-options.ts";
import type { WriteRequest, Writer } from "./writer.ts";

const OPTIONS = { group: "meta.k8s.io", kind: "DeleteOptions" };
const IGNORES = "ignoreStoreReadErrorWithClusterBreakingPotential";
const FOREGROUND = "foregroundDeletion";
const ORPHAN = "orphan";

const ORPHANED_PODS =
  "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning";

/** What became of a delete. */
export interface Deleted {
  /** The object as it was last, or as it is now when it still has to go. */
  readonly object: Unstructured;
  readonly gone: boolean;
}

/** Options from the body or, without one, from the query; checked. @throws {ApiError} 422, 400. */
export function deleteOptionsOf(
  body: Unstructured | undefined,
  query: URLSearchParams,
  gates: FeatureGates,
): DeleteOptions {
  const given = (body ?? optionsOfQuery(query)) as DeleteOptions;
  const { [IGNORES]: _ignores, ...others } = given;
  const options: DeleteOptions = gates.isOn("AllowUnsafeMalformedObjectDeletion") ? given : others;
  const errors: FieldError[] = [];
  const policy = options.propagationPolicy;
  const orphan = options.orphanDependents;
  if (policy !== undefined && orphan !== undefined && orphan !== null) {
    errors.push(
      fieldError.invalid("propagationPolicy", policy, "orphanDependents and deletionPropagation cannot be both set"),
    );
  }
  if (policy !== undefined && policy !== null && !["Foreground", "Background", "Orphan"].includes(policy)) {
    errors.push(fieldError.notSupported("propagationPolicy", policy, ["Foreground", "Background", "Orphan", "nil"]));
  }
  errors.push(...dryRunErrors(options.dryRun ?? []));
  if (options[IGNORES] === true) {
    for (const name of ["propagationPolicy", "orphanDependents", "gracePeriodSeconds", "preconditions"] as const)
      if ((options[name] ?? undefined) !== undefined)
        errors.push(fieldError.invalid(IGNORES, true, `cannot be set together with .${name}`));
  }
  if (errors.length > 0) throw ApiError.invalid(OPTIONS, "", errors);
  return options;
}

/** 422 for who wants to delete many objects unread. */
export function deletesOneAtATime(): ApiError {
  const why = "is not allowed with DELETECOLLECTION, try again after removing the option";
  return ApiError.invalid(OPTIONS, "", [fieldError.invalid(IGNORES, true, why)]);
}

function optionsOfQuery(query: URLSearchParams): DeleteOptions {
  if (query.get("gracePeriodSeconds") === "") throw ApiError.badRequest('strconv.ParseInt: parsing "": invalid syntax');
  const grace = numberOf(query, "gracePeriodSeconds");
  const orphan = query.get("orphanDependents");
  const policy = query.get("propagationPolicy");
  const ignores = query.get(IGNORES);
  const [uid, resourceVersion] = ["uid", "resourceVersion"].map((name) => query.get(name) || undefined);
  const preconditions = {
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
  return {
    ...(Object.keys(preconditions).length > 0 && { preconditions }),
    ...(ignores !== null && { [IGNORES]: isTrue(ignores) }),
    ...(grace !== undefined && { gracePeriodSeconds: grace }),
    ...(policy !== null && { propagationPolicy: policy }),
    ...(orphan !== null && { orphanDependents: isTrue(orphan) }),
    dryRun: query.getAll("dryRun"),
  };
}

/**
 * What an object is deleted by: a request for itself or for many; what admission has no part in, as an eviction, which it has let pass
 * already, and the end of a definition.
 */
export type DeletedBy = "itself" | "collection" | "eviction" | "definition";

/**
 * Deletes, or begins to: finalizers and grace periods make it wait. Idempotent; a second delete can only shorten the wait.
 * @throws {ApiError} 404, 409 for preconditions.
 */
export async function deleteObject(
  writer: Writer,
  request: WriteRequest,
  options: DeleteOptions,
  by: DeletedBy = "itself",
): Promise<Deleted> {
  const { definition, namespace, name, dryRun } = request;
  const { store } = writer.deps;
  let result: Deleted | undefined;
  let isMarked = false;
  const key = store.keyOf(definition, namespace, name);
  const change = async (live: Unstructured | undefined): Promise<Change> => {
    if (live === undefined) throw ApiError.notFound(definition, name);
    checkPreconditions(definition, live, options, by !== "collection" && checksByItself(definition));
    if (by === "itself" || by === "collection")
      await admit(writer, by === "collection" ? { ...request, name: "" } : request, live, options);
    const next = marked(definition, live, options, writer.deps.clock.now());
    const gone = next === undefined;
    const object = next ?? lastSeen(definition, live, writer.deps.clock.now());
    result = { object, gone };
    isMarked = gone && object !== live;
    if (dryRun || next === live) return { type: "none" };
    return gone && !isMarked ? { type: "delete" } : { type: "put", object };
  };
  await store.update(definition, key, change, request.context.time);
  const { object, gone } = result!;
  if (isMarked && !dryRun) await removeMarked(writer, definition, key, object);
  if (dryRun || gone) return { object, gone };
  const now = store.get(definition, namespace, name);
  if (now !== undefined) await store.readable(definition, [now]);
  return { object: now === undefined ? object : store.view(definition, now), gone };
}

/** Whoever deletes jobs and does not say what becomes of their pods is told. */
export function warnOfOrphans(
  context: RequestContext,
  { group, resource }: ResourceDefinition,
  { propagationPolicy, orphanDependents }: DeleteOptions,
): void {
  const isSilent = propagationPolicy === undefined && (orphanDependents ?? undefined) === undefined;
  if (isSilent && group === "batch" && resource === "jobs") context.warn(ORPHANED_PODS);
}

/** Of what goes at once and may wait, watchers see first that it does not, as upstream's. */
async function removeMarked(writer: Writer, definition: ResourceDefinition, key: string, object: Unstructured) {
  await writer.deps.store.update(definition, key, async (live): Promise<Change> => {
    const isThere = live !== undefined && live.metadata?.uid === object.metadata?.uid;
    return isThere ? { type: "delete" } : { type: "none" };
  });
}

async function admit(writer: Writer, request: WriteRequest, live: Unstructured, options: DeleteOptions): Promise<void> {
  const { context, definition, namespace, name, dryRun } = request;
  const attributes: AdmissionRequest = {
    context,
    operation: "DELETE",
    resource: definition,
    kind: { group: definition.group, version: definition.version, kind: definition.kind },
    subresource: "",
    namespace,
    name,
    object: undefined,
    oldObject: live,
    options: shownOptions(options),
    dryRun,
  };
  await writer.deps.admission.admit(attributes);
}

/** The options as webhooks see them: without what was not given. */
function shownOptions({ dryRun = [], preconditions, ...options }: DeleteOptions): Unstructured {
  return {
    ...options,
    ...{ kind: "DeleteOptions", apiVersion: "meta.k8s.io/v1" },
    ...(preconditions !== undefined && { preconditions }),
    ...(dryRun.length > 0 && { dryRun }),
  } as unknown as Unstructured;
}

function checkPreconditions(
  definition: ResourceDefinition,
  live: Unstructured,
  options: DeleteOptions,
  byItself: boolean,
): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const refuse = (what: string, wanted: string, found: string | undefined, since: string): never => {
    if (byItself) {
      // the one says it in capitals, the other does not
      const failed = definition.resource === "namespaces" ? "Precondition failed" : "precondition failed";
      const why = `${failed}: ${what} in precondition: ${wanted}, ${what} in object meta: ${found ?? ""}`;
      throw ApiError.conflict(definition, live.metadata?.name ?? "", why);
    }
    throw ApiError.conflict(
      preconditioned(definition),
      live.metadata?.name ?? "",
      `the ${what} in the precondition (${wanted}) does not match the ${what} in record (${found ?? ""}). The object might have been ${since}`,
    );
  };
  const found = live.metadata ?? {};
  if (uid !== undefined && uid !== null && uid !== found.uid)
    refuse("UID", uid, found.uid, "deleted and then recreated");
  if (resourceVersion !== undefined && resourceVersion !== null && resourceVersion !== found.resourceVersion) {
    refuse("ResourceVersion", resourceVersion, found.resourceVersion, "modified");
  }
}

/** Two kinds are deleted by code of their own upstream, which has other words. */
function checksByItself({ group, resource }: ResourceDefinition): boolean {
  return resource === "customresourcedefinitions" || (group === "" && resource === "namespaces");
}

/** How a broken precondition names the object: all events are core's. */
function preconditioned({ group, kind }: ResourceDefinition): Pick<ResourceDefinition, "group" | "resource"> {
  return { group: kind === "Event" ? "" : group, resource: kind };
}

/** What a client sees of an object that goes now: of kinds that may wait, that it did not. */
function lastSeen({ strategy }: ResourceDefinition, live: Unstructured, now: number): Unstructured {
  const { metadata = {} } = live;
  if (strategy.gracePeriod === undefined || metadata.deletionGracePeriodSeconds === 0) return live;
  if (metadata.deletionTimestamp !== undefined) {
    const since = Date.parse(metadata.deletionTimestamp) - (metadata.deletionGracePeriodSeconds ?? 0) * 1000;
    const marks = { deletionTimestamp: formatTime(since), deletionGracePeriodSeconds: 0 };
    return { ...live, metadata: { ...metadata, ...marks } };
  }
  const generation = metadata.generation === undefined ? {} : { generation: metadata.generation + 1 };
  const marks = { ...generation, deletionTimestamp: formatTime(now), deletionGracePeriodSeconds: 0 };
  return { ...live, metadata: { ...metadata, ...marks } };
}

/** The object with the marks of its deletion; undefined: nothing holds it, it goes now. The same object: nothing to do. */
function marked(
  definition: ResourceDefinition,
  live: Unstructured,
  options: DeleteOptions,
  now: number,
): Unstructured | undefined {
  const metadata = live.metadata ?? {};
  const finalizers = [
    ...new Set([
      ...finalizersFor(definition, metadata.finalizers ?? [], options),
      ...(metadata.deletionTimestamp === undefined ? (definition.strategy.holds ?? []) : []),
    ]),
  ];
  const isNamespace = definition.resource === "namespaces" && definition.group === "";
  const isPlain = isNamespace || definition.resource === "customresourcedefinitions";
  const holdsNamespace =
    isNamespace && ((live["spec"] as { finalizers?: readonly string[] } | undefined)?.finalizers ?? []).length > 0;
  const grace = definition.strategy.gracePeriod?.(live, options.gracePeriodSeconds ?? undefined) ?? 0;
  const before = metadata.deletionGracePeriodSeconds;
  const isMarked = metadata.deletionTimestamp !== undefined;
  const shorter = isMarked && before !== undefined ? Math.min(before, grace) : grace;
  if (finalizers.length === 0 && shorter === 0 && !holdsNamespace) return undefined;
  const since = isMarked ? Date.parse(metadata.deletionTimestamp ?? "") - (before ?? 0) * 1000 : now;
  const next: Unstructured = {
    ...live,
    metadata: {
      ...metadata,
      finalizers,
      deletionTimestamp:
        isMarked && shorter === before ? (metadata.deletionTimestamp ?? "") : formatTime(since + shorter * 1000),
      ...(!isPlain && { deletionGracePeriodSeconds: shorter }),
      ...(metadata.generation !== undefined && !isMarked && !isPlain && { generation: metadata.generation + 1 }),
    },
    ...(holdsNamespace && { status: { ...(live["status"] as object), phase: "Terminating" } }),
  };
  const { finalizers: none, ...rest } = next.metadata ?? {};
  const kept = none?.length === 0 ? { ...next, metadata: rest } : next;
  const result = isMarked ? kept : (definition.strategy.prepareForDelete?.(kept, now) ?? kept);
  return jsonEqual(result, live) ? live : result;
}

function finalizersFor(
  { strategy }: ResourceDefinition,
  present: readonly string[],
  options: DeleteOptions,
): readonly string[] {
  if (strategy.dependents === "none") return present;
  const asked =
    options.propagationPolicy ??
    (options.orphanDependents === true ? "Orphan" : options.orphanDependents === false ? "Background" : undefined);
  const isHeld = present.includes(FOREGROUND) || present.includes(ORPHAN);
  const policy = asked ?? (strategy.dependents === "orphan" && !isHeld ? "Orphan" : undefined);
  if (policy === undefined) return present;
  const others = present.filter((finalizer) => finalizer !== FOREGROUND && finalizer !== ORPHAN);
  return policy === "Foreground" ? [...others, FOREGROUND] : policy === "Orphan" ? [...others, ORPHAN] : others;
}

/** The Status that says that an object is gone. */
export function deletedStatus(definition: ResourceDefinition, object: Unstructured): object {
  const details = {
    name: object.metadata?.name ?? "",
    ...(definition.group !== "" && { group: definition.group }),
    kind: definition.resource,
    uid: object.metadata?.uid ?? "",
  };
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details };
}
