import { formatTime } from "@tsukube/foundation";
import type { Unstructured } from "../../object.ts";
import { CUSTOM_RESOURCES } from "../../validation/groups/custom-resource-definitions.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { conditionOf, listAt, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";
import { withCondition } from "./definition-conditions.ts";
import { formatWarnings } from "./format-warnings.ts";

interface CrdSpec {
  readonly names?: { readonly kind?: string; readonly singular?: string; readonly listKind?: string };
  readonly versions?: readonly { readonly name?: string; readonly storage?: boolean }[];
}

/** Of a definition whose deletion was asked for. */
const DELETION_PENDING = {
  type: "Terminating",
  status: "True",
  reason: "InstanceDeletionPending",
  message: "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
};

/** CustomResourceDefinition: apiextensions.k8s.io/v1. */
export const customresourcedefinitions: Resource = {
  group: "apiextensions.k8s.io",
  resource: "customresourcedefinitions",
  generation: true,
  unconditionalUpdate: false,
  dependents: "none",
  holds: ["customresourcecleanup.apiextensions.k8s.io"],
  prepareForDelete: (crd, now) => withCondition(crd as never, DELETION_PENDING, formatTime(now)) as never,
  prepareForCreate: (crd) =>
    withNames({
      ...crd,
      status: { conditions: null, acceptedNames: { plural: "", kind: "" }, storedVersions: storedVersionOf(crd) },
    }),
  prepareForUpdate: (next, old) => {
    const status = (old["status"] ?? {}) as { storedVersions?: readonly string[] };
    const storedVersions = [...new Set([...(status.storedVersions ?? []), ...storedVersionOf(next)])];
    return withNames({ ...next, status: { ...status, storedVersions } });
  },
  warnings: formatWarnings,
  rules: CUSTOM_RESOURCES["apiextensions.k8s.io/CustomResourceDefinition"],
  statusRules: STATUSES["apiextensions.k8s.io/CustomResourceDefinition"],
  cells: (object) => {
    const served = listAt(object, "spec.versions").filter((version) => version["served"] === true);
    const versions = served.map((version) => `${version["name"]}${version["storage"] === true ? "(storage)" : ""}`);
    return [
      name(object),
      textAt(object, "spec.scope"),
      versions.sort().join(","),
      object.metadata?.creationTimestamp,
      textAt(object, "spec.group"),
      textAt(object, "spec.names.kind"),
      listAt<string>(object, "spec.names.shortNames").join(","),
      conditionOf(object, "Established").status === "True",
    ];
  },
};

/** The version that objects of a definition are written in from now on, if it says so. */
function storedVersionOf(crd: Unstructured): readonly string[] {
  const { versions } = (crd["spec"] ?? {}) as CrdSpec;
  const stored = (versions ?? []).find((version) => version.storage === true);
  return stored === undefined ? [] : [stored.name ?? ""];
}

/** Singular and list kind follow from the kind unless they are given. */
function withNames(crd: Unstructured): Unstructured {
  const spec = (crd["spec"] ?? {}) as CrdSpec;
  const { kind = "" } = spec.names ?? {};
  const singular = spec.names?.singular || kind.toLowerCase();
  const listKind = spec.names?.listKind || (kind === "" ? "" : `${kind}List`);
  return { ...crd, spec: { ...spec, names: { ...spec.names, singular, listKind } } };
}
