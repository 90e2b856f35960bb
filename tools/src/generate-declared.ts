import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Resource } from "@tsukube/api";

type Row = Readonly<Record<string, string>>;
type Field = Readonly<Record<string, unknown>> & { readonly type: string };
type Declaration = NonNullable<Resource["declares"]>;

interface Declared {
  readonly types: Record<string, { readonly fields: readonly object[] }>;
  readonly kinds: Row[];
  readonly resources: Row[];
  readonly columns: Record<string, readonly (readonly [string, string, string, number])[]>;
}

const VARINTS = new Set(["int32", "int64", "bool"]);
const ALL_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/** What resources declare that facts do not know, in the form of facts. The text of api/generated/declared.json. */
export async function generateDeclared(root: string): Promise<string> {
  const { RESOURCES } = (await import(join(root, "api/generated/resources.ts"))) as { RESOURCES: readonly Resource[] };
  const table = readFileSync(join(root, "api/facts/resources.tsv"), "utf8");
  const known = new Set(table.split("\n").map((line) => line.replace(/\t.*/s, "")));
  const all: Declared = { types: {}, kinds: [], resources: [], columns: {} };
  for (const resource of RESOURCES)
    if (resource.declares !== undefined) declare(all, resource, resource.declares, known);
  return `${JSON.stringify(all, undefined, 1)}\n`;
}

function declare(
  all: Declared,
  { group, resource }: Resource,
  declaration: Declaration,
  known: ReadonlySet<string>,
): void {
  const { version, kind, namespaced, types } = declaration;
  const apiVersion = `${group}/${version}`;
  const home = `${group.split(".")[0]}/${version}.`;
  if (known.has(group))
    throw new Error(`Cannot declare resource "${resource}": group "${group}" is upstream's, expected one of its own`);
  if (types[kind] === undefined)
    throw new Error(
      `Cannot declare resource "${resource}": no type "${kind}", expected one with the fields of the kind`,
    );
  const meta = { name: "", inline: 1, type: "meta/v1.TypeMeta" };
  for (const [name, fields] of Object.entries(types)) {
    const isKind = name === kind;
    const own = Object.entries(fields).map(([field, of], index) => ({
      name: field,
      ...fieldOf(of as string | Field, types, home),
      pb: index + (isKind ? 2 : 1),
    }));
    const metadata = { name: "metadata", type: "meta/v1.ObjectMeta", pb: 1, wire: "bytes", omit: "empty" };
    all.types[home + name] = { fields: isKind ? [meta, metadata, ...own] : own };
  }
  all.types[`${home}${kind}List`] = {
    fields: [
      meta,
      { name: "metadata", type: "meta/v1.ListMeta", pb: 1, wire: "bytes", omit: "empty" },
      { name: "items", type: `[]${home}${kind}`, pb: 2, wire: "bytes", req: 1 },
    ],
  };
  const kindRow = { group, version, kind, type: home + kind, listKind: `${kind}List`, object: "yes" };
  const place = namespaced ? "{namespace}/{name}" : "{name}";
  all.kinds.push(
    {
      ...kindRow,
      resource,
      served: "default",
      storageVersion: apiVersion,
      etcdKey: `/registry/${group}/${resource}/${place}`,
      etcdEncoding: "proto",
    },
    { group, version, kind: `${kind}List`, type: `${home}${kind}List`, object: "no" },
  );
  const { verbs = ALL_VERBS, subresources = [], shortNames = [], categories = [], columns } = declaration;
  all.resources.push({
    group,
    version,
    resource,
    kind,
    namespaced: String(namespaced),
    verbs: verbs.join(","),
    subresources: subresources.map((name) => `${name}[get,patch,update]`).join(";"),
    shortNames: shortNames.join(","),
    categories: categories.join(","),
    enabledByDefault: "yes",
  });
  if (columns !== undefined) all.columns[`${apiVersion} ${resource}`] = columns;
}

function fieldOf(of: string | Field, types: Declaration["types"], home: string): Field & { readonly wire: string } {
  const field = typeof of === "string" ? { type: of } : of;
  const [, prefix = "", base = ""] = /^((?:\[\]|map:)*)(.*)$/.exec(field.type) ?? [];
  const type = types[base] === undefined ? field.type : `${prefix}${home}${base}`;
  const wire = prefix.startsWith("map:")
    ? "bytes"
    : VARINTS.has(base)
      ? "varint"
      : base === "double"
        ? "fixed64"
        : "bytes";
  return { omit: "empty", ...field, type, wire };
}
