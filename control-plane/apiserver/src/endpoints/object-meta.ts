import { ApiError, type Unstructured } from "@tsukube/api";
import type { ObjectMeta } from "@tsukube/api/types/meta-v1";
import { type Clock, formatTime, nameSuffix, type Random } from "@tsukube/foundation";
import type { ResourceDefinition } from "../registry/definition.ts";

/** Longest base of a generated name; five characters follow (apimachinery, names.SimpleNameGenerator). */
const MAX_BASE = 58;

/** Checks name and namespace of a body against the path, and fills the namespace in. @throws {ApiError} 400. */
export function placed(
  object: Unstructured,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
): Unstructured {
  const metadata = object.metadata ?? {};
  const inBody = metadata.namespace ?? "";
  if (definition.namespaced && inBody !== "" && namespace !== "" && inBody !== namespace) {
    throw ApiError.badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
  }
  if (name !== "" && (metadata.name ?? "") !== "" && metadata.name !== name) {
    throw ApiError.badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  }
  const { namespace: _dropped, ...rest } = metadata;
  return {
    ...object,
    metadata: ordered({ ...rest, ...(definition.namespaced && { namespace }), ...(name !== "" && { name }) }),
  };
}

/** An address is a name that nothing can be added to. */
function isGenerated({ kind, apiVersion = "" }: Unstructured): boolean {
  return kind !== "IPAddress" || !apiVersion.startsWith("networking.k8s.io/");
}

/** The system's part of a new object's metadata. */
export function forCreate(object: Unstructured, clock: Clock, random: Random, generation: boolean): Unstructured {
  const {
    resourceVersion: _rv,
    selfLink: _link,
    deletionTimestamp: _at,
    deletionGracePeriodSeconds: _grace,
    ...metadata
  } = object.metadata ?? {};
  const name = metadata.name ?? "";
  const base = metadata.generateName ?? "";
  return {
    ...object,
    metadata: ordered({
      ...metadata,
      ...(name === "" &&
        base !== "" && { name: isGenerated(object) ? base.slice(0, MAX_BASE) + nameSuffix(random) : base }),
      uid: random.uuid(),
      ...(generation && { generation: 1 }),
      creationTimestamp: formatTime(clock.now()),
    }),
  };
}

/**
 * What an update cannot touch comes from the live object. When and how an object is to go is kept once it is known; before, validation
 * refuses it.
 */
export function forUpdate(next: Unstructured, old: Unstructured): Unstructured {
  const before = old.metadata ?? {};
  const { generation: _generation, ...metadata } = next.metadata ?? {};
  return {
    ...next,
    metadata: ordered({
      ...metadata,
      ...(metadata.uid === undefined || metadata.uid === "" ? { uid: before.uid ?? "" } : {}),
      ...(before.generation !== undefined && { generation: before.generation }),
      ...(before.creationTimestamp !== undefined && { creationTimestamp: before.creationTimestamp }),
      ...(before.deletionTimestamp !== undefined && { deletionTimestamp: before.deletionTimestamp }),
      ...((metadata.deletionGracePeriodSeconds ?? undefined) === undefined &&
        before.deletionGracePeriodSeconds !== undefined && {
          deletionGracePeriodSeconds: before.deletionGracePeriodSeconds,
        }),
    }),
  };
}

const ORDER: readonly (keyof ObjectMeta)[] = [
  "name",
  "generateName",
  "namespace",
  "selfLink",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "labels",
  "annotations",
  "ownerReferences",
  "finalizers",
  "managedFields",
];

/** Members in the order of the schema, for people who look at objects in a debugger. */
function ordered(metadata: ObjectMeta): ObjectMeta {
  const out: Record<string, unknown> = {};
  for (const name of ORDER) if (metadata[name] !== undefined) out[name] = metadata[name];
  return out as ObjectMeta;
}
