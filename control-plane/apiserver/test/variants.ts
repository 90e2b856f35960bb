import type { Json, Schema } from "@tsukube/api";

type Tree = Readonly<Record<string, Json>>;

/** A copy of `object` with the value at `path` replaced, or removed for undefined. */
export function withPath(object: Json, path: string, value: Json | undefined): Json {
  const copy = structuredClone(object) as Record<string, Json>;
  const keys = segments(path, copy);
  let at = copy;
  for (const key of keys.slice(0, -1)) at = (at[key] ??= {}) as Record<string, Json>;
  if (value === undefined) delete at[keys.at(-1)!];
  else at[keys.at(-1)!] = value;
  return copy;
}

export function valueIn(object: Json, keys: readonly string[]): Json | undefined {
  return keys.reduce<Json | undefined>((at, key) => (at as Tree | undefined)?.[key], object);
}

/** Recorded paths do not quote map keys with dots: the object tells. */
export function segments(path: string, object: unknown): readonly string[] {
  const parts = path.replaceAll(/\[(\d+)\]/g, ".$1").split(".");
  const keys: string[] = [];
  let at = object;
  for (let start = 0; start < parts.length; ) {
    const lengths = Array.from({ length: parts.length - start }, (_, index) => parts.length - start - index);
    const length = lengths.find((take) => isMember(at, parts.slice(start, start + take).join("."))) ?? 1;
    const key = parts.slice(start, start + length).join(".");
    keys.push(key);
    at = isMember(at, key) ? (at as Tree)[key] : undefined;
    start += length;
  }
  return keys;
}

function isMember(value: unknown, key: string): boolean {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key);
}

/** The body that a recorded case names, from the smallest good one. */
export function bodyOf(name: string, base: Json): Json {
  const fixed: Readonly<Record<string, () => Json>> = {
    "{}": () => ({}),
    "kind only": () => ({}),
    "name only": () => ({ metadata: { name: valueIn(base, ["metadata", "name"]) ?? "" } }),
    "no name": () => withPath(base, "metadata.name", undefined),
    "name Bad_Name": () => withPath(base, "metadata.name", "Bad_Name"),
    "name 254 chars": () => withPath(base, "metadata.name", "x".repeat(254)),
    "name with /": () => withPath(base, "metadata.name", "a/b"),
    'label key "a b"': () => withPath(base, "metadata.labels", { "a b": "c" }),
    'label value "-"': () => withPath(base, "metadata.labels", { a: "-" }),
    "labels: 5": () => withPath(base, "metadata.labels", 5),
  };
  if (fixed[name] !== undefined) return fixed[name]();
  const unknown = /^(spec )?unknown (field )?(Ignore|Warn|Strict)$/.exec(name);
  if (unknown !== null) return withPath(base, unknown[1] === undefined ? UNKNOWN : `spec.${UNKNOWN}`, 1);
  if (name.startsWith("no ")) return withPath(base, name.slice(3), undefined);
  const [, path, value] = /^([\w.]+): (.+)$/.exec(name) ?? [];
  if (path === undefined || value === undefined) throw new Error(`no body is known for the recorded case "${name}"`);
  return withPath(base, path, JSON.parse(value) as Json);
}

const UNKNOWN = "tsukubeUnknown";

/** Words that stand for each other where the schema has no enumeration. */
const FAMILIES: readonly (readonly string[])[] = [
  ["ClusterFirst", "None"],
  ["ReadWriteOnce", "ReadOnlyMany"],
  ["IPv4", "IPv6"],
  ["Fail", "Ignore"],
  ["Equivalent", "Exact"],
  ["Namespaced", "Cluster", "*"],
  ["CREATE", "UPDATE"],
  ["ApplyConfiguration", "JSONPatch"],
  ["Never", "IfNeeded"],
  ["ExactCount", "All"],
  ["Persistent", "Ephemeral"],
  ["Ingress", "Egress"],
  ["PreemptLowerPriority", "Never"],
  ["Immediate", "WaitForFirstConsumer"],
  ["Delete", "Retain"],
  ["Filesystem", "Block"],
  ["OnDelete", "RollingUpdate"],
  ["Recreate", "RollingUpdate"],
  ["Always", "OnFailure", "Never", "IfNotPresent"],
  ["SingleStack", "PreferDualStack", "RequireDualStack"],
  ["NoSchedule", "NoExecute"],
  ["Exists", "Equal"],
];

/** Values that a field could have been given instead. */
export function otherValues(value: Json | undefined, root: Schema, keys: readonly string[]): readonly Json[] {
  if (value === undefined || value === null) return ["x"];
  if (typeof value === "boolean") return [!value];
  if (typeof value === "number") return [value + 1, value - 1];
  const text = value as string;
  const schema = schemaAt(root, keys);
  const family = [...(schema?.enum ?? []), ...FAMILIES.filter((words) => words.includes(text)).flat()] as string[];
  const words = family.filter((word) => word !== text);
  return [...words, ...shaped(text), `${text}x`];
}

/** Values of the same form. */
function shaped(text: string): readonly string[] {
  if (/^\d+[KMG]i$/.test(text)) return ["7Gi"];
  if (/^\d+%$/.test(text)) return ["26%"];
  return /^[\d.]+$/.test(text) ? ["10.0.0.7"] : [];
}

function schemaAt(root: Schema, keys: readonly string[]): Schema | undefined {
  return keys.reduce<Schema | undefined>((schema, key) => {
    if (schema?.kind === "object") return schema.fields.get(key)?.schema;
    return schema?.kind === "map" ? schema.values : schema?.kind === "list" ? schema.items : undefined;
  }, root);
}
