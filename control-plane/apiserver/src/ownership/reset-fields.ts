import { FieldSet } from "@tsukube/api";
import type { ResourceDefinition } from "../registry/definition.ts";

/** Their status endpoints leave metadata alone, as those of custom resources do. */
export const STATUS_KEEPS_METADATA = new Set(
  (
    "apiservices flowschemas prioritylevelconfigurations validatingadmissionpolicies storageversions " +
    "storageversionmigrations resourceclaims volumeattachments podcertificaterequests devicetaintrules resourcepoolstatusrequests " +
    "evictionrequests evictions servicecidrs csinodes podgroups compositepodgroups"
  ).split(" "),
);

/** What nobody comes to own through a subresource; undefined: what the main endpoint resets. */
function subresourceResets(definition: ResourceDefinition, subresource: string): FieldSet | undefined {
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
  if (!typed || STATUS_KEEPS_METADATA.has(resource)) return FieldSet.of(spec, ["f:metadata"]);
  if (group === "apps" && resource === "deployments") return FieldSet.of(spec, ["f:metadata", "f:labels"]);
  return FieldSet.of(spec);
}

const resetFields = new WeakMap<ResourceDefinition, Map<string, FieldSet>>();

/** The fields that nobody comes to own through an endpoint, because it resets them; always the same set. */
export function resetFieldsOf(definition: ResourceDefinition, subresource: string): FieldSet {
  let sets = resetFields.get(definition);
  if (sets === undefined) resetFields.set(definition, (sets = new Map()));
  let set = sets.get(subresource);
  if (set === undefined) {
    const { status, resets = [] } = definition.strategy;
    const ownResets = [...(status ? ["f:status"] : []), ...resets].map((field) => [field]);
    set = subresourceResets(definition, subresource) ?? FieldSet.of(...ownResets);
    sets.set(subresource, set);
  }
  return set;
}
