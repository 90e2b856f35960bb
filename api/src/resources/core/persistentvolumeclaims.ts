import type { PersistentVolumeClaim } from "../../../generated/types/core-v1.ts";
import type { Unstructured } from "../../object.ts";
import { CORE } from "../../validation/core/rules.ts";
import { claimWarnings } from "../../warnings/storage.ts";
import { created, name, or } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";
import { accessModes } from "./access-modes.ts";

/** PersistentVolumeClaim: v1. */
export const persistentvolumeclaims: Resource = {
  group: "",
  resource: "persistentvolumeclaims",
  returnsDeleted: true,
  prepareForCreate: (claim) => ({ ...withDataSources(claim), status: { phase: "Pending" } }),
  prepareForUpdate: (next, old) => withDataSources(next, old),
  rules: CORE["/PersistentVolumeClaim"],
  warnings: claimWarnings,
  cells: (object, now) => [
    name(object),
    object.metadata?.deletionTimestamp === undefined ? textAt(object, "status.phase") : "Terminating",
    textAt(object, "spec.volumeName"),
    textAt(object, "spec.volumeName") === "" ? "" : or(textAt(object, "status.capacity.storage"), "0"),
    textAt(object, "spec.volumeName") === ""
      ? ""
      : accessModes((object["status"] as { accessModes?: readonly string[] } | undefined)?.accessModes),
    textAt(object, "spec.storageClassName"),
    or(textAt(object, "spec.volumeAttributesClassName"), "<unset>"),
    created(object, now),
    textAt(object, "spec.volumeMode") || "<unset>",
  ],
};

/**
 * dataSource and dataSourceRef say the same, unless the latter is in another namespace; dataSource alone brings nothing new but a claim or a
 * snapshot: others are left out, as they always were (KEP-1495).
 */
function withDataSources(claim: Unstructured, old?: Unstructured): Unstructured {
  const { dataSource, ...spec } = specOf(claim);
  const { dataSourceRef } = spec;
  if (dataSource && !dataSourceRef) {
    const isKept = isClaimOrSnapshot(dataSource) || hasSource(specOf(old));
    return { ...claim, spec: isKept ? { ...spec, dataSource, dataSourceRef: dataSource } : spec } as Unstructured;
  }
  if (!dataSourceRef || dataSource || (dataSourceRef.namespace ?? "") !== "") return claim;
  const { namespace: _own, ...source } = dataSourceRef;
  return { ...claim, spec: { ...spec, dataSource: source } } as Unstructured;
}

type Spec = NonNullable<PersistentVolumeClaim["spec"]>;

function specOf(claim: Unstructured | undefined): Spec {
  return (claim as PersistentVolumeClaim | undefined)?.spec ?? {};
}

function hasSource({ dataSource, dataSourceRef }: Spec): boolean {
  return Boolean(dataSource ?? dataSourceRef);
}

function isClaimOrSnapshot({ apiGroup, kind }: NonNullable<Spec["dataSource"]>): boolean {
  if (kind === "VolumeSnapshot") return apiGroup === "snapshot.storage.k8s.io";
  return kind === "PersistentVolumeClaim" && (apiGroup ?? "") === "";
}
