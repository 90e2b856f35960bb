import type { Unstructured } from "@tsukube/api";
import { STATUS_KEEPS_METADATA } from "../ownership/reset-fields.ts";
import type { ResourceDefinition } from "../registry/definition.ts";

/** The metadata after a write to the status endpoint. Most kinds take what a controller notes there, annotations for one. */
export function statusMetadata(
  definition: ResourceDefinition,
  next: Unstructured,
  live: Unstructured,
): NonNullable<Unstructured["metadata"]> {
  const { resource, group } = definition;
  const before = live.metadata ?? {};
  if (!definition.typed || (STATUS_KEEPS_METADATA.has(resource) && resource !== "apiservices"))
    return withManaged(before, next.metadata);
  const after = next.metadata ?? {};
  if (resource === "apiservices") return NOTES.reduce((metadata, name) => withFrom(metadata, before, name), after);
  if (group === "" && resource === "pods") return withFrom(after, before, "ownerReferences");
  if (group === "apps" && resource === "deployments") return withFrom(after, before, "labels");
  return after;
}

/** What is noted on an object, for others to read. */
const NOTES = ["labels", "annotations", "finalizers", "ownerReferences"] as const;

type Metadata = NonNullable<Unstructured["metadata"]>;

function withManaged(before: Metadata, after: Metadata | undefined): Metadata {
  const { managedFields: _old, ...rest } = before;
  return { ...rest, ...(after?.managedFields !== undefined && { managedFields: after.managedFields }) };
}

function withFrom(after: Metadata, before: Metadata, name: (typeof NOTES)[number]): Metadata {
  const { [name]: _written, ...rest } = after;
  return before[name] === undefined ? rest : { ...rest, [name]: before[name] };
}
