import { DECLARED } from "./declared.ts";
import { factsTable, factsType } from "./facts.ts";
import type { GroupVersionKind, GroupVersionResource } from "./schema.ts";
import { apiVersionOf } from "./schema.ts";

/** A registered built-in kind: a row of facts/gvk.tsv. */
export interface KindInfo extends GroupVersionKind {
  /** Key of facts/kinds.json, such as "core/v1.Pod". */
  readonly typeName: string;
  /** "PodList"; undefined for kinds that are not listed. */
  readonly listKind: string | undefined;
  /** Has ObjectMeta. */
  readonly object: boolean;
  /** "pods", or the subresources that answer this kind: "deployments/scale"; empty for kinds that are no resource. */
  readonly resources: readonly string[];
  /** `default`; `flag`: needs --runtime-config; "": not a resource of its own. */
  readonly served: "default" | "flag" | "";
  /** apiVersion in which it is stored, such as "autoscaling/v2"; undefined when it is not stored. */
  readonly storageVersion: string | undefined;
  /** "/registry/pods/{namespace}/{name}"; undefined when it is not stored. */
  readonly etcdKey: string | undefined;
  readonly etcdEncoding: "proto" | "json" | undefined;
  /** False for meta/v1.Table alone: asked for as protobuf it is 406. */
  readonly protobuf: boolean;
}

/** A verb set of a subresource, such as scale[get,patch,update]. */
export interface SubresourceInfo {
  readonly name: string;
  readonly verbs: readonly string[];
}

/** A built-in resource: a row of facts/resources.tsv. */
export interface ResourceInfo extends GroupVersionResource {
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly subresources: readonly SubresourceInfo[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly enabledByDefault: boolean;
}

let kindRows: ReadonlyMap<string, KindInfo> | undefined;
let resourceRows: ReadonlyMap<string, ResourceInfo> | undefined;

/** A built-in kind; undefined when none is registered under these names. */
export function kindOf(gvk: GroupVersionKind): KindInfo | undefined {
  kindRows ??= new Map([...factsTable("gvk.tsv"), ...DECLARED.kinds].map(parseKind).map((row) => [kindKey(row), row]));
  return kindRows.get(kindKey(gvk));
}

/** Every registered built-in kind, in the order of facts/gvk.tsv. */
export function allKinds(): readonly KindInfo[] {
  kindOf({ group: "", version: "", kind: "" });
  return [...(kindRows ?? new Map<string, KindInfo>()).values()];
}

/** A built-in resource; undefined when there is none. */
export function resourceOf(gvr: GroupVersionResource): ResourceInfo | undefined {
  resourceRows ??= new Map(
    [...factsTable("resources.tsv"), ...DECLARED.resources].map(parseResource).map((row) => [resourceKey(row), row]),
  );
  return resourceRows.get(resourceKey(gvr));
}

/** Every built-in resource, in the order of facts/resources.tsv. */
export function allResources(): readonly ResourceInfo[] {
  resourceOf({ group: "", version: "", resource: "" });
  return [...(resourceRows ?? new Map<string, ResourceInfo>()).values()];
}

function kindKey(gvk: GroupVersionKind): string {
  return `${apiVersionOf(gvk)} ${gvk.kind}`;
}

function resourceKey(gvr: GroupVersionResource): string {
  return `${apiVersionOf(gvr)} ${gvr.resource}`;
}

type Row = Readonly<Record<string, string>>;

function parseKind(row: Row): KindInfo {
  const optional = (column: string) => row[column] || undefined;
  const typeName = row["type"] ?? "";
  return {
    group: group(row),
    version: row["version"] ?? "",
    kind: row["kind"] ?? "",
    typeName,
    listKind: optional("listKind"),
    object: row["object"] === "yes",
    resources: (row["resource"] ?? "").split(",").filter((name) => name !== ""),
    served: (row["served"] ?? "") as KindInfo["served"],
    storageVersion: optional("storageVersion"),
    etcdKey: optional("etcdKey"),
    etcdEncoding: optional("etcdEncoding") as KindInfo["etcdEncoding"],
    get protobuf() {
      return factsType(typeName)?.proto !== 0;
    },
  };
}

function parseResource(row: Row): ResourceInfo {
  const list = (column: string, separator = ",") => (row[column] ?? "").split(separator).filter((item) => item !== "");
  return {
    group: group(row),
    version: row["version"] ?? "",
    resource: row["resource"] ?? Object.values(row)[2] ?? "",
    kind: row["kind"] ?? "",
    namespaced: row["namespaced"] === "true",
    verbs: list("verbs"),
    subresources: list("subresources", ";").map(parseSubresource),
    shortNames: list("shortNames"),
    categories: list("categories"),
    enabledByDefault: row["enabledByDefault"] === "yes",
  };
}

/** "scale[get,patch,update]". */
function parseSubresource(text: string): SubresourceInfo {
  const bracket = text.indexOf("[");
  return { name: text.slice(0, bracket), verbs: text.slice(bracket + 1, -1).split(",") };
}

function group(row: Row): string {
  return row["group"] === "core" ? "" : (row["group"] ?? "");
}
