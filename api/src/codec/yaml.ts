import {
  type Alias,
  Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  Pair,
  parseAllDocuments,
  Scalar,
  YAMLMap,
  YAMLSeq,
} from "yaml";
import type { Json } from "../object.ts";
import type { Schema } from "../schema.ts";
import { type Decoded, DecodeError, type DecodeOptions, MOST_NESTED } from "./decode-error.ts";
import { OPEN } from "./json-bytes.ts";
import { decodeJson, decodeUnstructured } from "./json-decode.ts";
import { encodeJson, encodeUnstructured, quote, sortedKeys } from "./json-encode.ts";
import { jsonOfBlockYaml } from "./yaml-block.ts";

/** Nodes made by following aliases: bounds what "billion laughs" makes of a small body. */
const MOST_ALIASED_NODES = 100_000;
/** Brackets open at once, before the parser sees them: it needs long for what it refuses in the end. */
const MOST_OPEN_BRACKETS = 10_000;
/** Levels of a value: its writer calls itself several times for each. */
const MOST_WRITTEN = 200;
/** Characters from which on a parser is spared. */
const SMALL = 1000;
const MOST_RESOLVED = 1000;
/** Characters of such a value: what is refused in the end is not to be parsed twice. */
const MOST_ALONE = 500;
const encoder = new TextEncoder();

/**
 * Decodes a YAML (or JSON) body by its schema: kubectl's dialect of YAML 1.1, one document. Duplicate keys are reported as Go's
 * YAML library reports them.
 * @throws {DecodeError}
 */
export function decodeYaml<T = unknown>(bytes: Uint8Array, schema: Schema, options: DecodeOptions = {}): Decoded<T> {
  return decodeThroughJson(bytes, options, (json) => decodeJson<T>(json, schema, options));
}

/** Decodes YAML (or JSON) into any JSON value. @throws {DecodeError} */
export function decodeYamlUnstructured<T = Json>(bytes: Uint8Array, options: DecodeOptions = {}): Decoded<T> {
  return decodeThroughJson(bytes, options, (json) => decodeUnstructured<T>(json, options));
}

/**
 * Encodes as sigs.k8s.io/yaml does: keys sorted, ends with a newline. `schema` undefined: any JSON value. What is nested deeper than anybody
 * reads is written as JSON, which is YAML, too.
 */
export function encodeYaml(object: unknown, schema: Schema | undefined): Uint8Array {
  const json = schema === undefined ? encodeUnstructured(object) : encodeJson(object, schema);
  const value = decodeUnstructured<unknown>(json).object;
  if (isDeeper(value, MOST_WRITTEN)) return encoder.encode(`${new TextDecoder().decode(json)}\n`);
  const document = new Document(null, { version: "1.1", customTags: goIntegers });
  document.contents = nodeOf(value) as never;
  const text = document.toString({ lineWidth: 0, indentSeq: false });
  return encoder.encode(text);
}

/** Whether a value has more than `most` levels below it. */
function isDeeper(value: unknown, most: number): boolean {
  if (value === null || typeof value !== "object") return false;
  return most === 0 || Object.values(value).some((member) => isDeeper(member, most - 1));
}

function decodeThroughJson<T>(
  bytes: Uint8Array,
  options: DecodeOptions,
  decode: (json: Uint8Array) => Decoded<T>,
): Decoded<T> {
  const fromJson = ifJson(bytes, () => decode(bytes));
  // read as YAML only for the words and the order in which problems are reported
  const isPlain = fromJson?.problems.every((problem, index) => index === 0 && problem.startsWith("unknown"));
  if (fromJson !== undefined && isPlain) return fromJson;
  const { json, problems } = jsonOfYaml(bytes, options);
  const decoded = decode(json);
  return { object: decoded.object, problems: [...problems, ...decoded.problems] };
}

/**
 * What JSON decodes to, without YAML's parser; undefined for what begins like JSON and is not, or does not fit: YAML allows
 * `{"a": 1,}`, and takes 1.0 for what 1 is.
 */
function ifJson<T>(bytes: Uint8Array, decode: () => T): T | undefined {
  if (bytes.find((byte) => byte > 0x20) !== OPEN) return undefined;
  try {
    return decode();
  } catch (error) {
    if (error instanceof DecodeError && error.code !== "limit") return undefined;
    throw error;
  }
}

/** YAML becomes JSON first, so that there is one decoder. */
function jsonOfYaml(bytes: Uint8Array, options: DecodeOptions): { json: Uint8Array; problems: readonly string[] } {
  if (options.maxBytes !== undefined && bytes.length > options.maxBytes) {
    throw new DecodeError("limit", `Cannot decode body: ${bytes.length} bytes, expected at most ${options.maxBytes}`);
  }
  checkBrackets(bytes);
  const text = new TextDecoder().decode(bytes);
  const quick = text.length < SMALL ? undefined : jsonOfBlockYaml(text, resolver(options));
  if (quick !== undefined) return { json: encoder.encode(quick), problems: [] };
  return parsed(text, options);
}

/** Values that stand alone, each asked for once: most documents have few that differ. */
function resolver(options: DecodeOptions): (text: string) => string | undefined {
  const known = new Map<string, string | undefined>();
  return (text) => {
    if (text.length > MOST_ALONE) return undefined;
    if (!known.has(text)) known.set(text, known.size < MOST_RESOLVED ? alone(text, options) : undefined);
    return known.get(text);
  };
}

/** Undefined for what means something else as a document than as a value, and for what refers to another place. */
function alone(text: string, options: DecodeOptions): string | undefined {
  if (/^(?:---|\.\.\.|[!|>?%@`,\]}]|-$|- )|[&*]/.test(text)) return undefined;
  try {
    const { json: bytes, problems } = parsed(`${text}\n`, options);
    const json = new TextDecoder().decode(bytes);
    const isNested = json.startsWith("{") || json.startsWith("[");
    return problems.length > 0 || isNested !== /^[{[]/.test(text) ? undefined : json;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function parsed(text: string, options: DecodeOptions): { json: Uint8Array; problems: readonly string[] } {
  const documents = parseAllDocuments(text, {
    version: "1.1",
    uniqueKeys: false,
    intAsBigInt: true,
    customTags: dialect,
    logLevel: "silent",
  });
  const [document] = documents;
  if (!Array.isArray(documents) || document === undefined) return { json: encoder.encode("null"), problems: [] };
  const error = document.errors[0];
  if (error !== undefined) {
    // of its own calls, which it makes for what is nested
    if (error.message.startsWith("Maximum call stack")) throw new DecodeError("limit", "exceeded max depth");
    const line = error.linePos?.[0].line;
    throw new DecodeError(
      "syntax",
      `error converting YAML to JSON: yaml: ${line === undefined ? "" : `line ${line}: `}${firstLine(error.message)}`,
    );
  }
  const converter = new Converter(text, options.maxDepth ?? MOST_NESTED, (alias) => alias.resolve(document));
  const json = converter.json(document.contents as Node | null, 0);
  const { duplicates } = converter;
  const problems =
    duplicates.length === 0 ? [] : [`yaml: unmarshal errors:\n${duplicates.map((line) => `  ${line}`).join("\n")}`];
  return { json: encoder.encode(json), problems };
}

function checkBrackets(bytes: Uint8Array): void {
  let open = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === 0x5b || byte === 0x7b) open++;
    else if ((byte === 0x5d || byte === 0x7d) && open > 0) open--;
    if (open > MOST_OPEN_BRACKETS) throw new DecodeError("limit", "exceeded max depth");
  }
}

function firstLine(message: string): string {
  return (message.split("\n")[0] ?? "").replace(/ at line \d+, column \d+:?$/, "");
}

/** kubectl's dialect has no sexagesimal numbers and no dates: `22:22` and `2025-01-01` are strings. Of whole numbers it has all forms of Go's. */
type Tags = Parameters<typeof parseAllDocuments>[1] extends infer O
  ? O extends { customTags?: infer T }
    ? T
    : never
  : never;
const dialect: Tags = ((tags: readonly { tag?: string; format?: string; test?: RegExp }[]) =>
  tags
    .concat(GO_INTEGER)
    .filter((tag) => tag.format !== "TIME" && tag.tag !== "tag:yaml.org,2002:timestamp")
    .map((tag) =>
      tag.tag === FLOAT && tag.format === undefined ? { ...tag, test: notOnlyADot(tag.test) } : tag,
    )) as unknown as Tags;

/** Text that reads as one of those is quoted. */
const goIntegers: Tags = ((tags: readonly object[]) => [...tags, GO_INTEGER]) as unknown as Tags;

const FLOAT = "tag:yaml.org,2002:float";

/** What YAML 1.1 does not know of `0o17`, `0X1F` and `0B11`. */
const GO_INTEGER = {
  tag: "tag:yaml.org,2002:int",
  default: true,
  test: /^[-+]?0(?:[oO]_*[0-7][0-7_]*|X_*[\da-fA-F][\da-fA-F_]*|B_*[01][01_]*)$/,
  resolve: (text: string): bigint => {
    const amount = BigInt(text.replace(/^[-+]/, "").replaceAll("_", ""));
    return text.startsWith("-") ? -amount : amount;
  },
};

/** A lone dot is text, as in the `.: {}` of managed fields. */
function notOnlyADot(test: RegExp | undefined): RegExp | undefined {
  return test === undefined ? undefined : new RegExp(`(?=.*\\d|.*[iInN])${test.source}`, test.flags);
}

/** Walks a document and writes JSON. */
class Converter {
  readonly duplicates: string[] = [];
  readonly #text: string;
  readonly #maxDepth: number;
  readonly #resolve: (alias: Alias) => Node | undefined;
  /** Nodes met within aliases. */
  #nodes = 0;
  /** Aliases being followed. */
  #aliases = 0;

  constructor(text: string, maxDepth: number, resolve: (alias: Alias) => Node | undefined) {
    this.#text = text;
    this.#maxDepth = maxDepth;
    this.#resolve = resolve;
  }

  json(node: Node | null | undefined, depth: number): string {
    if (depth > this.#maxDepth) throw new DecodeError("limit", "exceeded max depth");
    if (this.#aliases > 0 && ++this.#nodes > MOST_ALIASED_NODES) {
      throw new DecodeError("limit", "error converting YAML to JSON: yaml: document contains excessive aliasing");
    }
    if (isAlias(node)) return this.#alias(node, depth);
    if (isMap(node)) return this.#map(node, depth);
    if (isSeq(node)) return `[${node.items.map((item) => this.json(item as Node, depth + 1)).join(",")}]`;
    return isScalar(node) ? scalarJson(node.value, node.source) : "null";
  }

  #alias(alias: Alias, depth: number): string {
    this.#aliases++;
    const json = this.json(this.#target(alias), depth + 1);
    this.#aliases--;
    return json;
  }

  #target(alias: Alias): Node {
    const target = this.#resolve(alias);
    if (target !== undefined) return target;
    throw new DecodeError("syntax", `error converting YAML to JSON: yaml: unknown anchor '${alias.source}' referenced`);
  }

  #map(node: YAMLMap, depth: number): string {
    const members = new Map<string, string>();
    this.#collect(node, members, depth);
    // as Go's maps become JSON: problems are found in this order
    const sorted = [...members].sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${sorted.map(([key, json]) => `${quote(key)}:${json}`).join(",")}}`;
  }

  /** Own keys win over merged ones, later ones over earlier. */
  #collect(node: YAMLMap, members: Map<string, string>, depth: number): void {
    const own = new Set<string>();
    for (const pair of node.items as Pair<Node, Node>[]) {
      if (
        isScalar(pair.key) &&
        (pair.key.value === "<<" || typeof pair.key.value === "symbol") &&
        pair.key.type !== Scalar.QUOTE_DOUBLE
      ) {
        this.#merge(pair.value, members, own, depth);
        continue;
      }
      const key = keyText(pair.key);
      if (own.has(key))
        this.duplicates.push(`line ${this.#line(pair.key)}: key ${JSON.stringify(key)} already set in map`);
      own.add(key);
      members.set(key, this.json(pair.value, depth + 1));
    }
  }

  #merge(value: Node | null, members: Map<string, string>, own: ReadonlySet<string>, depth: number): void {
    if (depth > this.#maxDepth) throw new DecodeError("limit", "exceeded max depth");
    const node = isAlias(value) ? this.#target(value) : value;
    if (isSeq(node)) {
      for (const item of node.items) this.#merge(item as Node, members, own, depth + 1);
    } else if (isMap(node)) {
      const merged = new Map<string, string>();
      this.#collect(node, merged, depth + 1);
      for (const [key, json] of merged) if (!own.has(key) && !members.has(key)) members.set(key, json);
    } else
      throw new DecodeError(
        "syntax",
        "error converting YAML to JSON: yaml: map merge requires map or sequence of maps as the value",
      );
  }

  #line(node: Node | null): number {
    const offset = node?.range?.[0] ?? 0;
    return this.#text.slice(0, offset).split("\n").length;
  }
}

function keyText(node: Node | null): string {
  if (!isScalar(node)) {
    if (node === null) throw nullKey();
    throw new DecodeError("syntax", "error converting YAML to JSON: unsupported map key, expected a scalar");
  }
  if (node.value === null) throw nullKey();
  return String(node.value);
}

function nullKey(): DecodeError {
  return new DecodeError(
    "syntax",
    "error converting YAML to JSON: unsupported map key of type: %!s(<nil>), key: <nil>",
  );
}

function scalarJson(value: unknown, source = ""): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "number" && !Number.isFinite(value)) {
    if (/\d/.test(source)) return quote(source); // past every float is text
    const shown = Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
    throw new DecodeError("syntax", `error converting YAML to JSON: json: unsupported value: ${shown}`);
  }
  if (value instanceof Uint8Array) return quote(new TextDecoder().decode(value));
  return typeof value === "string" ? quote(value) : String(value);
}

/** Nodes keep the order of keys, which objects would not for keys that look like indexes. */
function nodeOf(value: unknown): Node {
  if (Array.isArray(value)) {
    const list = new YAMLSeq();
    list.items = value.map(nodeOf);
    list.flow = value.length === 0;
    return list;
  }
  if (value === null || typeof value !== "object") return new Scalar(value);
  const map = new YAMLMap();
  const keys = sortedKeys(value);
  map.items = keys.map((key) => new Pair(new Scalar(key), nodeOf((value as Readonly<Record<string, unknown>>)[key])));
  map.flow = keys.length === 0;
  return map;
}
