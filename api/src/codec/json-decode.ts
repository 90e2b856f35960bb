import { messageOf } from "@tsukube/foundation";
import { formatDuration, parseDuration } from "../duration.ts";
import type { Json } from "../object.ts";
import { canonicalQuantity } from "../quantity.ts";
import type { Schema } from "../schema.ts";
import { canonicalMicroTime, canonicalTime } from "../timestamps.ts";
import { base64OfBytes, canonicalBase64 } from "./base64.ts";
import { type Decoded, DecodeError, type DecodeOptions, MOST_NESTED } from "./decode-error.ts";
import { encodeUnstructured, JsonText } from "./json-encode.ts";
import { JsonReader } from "./json-reader.ts";
import { jsonSchemaPlan, schemasPlan, stringsPlan } from "./json-schema-plans.ts";
import { type FieldPlan, fill, isZero, type Plan, planOf, setMember, zeroValue } from "./plan.ts";
import { extentOf, share, sharedValue } from "./shared-fields.ts";

const CLOSE_OBJECT = 0x7d;
const CLOSE_ARRAY = 0x5d;
const INT32_MAX = 2 ** 31 - 1;
const INT64_MAX = 2n ** 63n - 1n;

/** Deeper than any real object, shallow enough for recursion on every platform. */
/** As many problems are reported as upstream reports. */
const MOST_PROBLEMS = 100;

/**
 * Decodes a JSON body by its schema into the normal form: exactly what {@link encodeJson} prints. Fields that Go drops when
 * zero are absent, those it always prints are present (null for a nil list, map or pointer); unknown fields are dropped and
 * reported.
 * @throws {DecodeError}
 */
export function decodeJson<T = unknown>(bytes: Uint8Array, schema: Schema, options: DecodeOptions = {}): Decoded<T> {
  const decoder = new Decoder(bytes, options);
  const plan = planOf(schema);
  decoder.rootType = schema.kind === "object" ? schema.typeName.slice(schema.typeName.indexOf("/") + 1) : "";
  const value = decoder.whole(() => decoder.value(plan) ?? zeroValue(plan));
  return { object: value as T, problems: decoder.problems };
}

/**
 * Decodes any JSON value (patches, custom resources); integers past 2^53 are bigints, those past int64 numbers. Keys keep
 * their order, but for those that look like array indexes.
 * @throws {DecodeError}
 */
export function decodeUnstructured<T = Json>(bytes: Uint8Array, options: DecodeOptions = {}): Decoded<T> {
  const decoder = new Decoder(bytes, options);
  const value = decoder.whole(() => decoder.any(true));
  return { object: value as T, problems: decoder.problems };
}

/** Decodes a JSON text that RawExtension holds. @throws {DecodeError} */
export function decodeRawJson(bytes: Uint8Array): unknown {
  const decoder = new Decoder(bytes, { collectProblems: false });
  return decoder.whole(() => decoder.any(false));
}

/** Decodes the text of FieldsV1, shared with whatever else has the same. @throws {DecodeError} */
export function decodeFields(bytes: Uint8Array): unknown {
  const decoder = new Decoder(bytes, { collectProblems: false });
  return decoder.whole(() => decoder.fields());
}

/**
 * Brings a value (an unstructured object after a patch, or one made by hand) into the normal form of `schema`, as decoding
 * its JSON would.
 * @throws {DecodeError}
 */
export function normalize<T = unknown>(value: unknown, schema: Schema, options: DecodeOptions = {}): Decoded<T> {
  return decodeJson<T>(encodeUnstructured(value), schema, options);
}

/** One body being decoded. */
class Decoder {
  readonly problems: string[] = [];
  /** Go's name of the whole, such as "v1.Pod". */
  rootType = "";
  readonly #reader: JsonReader;
  readonly #maxDepth: number;
  readonly #keepsNumbers: boolean;
  readonly #collects: boolean;
  readonly #emptied: (readonly string[])[] | undefined;
  /** Fields, indexes and map keys from the root to the value being read. */
  readonly #path: (FieldPlan | string | number)[] = [];
  /** The structs around it, innermost last. */
  readonly #structs: string[] = [];
  #depth = 0;
  /** Within a value that nobody wants: only its syntax counts. */
  #skipping = false;
  /** Like Go, the first value of a wrong type is reported, after the syntax of the whole was checked. */
  #typeError: DecodeError | undefined;

  constructor(bytes: Uint8Array, options: DecodeOptions) {
    if (options.maxBytes !== undefined && bytes.length > options.maxBytes) {
      throw new DecodeError("limit", `Cannot decode body: ${bytes.length} bytes, expected at most ${options.maxBytes}`);
    }
    this.#reader = new JsonReader(bytes);
    this.#keepsNumbers = options.keepsNumbers ?? false;
    this.#maxDepth = options.maxDepth ?? MOST_NESTED;
    this.#collects = options.collectProblems ?? true;
    this.#emptied = options.emptied;
  }

  whole<T>(read: () => T): T {
    const value = read();
    this.#reader.end();
    if (this.#typeError !== undefined) throw this.#typeError;
    return value;
  }

  /** Reads a value; undefined for null and for values of a wrong type. */
  value(plan: Plan): unknown {
    const reader = this.#reader;
    const token = reader.peek();
    if (plan.op === "raw") return plan.shared ? this.fields() : this.any(false);
    if (token === "null") {
      reader.null();
      return undefined;
    }
    switch (plan.op) {
      case "object":
        return token === "object" ? this.#object(plan) : this.#mismatch(token);
      case "map":
        return token === "object" ? this.#map(plan) : this.#mismatch(token);
      case "list":
        return token === "array" ? this.#list(plan) : this.#mismatch(token);
      case "string":
        return token === "string" ? reader.string() : this.#mismatch(token);
      case "bool":
        return token === "bool" ? reader.bool() : this.#mismatch(token);
      case "int32":
      case "int64":
      case "double":
        return token === "number" ? this.#number(plan.op) : this.#mismatch(token);
      case "any":
        return this.any(true);
      case "intOrString":
        if (token === "string") return reader.string();
        return token === "number" ? this.#number("int32", "int32") : this.#mismatch(token, "int32");
      case "schemaOrBool":
      case "schemaOrArray":
      case "schemaOrStrings":
        return this.#schemaOr(plan.op, token);
      default:
        return this.#formatted(plan.op, token);
    }
  }

  /** FieldsV1, shared with whatever else has the same. */
  fields(): unknown {
    const reader = this.#reader;
    if (reader.peek() !== "object") return this.any(false);
    const { bytes, position } = reader;
    const extent = extentOf(bytes, position);
    if (extent === undefined) return this.any(false);
    const known = sharedValue(bytes, position, extent);
    if (known === undefined) return share(bytes, position, extent, this.any(false));
    reader.position = extent.end;
    return known;
  }

  #object(plan: Plan): unknown {
    const reader = this.#reader;
    const out: Record<string, unknown> = {};
    this.#enter("{");
    this.#structs.push(plan.structName);
    let seen: Set<string> | undefined;
    // Two words of bits know the first 62 fields; no struct has many more.
    let low = 0;
    let high = 0;
    for (let more = reader.open(CLOSE_OBJECT); more; more = reader.more(CLOSE_OBJECT, "after object key:value pair")) {
      const name = reader.name();
      const field = plan.fields.get(name);
      if (field === undefined) {
        this.#problem("unknown", name);
        this.#skip();
        continue;
      }
      const bit = 1 << (field.index % 31);
      if (field.index < 31) {
        if ((low & bit) !== 0) this.#problem("duplicate", name);
        low |= bit;
      } else if (field.index < 62) {
        if ((high & bit) !== 0) this.#problem("duplicate", name);
        high |= bit;
      } else if ((seen ??= new Set()).has(name)) this.#problem("duplicate", name);
      else seen.add(name);
      this.#field(out, field);
    }
    this.#structs.pop();
    this.#depth--;
    return fill(out, plan);
  }

  #field(out: Record<string, unknown>, field: FieldPlan): void {
    this.#path.push(field);
    const { plan } = field;
    const value = this.value(plan);
    if (this.#emptied !== undefined && field.dropsEmpty && value !== undefined && isZero(value, plan.op))
      this.#noteEmpty();
    this.#path.pop();
    const empty = value === undefined || value === null;
    if (empty || (field.dropsZero && isZero(value, plan.op) && !this.#clearsManagers(field))) {
      if (out[field.name] !== undefined) delete out[field.name];
    } else {
      out[field.name] = value;
    }
  }

  #noteEmpty(): void {
    const path: string[] = [];
    for (const [index, step] of this.#path.entries()) {
      if (typeof step !== "object") return;
      const { schema } = step.plan;
      if (index < this.#path.length - 1 && schema.kind === "object" && schema.mapType === "atomic") return;
      path.push(step.name);
    }
    this.#emptied?.push(path);
  }

  /** Who sends an object with an empty list of managers clears them; who sends none leaves them. */
  #clearsManagers({ name }: FieldPlan): boolean {
    return name === "managedFields" && this.#path.length === 1;
  }

  #map(plan: Plan): unknown {
    const reader = this.#reader;
    const out: Record<string, unknown> = {};
    this.#enter("{");
    const { element } = plan;
    for (let more = reader.open(CLOSE_OBJECT); more; more = reader.more(CLOSE_OBJECT, "after object key:value pair")) {
      const name = reader.name();
      if (Object.hasOwn(out, name)) this.#problem("duplicate", name);
      this.#path.push(name);
      setMember(out, name, this.value(element) ?? (element.op === "bytes" ? "" : zeroValue(element)));
      this.#path.pop();
    }
    this.#depth--;
    return out;
  }

  #list(plan: Plan): unknown {
    const reader = this.#reader;
    const out: unknown[] = [];
    this.#enter("[");
    const { element } = plan;
    const at = this.#path.push(0) - 1;
    for (let more = reader.open(CLOSE_ARRAY); more; more = reader.more(CLOSE_ARRAY, "after array element")) {
      this.#path[at] = out.length;
      out.push(this.value(element) ?? zeroValue(element));
    }
    this.#path.pop();
    this.#depth--;
    return out;
  }

  #number(op: "int32" | "int64" | "double", shown?: string): unknown {
    const reader = this.#reader;
    const value = reader.number();
    const text = reader.numberText === "" ? String(value) : reader.numberText;
    if (op === "double" && text === "-0") return -0;
    if (op === "double")
      return Number.isFinite(Number(value)) ? Number(value) : this.#typeMismatch(`number ${text}`, "float64");
    const fits =
      op === "int32"
        ? typeof value === "number" && value <= INT32_MAX && value >= -INT32_MAX - 1
        : value <= INT64_MAX && value >= -INT64_MAX - 1n;
    return fits && reader.numberIsInteger ? value : this.#typeMismatch(`number ${text}`, shown ?? op);
  }

  /** Types with a text form of their own. */
  #formatted(op: "bytes" | "quantity" | "time" | "microTime" | "duration", token: string): unknown {
    const reader = this.#reader;
    if (op === "quantity" && token === "number") {
      const start = reader.position;
      reader.number();
      return this.#canonical(canonicalQuantity, String.fromCharCode(...reader.bytes.subarray(start, reader.position)));
    }
    if (token !== "string" && op === "quantity") {
      this.#skip();
      return this.#canonical(canonicalQuantity, token);
    }
    if (op === "bytes" && token === "array") return this.#numberedBytes();
    if (token !== "string") return this.#mismatch(token, op === "bytes" ? undefined : "string");
    return this.#canonical(CANONICAL[op], reader.string());
  }

  /** Go takes bytes as a list of numbers too. */
  #numberedBytes(): string {
    const reader = this.#reader;
    const out: number[] = [];
    for (let more = reader.open(CLOSE_ARRAY); more; more = reader.more(CLOSE_ARRAY, "after array element"))
      out.push(this.#byte());
    return base64OfBytes(Uint8Array.from(out));
  }

  #byte(): number {
    const reader = this.#reader;
    const token = reader.peek();
    if (token === "number") {
      const value = reader.number();
      if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 255) return value;
      this.#typeMismatch(`number ${reader.numberText === "" ? value : reader.numberText}`, "uint8");
    } else if (token === "null") reader.null();
    else this.#mismatch(token, "uint8");
    return 0;
  }

  #canonical(canonical: (text: string) => unknown, text: string): unknown {
    try {
      return canonical(text);
    } catch (error) {
      this.#typeError ??= new DecodeError("type", messageOf(error), { cause: error });
      return undefined;
    }
  }

  /** JSONSchemaProps, or what the op says instead. */
  #schemaOr(op: "schemaOrBool" | "schemaOrArray" | "schemaOrStrings", token: string): unknown {
    if (token === "object") return this.value(jsonSchemaPlan());
    if (op === "schemaOrBool" && token === "bool") return this.#reader.bool();
    if (op !== "schemaOrBool" && token === "array")
      return this.value(op === "schemaOrArray" ? schemasPlan() : stringsPlan());
    this.#skip();
    if (op !== "schemaOrBool") return []; // what upstream makes of anything else: neither one
    this.#typeError ??= new DecodeError("type", "boolean JSON value or object expected");
    return undefined;
  }

  /** Any JSON value. `typed`: as Go decodes into interface{}; otherwise kept as RawExtension keeps bytes. */
  any(typed: boolean): unknown {
    const reader = this.#reader;
    switch (reader.peek()) {
      case "object":
        return this.#anyObject(typed);
      case "array":
        return this.#anyList(typed);
      case "string":
        return reader.string();
      case "bool":
        return reader.bool();
      case "null":
        return reader.null();
      case "number":
        return this.#anyNumber(typed);
    }
  }

  #anyNumber(typed: boolean): unknown {
    const value = this.#reader.number();
    const { numberText, numberIsInteger } = this.#reader;
    if (typeof value === "number") {
      if (!Number.isFinite(value) && !this.#skipping) return this.#typeMismatch(`number ${numberText}`, "float64");
      const isAsShown = !this.#keepsNumbers || numberIsInteger || String(value) === numberText;
      return isAsShown ? value : new JsonText(numberText);
    }
    if (value <= INT64_MAX && value >= -INT64_MAX - 1n) return value;
    if (this.#keepsNumbers) return new JsonText(numberText);
    return typed ? Number(value) : value;
  }

  #anyObject(typed: boolean): unknown {
    const reader = this.#reader;
    const out: Record<string, unknown> = {};
    this.#enter("{");
    for (let more = reader.open(CLOSE_OBJECT); more; more = reader.more(CLOSE_OBJECT, "after object key:value pair")) {
      const name = reader.name();
      if (typed && Object.hasOwn(out, name)) this.#problem("duplicate", name);
      this.#path.push(name);
      setMember(out, name, this.any(typed));
      this.#path.pop();
    }
    this.#depth--;
    return out;
  }

  #anyList(typed: boolean): unknown {
    const reader = this.#reader;
    const out: unknown[] = [];
    this.#enter("[");
    const at = this.#path.push(0) - 1;
    for (let more = reader.open(CLOSE_ARRAY); more; more = reader.more(CLOSE_ARRAY, "after array element")) {
      this.#path[at] = out.length;
      out.push(this.any(typed));
    }
    this.#path.pop();
    this.#depth--;
    return out;
  }

  #skip(): void {
    this.#skipping = true;
    this.any(false);
    this.#skipping = false;
  }

  #enter(bracket: "{" | "["): void {
    if (++this.#depth > this.#maxDepth)
      throw new DecodeError("limit", `invalid character '${bracket}' exceeded max depth`);
  }

  #problem(what: "unknown" | "duplicate", name: string): void {
    if (!this.#collects || this.problems.length >= MOST_PROBLEMS) return;
    const text = `${what} field ${JSON.stringify(joinPath([...this.#path, name]))}`;
    if (!this.problems.includes(text)) this.problems.push(text);
  }

  /** Skips the value; `goType` when the error names another type than the field's. */
  #mismatch(token: string, goType?: string): undefined {
    if (token === "number") {
      this.#reader.number();
      return this.#typeMismatch("number", goType);
    }
    this.#skip();
    return this.#typeMismatch(token, goType);
  }

  #typeMismatch(value: string, goType?: string): undefined {
    this.#typeError ??= new DecodeError("type", `json: cannot unmarshal ${value} into ${this.#target(goType)}`);
    return undefined;
  }

  /** "Go struct field PodSpec.spec.containers of type []v1.Container". */
  #target(goType: string | undefined): string {
    const fields = this.#path.filter((step) => typeof step === "object");
    const struct = this.#structs.at(-1);
    const within = this.#path.length - 1 - this.#path.findLastIndex((step) => typeof step === "object");
    const type = goType ?? elementType(fields.at(-1)?.goType ?? this.rootType, within);
    if (struct === undefined || fields.length === 0) return `Go value of type ${type === "" ? "interface {}" : type}`;
    return `Go struct field ${struct}.${fields.map(goPathOf).join(".")} of type ${type}`;
  }
}

/** The type of an element so many levels within "[]T" or "map[K]T"; lists behind a name are of strings. */
function elementType(goType: string, levels: number): string {
  if (levels === 0) return goType;
  const inner = goType.replace(/^\[\]|^map\[[^\]]*\]/, "");
  return inner === goType ? "string" : elementType(inner, levels - 1);
}

/** With the names of the structs that embed the field. */
function goPathOf({ name, field }: FieldPlan): string {
  return [...(field.embeddedIn ?? []), name].join(".");
}

/** "spec.containers[0].name". */
function joinPath(path: readonly (FieldPlan | string | number)[]): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else text += `${text === "" ? "" : "."}${typeof step === "string" ? step : step.name}`;
  }
  return text;
}

const CANONICAL = {
  bytes: canonicalBase64,
  quantity: (text: string) => canonicalQuantity(text.trim()),
  time: canonicalTime,
  microTime: canonicalMicroTime,
  duration: (text: string) => formatDuration(parseDuration(text)),
} as const;
