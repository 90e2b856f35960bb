import { FieldSet, type Unstructured } from "@tsukube/api";
import type { ResourceDefinition } from "../registry/definition.ts";

/** Their status endpoints leave metadata alone, as those of custom resources do. */
const KEEPING = new Set(
  (
    "apiservices flowschemas prioritylevelconfigurations validatingadmissionpolicies storageversions " +
    "storageversionmigrations resourceclaims volumeattachments podcertificaterequests devicetaintrules resourcepoolstatusrequests " +
    "evictionrequests evictions servicecidrs csinodes podgroups compositepodgroups"
  ).split(" "),
);

/** What nobody comes to own through a subresource; undefined: what the main endpoint resets. */
export function subresourceResets(definition: ResourceDefinition, subresource: string): FieldSet | undefined {
  switch (subresource) {
    case "status":
      return statusResets(definition);
    case "approval":
      return FieldSet.of(["f:spec"], ["f:status", "f:certificate"]);
    case "ephemeralcontainers":
    case "resize":
      return FieldSet.empty; // though all but a part is left alone
    default:
      return undefined;
  }
}

function statusResets({ typed, group, resource }: ResourceDefinition): FieldSet {
  const spec = ["f:spec"];
  if (resource === "certificatesigningrequests") return FieldSet.of(spec, ["f:status", "f:conditions"]);
  if (!typed || KEEPING.has(resource)) return FieldSet.of(spec, ["f:metadata"]);
  if (group === "apps" && resource === "deployments") return FieldSet.of(spec, ["f:metadata", "f:labels"]);
  return FieldSet.of(spec);
}

/** The metadata after a write to the status endpoint. Most kinds take what a controller notes there, annotations for one. */
export function statusMetadata(
  definition: ResourceDefinition,
  next: Unstructured,
  live: Unstructured,
): NonNullable<Unstructured["metadata"]> {
  const { resource, group } = definition;
  const before = live.metadata ?? {};
  if (!definition.typed || (KEEPING.has(resource) && resource !== "apiservices"))
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
