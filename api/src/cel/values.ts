import { parseDuration } from "../duration.ts";
import type { Json } from "../object.ts";
import { formatQuantity, type Quantity } from "../quantity.ts";
import type { ScalarSchema, Schema } from "../schema.ts";
import { CelError } from "./cel-error.ts";
import { unescapeName } from "./names.ts";

/** An unsigned 64-bit integer. Signed ones are bigint, doubles are number. */
export class CelUint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

/** A point in time, in nanoseconds since the epoch. */
export class CelTimestamp {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** A span of time in nanoseconds. */
export class CelDuration {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class CelQuantity {
  readonly quantity: Quantity;
  constructor(quantity: Quantity) {
    this.quantity = quantity;
  }
}

/** A value that may be absent (cel-spec, optional types). */
export class CelOptional {
  static readonly none = new CelOptional(undefined, false);
  readonly value: unknown;
  readonly isPresent: boolean;
  private constructor(value: unknown, isPresent: boolean) {
    this.value = value;
    this.isPresent = isPresent;
  }
  static of(value: unknown): CelOptional {
    return new CelOptional(value, true);
  }
}

/** A message that an expression made: `Object.spec{replicas: 1}`. */
export class CelStruct {
  readonly name: string;
  readonly fields: ReadonlyMap<string, unknown>;
  constructor(name: string, fields: ReadonlyMap<string, unknown>) {
    this.name = name;
    this.fields = fields;
  }
}

/** The value of a type: `type(1) == int`. */
export class CelType {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** A map that an expression made; keys are compared by value. */
export class CelMap {
  readonly #entries = new Map<string, readonly [unknown, unknown]>();

  get size(): number {
    return this.#entries.size;
  }

  get(key: unknown): unknown {
    return this.#entries.get(keyText(key))?.[1];
  }

  has(key: unknown): boolean {
    return this.#entries.has(keyText(key));
  }

  set(key: unknown, value: unknown): void {
    this.#entries.set(keyText(key), [key, value]);
  }

  keys(): readonly unknown[] {
    return [...this.#entries.values()].map(([key]) => key);
  }
}

function keyText(key: unknown): string {
  if (typeof key === "string") return `s${key}`;
  if (typeof key === "boolean") return `b${key}`;
  if (typeof key === "bigint") return `n${key}`;
  if (key instanceof CelUint) return `n${key.value}`;
  if (typeof key === "number" && Number.isInteger(key)) return `n${BigInt(key)}`;
  throw new CelError(`unsupported key type: ${typeOf(key)}`);
}

/** An object of the API, or a part of one; members are adapted when they are asked for. */
export class CelObject {
  readonly raw: Readonly<Record<string, unknown>>;
  readonly schema: Schema | undefined;

  constructor(raw: Readonly<Record<string, unknown>>, schema: Schema | undefined) {
    this.raw = raw;
    this.schema = schema;
  }

  has(name: string): boolean {
    const field = this.#fieldOf(name);
    return Object.hasOwn(this.raw, field) && this.raw[field] !== undefined;
  }

  get(name: string): unknown {
    const field = this.#fieldOf(name);
    return adapt(this.raw[field], memberSchema(this.schema, field));
  }

  /** Fields of a schema are escaped in expressions, keys of maps are not. */
  #fieldOf(name: string): string {
    return this.schema?.kind === "object" ? unescapeName(name) : name;
  }

  keys(): readonly string[] {
    return Object.keys(this.raw).filter((name) => this.raw[name] !== undefined);
  }
}

/** An object whose members are computed when they are first asked for. */
export class CelLazyObject extends CelObject {
  readonly #members: ReadonlyMap<string, () => unknown>;
  readonly #values = new Map<string, unknown>();

  constructor(members: ReadonlyMap<string, () => unknown>) {
    super({}, undefined);
    this.#members = members;
  }

  override has(name: string): boolean {
    return this.#members.has(name);
  }

  override get(name: string): unknown {
    if (!this.#values.has(name)) this.#values.set(name, this.#members.get(name)?.());
    return this.#values.get(name);
  }

  override keys(): readonly string[] {
    return [...this.#members.keys()];
  }
}

function memberSchema(schema: Schema | undefined, name: string): Schema | undefined {
  if (schema?.kind === "object") return schema.fields.get(name)?.schema;
  return schema?.kind === "map" ? schema.values : undefined;
}

/** A JSON value as CEL sees it. Without schema, whole numbers are ints. */
export function adapt(value: unknown, schema?: Schema): unknown {
  if (value === undefined || value === null) return null;
  if (schema?.kind === "scalar") return adaptScalar(value, schema);
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) {
    const items = schema?.kind === "list" ? schema.items : undefined;
    return value.map((item) => adapt(item, items));
  }
  if (typeof value === "object" && isPlain(value))
    return new CelObject(value as Readonly<Record<string, unknown>>, schema);
  return value;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function adaptScalar(value: unknown, { scalar, format }: ScalarSchema): unknown {
  if (scalar === "double") return Number(value);
  if (typeof value !== "string") return adapt(value);
  switch (format) {
    case "date-time":
      return timestampOf(value);
    case "date":
      return timestampOf(`${value}T00:00:00Z`);
    case "duration":
      return new CelDuration(parseDuration(value));
    case "byte":
      return Uint8Array.from(atob(value), (character) => character.charCodeAt(0));
    default:
      return value;
  }
}

const RFC_3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/** @throws {CelError} for what is no RFC 3339 time. */
export function timestampOf(text: string): CelTimestamp {
  const [, base, fraction = "", zone] = RFC_3339.exec(text) ?? [];
  const ms = base === undefined ? Number.NaN : Date.parse(base + zone);
  if (Number.isNaN(ms)) throw new CelError(`invalid timestamp: ${JSON.stringify(text)}`);
  return new CelTimestamp(BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, "0")));
}

/** A CEL value as JSON. @throws {CelError} for values that have none. */
export function toJson(value: unknown): Json {
  if (value === null || typeof value === "string" || typeof value === "boolean" || typeof value === "number")
    return value;
  if (typeof value === "bigint") return integerJson(value);
  if (value instanceof CelUint) return integerJson(value.value);
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof CelObject) return value.raw as unknown as Json;
  if (value instanceof CelStruct)
    return Object.fromEntries([...value.fields].map(([name, member]) => [name, toJson(member)]));
  if (value instanceof CelMap)
    return Object.fromEntries(value.keys().map((key) => [textOf(key), toJson(value.get(key))]));
  if (value instanceof Uint8Array) return btoa(String.fromCharCode(...value));
  if (value instanceof CelTimestamp || value instanceof CelDuration || value instanceof CelQuantity)
    return textOf(value);
  throw new CelError(`unsupported conversion of ${typeOf(value)} to JSON`);
}

function integerJson(value: bigint): Json {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : (value as unknown as Json);
}

/** A value of one of Kubernetes' own types; equal where the texts are. */
export abstract class CelOpaque {
  abstract readonly typeName: string;
  abstract readonly text: string;
}

/** The name of a value's type, as messages have it. */
export function typeOf(value: unknown): string {
  if (value === null) return "null_type";
  if (Array.isArray(value)) return "list";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof CelUint) return "uint";
  if (value instanceof CelTimestamp) return "google.protobuf.Timestamp";
  if (value instanceof CelDuration) return "google.protobuf.Duration";
  if (value instanceof CelQuantity) return "kubernetes.Quantity";
  if (value instanceof CelOptional) return "optional_type";
  if (value instanceof CelStruct) return value.name;
  if (value instanceof CelType) return "type";
  if (value instanceof CelObject || value instanceof CelMap) return "map";
  if (value instanceof CelOpaque) return value.typeName;
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return "double";
    case "string":
      return "string";
    default:
      return "dyn";
  }
}

/** string(value). @throws {CelError} */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (typeof value === "number") return doubleText(value);
  if (value instanceof CelUint) return String(value.value);
  if (value instanceof Uint8Array) return new TextDecoder("utf-8", { fatal: true }).decode(value);
  if (value instanceof CelTimestamp) return timestampText(value.nanos);
  if (value instanceof CelDuration) return durationText(value.nanos);
  if (value instanceof CelQuantity) return formatQuantity(value.quantity);
  if (value instanceof CelOpaque) return value.text;
  throw new CelError(`no such overload: string(${typeOf(value)})`);
}

function doubleText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return Number.isNaN(value) ? "NaN" : String(value);
}

function timestampText(nanos: bigint): string {
  const ms = nanos / 1_000_000n - (nanos % 1_000_000n < 0n ? 1n : 0n);
  const base = new Date(Number(ms)).toISOString().slice(0, 19);
  const fraction = ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const digits = fraction === 0n ? "" : `.${String(fraction).padStart(9, "0").replace(/0+$/, "")}`;
  return `${base}${digits}Z`;
}

function durationText(nanos: bigint): string {
  const sign = nanos < 0n ? "-" : "";
  const all = nanos < 0n ? -nanos : nanos;
  const fraction = all % 1_000_000_000n;
  const digits = fraction === 0n ? "" : `.${String(fraction).padStart(9, "0").replace(/0+$/, "")}`;
  return `${sign}${all / 1_000_000_000n}${digits}s`;
}

/** `==`. Numbers are equal across their types, other values only within one. */
export function isEqual(a: unknown, b: unknown): boolean {
  const order = compareNumbers(a, b);
  if (order !== undefined) return order === 0;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => isEqual(item, b[i]));
  if (isMap(a))
    return (
      isMap(b) &&
      sizeOfMap(a) === sizeOfMap(b) &&
      keysOf(a).every((key) => hasKey(b, key) && isEqual(entryOf(a, key), entryOf(b, key)))
    );
  if (a instanceof Uint8Array)
    return b instanceof Uint8Array && a.length === b.length && a.every((byte, i) => byte === b[i]);
  if (a instanceof CelTimestamp) return b instanceof CelTimestamp && a.nanos === b.nanos;
  if (a instanceof CelDuration) return b instanceof CelDuration && a.nanos === b.nanos;
  if (a instanceof CelQuantity) return b instanceof CelQuantity && a.quantity.nanos === b.quantity.nanos;
  if (a instanceof CelType) return b instanceof CelType && a.name === b.name;
  if (a instanceof CelOpaque) return b instanceof CelOpaque && a.typeName === b.typeName && a.text === b.text;
  if (a instanceof CelOptional)
    return b instanceof CelOptional && a.isPresent === b.isPresent && (!a.isPresent || isEqual(a.value, b.value));
  return a === b;
}

/** -1, 0, 1 of two numbers of whatever types; undefined if one is none, NaN of one that is NaN. */
export function compareNumbers(a: unknown, b: unknown): number | undefined {
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left === undefined || right === undefined) return undefined;
  if (Number.isNaN(left as number) || Number.isNaN(right as number)) return Number.NaN;
  return left < right ? -1 : left > right ? 1 : 0;
}

function numberOf(value: unknown): bigint | number | undefined {
  if (typeof value === "bigint" || typeof value === "number") return value;
  return value instanceof CelUint ? value.value : undefined;
}

export type AnyMap = CelObject | CelMap | CelStruct;

export function isMap(value: unknown): value is AnyMap {
  return value instanceof CelObject || value instanceof CelMap || value instanceof CelStruct;
}

export function keysOf(map: AnyMap): readonly unknown[] {
  return map instanceof CelStruct ? [...map.fields.keys()] : map.keys();
}

export function sizeOfMap(map: AnyMap): number {
  return keysOf(map).length;
}

export function hasKey(map: AnyMap, key: unknown): boolean {
  if (map instanceof CelMap) return map.has(key);
  if (typeof key !== "string") return false;
  return map instanceof CelStruct ? map.fields.has(key) : map.has(key);
}

export function entryOf(map: AnyMap, key: unknown): unknown {
  if (map instanceof CelMap) return map.get(key);
  return map instanceof CelStruct ? map.fields.get(key as string) : map.get(key as string);
}
