import { parseBoolean } from "@tsukube/foundation";
import { parseDuration } from "../duration.ts";
import { type GoPattern, goPattern, PatternError } from "../go-pattern.ts";
import { addQuantities, parseQuantity, quantityNumber, subtractQuantities } from "../quantity.ts";
import { ADDRESS_FUNCTIONS, ADDRESS_METHODS } from "./addresses.ts";
import { AUTHORIZER_METHODS } from "./authorizer.ts";
import { CelError } from "./cel-error.ts";
import { compare, int, noOverload, OPERATORS, uint } from "./operators.ts";
import { CelSemver, compareSemver, SEMVER_FUNCTIONS, SEMVER_METHODS } from "./semver.ts";
import { tableOf } from "./table-of.ts";
import { FORMAT_FUNCTIONS, FORMAT_METHODS } from "./text-formats.ts";
import {
  CelDuration,
  CelOptional,
  CelQuantity,
  CelTimestamp,
  CelType,
  CelUint,
  entryOf,
  hasKey,
  isEqual,
  isMap,
  keysOf,
  sizeOfMap,
  textOf,
  timestampOf,
  typeOf,
} from "./values.ts";

type Function = (...args: readonly unknown[]) => unknown;

function text(value: unknown, name: string): string {
  if (typeof value !== "string") throw noOverload(name, value);
  return value;
}

function list(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw noOverload(name, value);
  return value;
}

function index(value: unknown, name: string): number {
  if (typeof value !== "bigint") throw noOverload(name, value);
  return Number(value);
}

/** @throws {CelError} for a pattern that is none, or too much work. */
function withPattern<T>(pattern: string, work: (pattern: GoPattern) => T): T {
  try {
    return work(goPattern(pattern));
  } catch (error) {
    if (error instanceof PatternError) throw new CelError(`error parsing regexp: ${error.message}`);
    throw error;
  }
}

function size(value: unknown): bigint {
  if (typeof value === "string") return BigInt([...value].length);
  if (Array.isArray(value) || value instanceof Uint8Array) return BigInt(value.length);
  if (isMap(value)) return BigInt(sizeOfMap(value));
  throw noOverload("size", value);
}

function toInt(value: unknown): bigint {
  if (typeof value === "bigint") return value;
  if (value instanceof CelUint) return int(value.value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new CelError("integer overflow");
    return int(BigInt(Math.trunc(value)));
  }
  if (typeof value === "string" && /^[+-]?\d+$/.test(value)) return int(BigInt(value));
  if (value instanceof CelTimestamp) return value.nanos / 1_000_000_000n;
  if (typeof value === "string")
    throw new CelError(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
  throw noOverload("int", value);
}

function toDouble(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (value instanceof CelUint) return Number(value.value);
  const parsed = typeof value === "string" ? Number(value) : Number.NaN;
  if (typeof value === "string" && value.trim() !== "" && !Number.isNaN(parsed)) return parsed;
  if (typeof value === "string")
    throw new CelError(`strconv.ParseFloat: parsing ${JSON.stringify(value)}: invalid syntax`);
  throw noOverload("double", value);
}

function toBool(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  const parsed = typeof value === "string" ? parseBoolean(value) : undefined;
  if (parsed !== undefined) return parsed;
  throw noOverload("bool", value);
}

function quantity(value: unknown): CelQuantity {
  if (value instanceof CelQuantity) return value;
  try {
    return new CelQuantity(parseQuantity(text(value, "quantity")));
  } catch (error) {
    throw error instanceof CelError ? error : new CelError(error instanceof Error ? error.message : String(error));
  }
}

function isQuantity(value: unknown): boolean {
  try {
    quantity(value);
    return true;
  } catch {
    return false;
  }
}

function duration(value: unknown): CelDuration {
  if (value instanceof CelDuration) return value;
  try {
    return new CelDuration(parseDuration(text(value, "duration")));
  } catch (error) {
    throw error instanceof CelError ? error : new CelError(error instanceof Error ? error.message : String(error));
  }
}

function parsedUrl(value: unknown): URL | undefined {
  try {
    return new URL(text(value, "url"));
  } catch {
    return undefined;
  }
}

/** Functions called by name: `size(x)`. Those of one operand may be called on it as well. */
export const FUNCTIONS: Readonly<Record<string, Function>> = tableOf({
  size,
  int: toInt,
  uint: (value) => {
    if (value instanceof CelUint) return value;
    return uint(toInt(value));
  },
  double: toDouble,
  bool: toBool,
  string: textOf,
  bytes: (value) => (value instanceof Uint8Array ? value : new TextEncoder().encode(text(value, "bytes"))),
  dyn: (value) => value,
  sign: (a) => BigInt(quantity(a).quantity.nanos > 0n ? 1 : quantity(a).quantity.nanos < 0n ? -1 : 0),
  type: (value) => new CelType(typeOf(value)),
  duration,
  timestamp: (value) => (value instanceof CelTimestamp ? value : timestampOf(text(value, "timestamp"))),
  quantity,
  isQuantity,
  url: (value) => {
    const parsed = parsedUrl(value);
    if (parsed === undefined) throw new CelError(`URL parse error during conversion from string: ${textOf(value)}`);
    return parsed;
  },
  isURL: (value) => parsedUrl(value) !== undefined,
  matches: (a, b) => withPattern(text(b, "matches"), (pattern) => pattern.test(text(a, "matches"))),
  "optional.of": (value) => CelOptional.of(value),
  "optional.none": () => CelOptional.none,
  "optional.ofNonZeroValue": (value) => (isZero(value) ? CelOptional.none : CelOptional.of(value)),
  "sets.contains": (a, b) => list(b, "sets.contains").every((item) => has(list(a, "sets.contains"), item)),
  "sets.intersects": (a, b) => list(b, "sets.intersects").some((item) => has(list(a, "sets.intersects"), item)),
  "sets.equivalent": (a, b) => {
    const [left, right] = [list(a, "sets.equivalent"), list(b, "sets.equivalent")];
    return left.every((item) => has(right, item)) && right.every((item) => has(left, item));
  },
  "lists.range": (count) => Array.from({ length: Math.max(0, index(count, "lists.range")) }, (_, i) => BigInt(i)),
  ...ADDRESS_FUNCTIONS,
  ...SEMVER_FUNCTIONS,
  ...FORMAT_FUNCTIONS,
  "jsonpatch.escapeKey": (key) => text(key, "jsonpatch.escapeKey").replaceAll("~", "~0").replaceAll("/", "~1"),
});

function has(items: readonly unknown[], wanted: unknown): boolean {
  return items.some((item) => isEqual(item, wanted));
}

function isZero(value: unknown): boolean {
  if (value === null || value === false || value === 0 || value === 0n || value === "") return true;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  if (value instanceof CelUint) return value.value === 0n;
  return isMap(value) && sizeOfMap(value) === 0;
}

/** Methods, by name: the first argument is what they are called on. */
export const METHODS: Readonly<Record<string, Function>> = tableOf({
  size,
  contains: (a, b) => text(a, "contains").includes(text(b, "contains")),
  startsWith: (a, b) => text(a, "startsWith").startsWith(text(b, "startsWith")),
  endsWith: (a, b) => text(a, "endsWith").endsWith(text(b, "endsWith")),
  find: (a, b) => withPattern(text(b, "find"), (pattern) => pattern.find(text(a, "find")) ?? ""),
  findAll: (a, b, limit) => {
    const all = withPattern(text(b, "findAll"), (pattern) => [...pattern.findAll(text(a, "findAll"))]);
    return limit === undefined ? all : all.slice(0, index(limit, "findAll"));
  },
  charAt: (a, at) => [...text(a, "charAt")][index(at, "charAt")] ?? "",
  indexOf: (a, wanted, from) => {
    if (Array.isArray(a)) return BigInt(a.findIndex((item) => isEqual(item, wanted)));
    return BigInt(text(a, "indexOf").indexOf(text(wanted, "indexOf"), from === undefined ? 0 : index(from, "indexOf")));
  },
  lastIndexOf: (a, wanted) => {
    if (Array.isArray(a)) return BigInt(a.findLastIndex((item) => isEqual(item, wanted)));
    return BigInt(text(a, "lastIndexOf").lastIndexOf(text(wanted, "lastIndexOf")));
  },
  lowerAscii: (a) => text(a, "lowerAscii").replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()),
  upperAscii: (a) => text(a, "upperAscii").replaceAll(/[a-z]/g, (letter) => letter.toUpperCase()),
  trim: (a) => text(a, "trim").trim(),
  reverse: (a) => list(a, "reverse").toReversed(),
  replace: (a, from, to, limit) => replace(text(a, "replace"), text(from, "replace"), text(to, "replace"), limit),
  split: (a, separator, limit) => {
    const parts = text(a, "split").split(text(separator, "split"));
    if (limit === undefined || index(limit, "split") < 0 || parts.length <= index(limit, "split")) return parts;
    const most = index(limit, "split");
    if (most === 0) return [];
    return [...parts.slice(0, most - 1), parts.slice(most - 1).join(text(separator, "split"))];
  },
  substring: (a, from, to) => {
    const characters = [...text(a, "substring")];
    const [start, end] = [index(from, "substring"), to === undefined ? characters.length : index(to, "substring")];
    if (start < 0 || end > characters.length || start > end) throw new CelError(`index out of range: ${start}`);
    return characters.slice(start, end).join("");
  },
  join: (a, separator) =>
    list(a, "join")
      .map((item) => text(item, "join"))
      .join(separator === undefined ? "" : text(separator, "join")),
  isSorted: (a) => list(a, "isSorted").every((item, i, all) => i === 0 || compare("isSorted", all[i - 1], item) <= 0),
  sum: (a) => {
    const items = list(a, "sum");
    return items.length === 0 ? 0n : items.reduce((sum, item) => OPERATORS["_+_"]!(sum as never, item as never));
  },
  min: (a) => extreme(list(a, "min"), "min", (order) => order < 0),
  max: (a) => extreme(list(a, "max"), "max", (order) => order > 0),
  distinct: (a) => list(a, "distinct").filter((item, i, all) => all.findIndex((other) => isEqual(other, item)) === i),
  flatten: (a, depth = 1n) => {
    const levels = index(depth, "flatten");
    if (levels < 0) throw new CelError("level must be non-negative");
    return list(a, "flatten").flat(levels);
  },
  slice: (a, from, to) => list(a, "slice").slice(index(from, "slice"), index(to, "slice")),
  sort: (a) => list(a, "sort").toSorted((left, right) => compare("sort", left, right)),
  hasValue: (a) => optional(a, "hasValue").isPresent,
  value: (a) => {
    const { isPresent, value } = optional(a, "value");
    if (!isPresent) throw new CelError("optional.none() dereference");
    return value;
  },
  orValue: (a, other) => (optional(a, "orValue").isPresent ? optional(a, "orValue").value : other),
  or: (a, other) => (optional(a, "or").isPresent ? a : other),
  getFullYear: (a) => BigInt(date(a).getUTCFullYear()),
  getMonth: (a) => BigInt(date(a).getUTCMonth()),
  getDate: (a) => BigInt(date(a).getUTCDate()),
  getDayOfMonth: (a) => BigInt(date(a).getUTCDate() - 1),
  getDayOfWeek: (a) => BigInt(date(a).getUTCDay()),
  getDayOfYear: (a) => BigInt(Math.floor((date(a).getTime() - Date.UTC(date(a).getUTCFullYear(), 0)) / 86_400_000)),
  getHours: (a) => (a instanceof CelDuration ? a.nanos / 3_600_000_000_000n : BigInt(date(a).getUTCHours())),
  getMinutes: (a) => (a instanceof CelDuration ? a.nanos / 60_000_000_000n : BigInt(date(a).getUTCMinutes())),
  getSeconds: (a) => (a instanceof CelDuration ? a.nanos / 1_000_000_000n : BigInt(date(a).getUTCSeconds())),
  getMilliseconds: (a) =>
    a instanceof CelDuration ? (a.nanos / 1_000_000n) % 1000n : BigInt(date(a).getUTCMilliseconds()),
  add: (a, b) => new CelQuantity(addQuantities(quantity(a).quantity, quantityOf(b))),
  sub: (a, b) => new CelQuantity(subtractQuantities(quantity(a).quantity, quantityOf(b))),
  isGreaterThan: (a, b) => compareOpaque("isGreaterThan", a, b) > 0,
  isLessThan: (a, b) => compareOpaque("isLessThan", a, b) < 0,
  compareTo: (a, b) => BigInt(compareOpaque("compareTo", a, b)),
  first: (a) => (list(a, "first").length === 0 ? CelOptional.none : CelOptional.of(list(a, "first")[0])),
  last: (a) => (list(a, "last").length === 0 ? CelOptional.none : CelOptional.of(list(a, "last").at(-1))),
  ...ADDRESS_METHODS,
  ...AUTHORIZER_METHODS,
  ...SEMVER_METHODS,
  ...FORMAT_METHODS,
  isInteger: (a) => quantity(a).quantity.nanos % 1_000_000_000n === 0n,
  asInteger: (a) => {
    const { nanos } = quantity(a).quantity;
    if (nanos % 1_000_000_000n !== 0n) throw new CelError("cannot convert value to integer");
    return int(nanos / 1_000_000_000n);
  },
  asApproximateFloat: (a) => quantityNumber(textOf(quantity(a))),
  getScheme: (a) => address(a).protocol.replace(/:$/, ""),
  getHost: (a) => address(a).host,
  getHostname: (a) => address(a).hostname.replaceAll(/[[\]]/g, ""),
  getPort: (a) => address(a).port,
  getEscapedPath: (a) => address(a).pathname,
});

/** Of quantities, and of versions. */
function compareOpaque(name: string, a: unknown, b: unknown): number {
  if (a instanceof CelSemver && b instanceof CelSemver) return compareSemver(a, b);
  return compare(name, quantity(a), quantity(b));
}

function quantityOf(value: unknown): ReturnType<typeof parseQuantity> {
  return typeof value === "bigint" ? parseQuantity(String(value)) : quantity(value).quantity;
}

function address(value: unknown): URL {
  if (value instanceof URL) return value;
  throw noOverload("url", value);
}

function optional(value: unknown, name: string): CelOptional {
  if (value instanceof CelOptional) return value;
  throw noOverload(name, value);
}

function date(value: unknown): Date {
  if (!(value instanceof CelTimestamp)) throw noOverload("getDate", value);
  return new Date(Number(value.nanos / 1_000_000n));
}

function replace(source: string, from: string, to: string, limit: unknown): string {
  if (limit === undefined || index(limit, "replace") < 0) return source.replaceAll(from, to);
  let rest = source;
  let out = "";
  for (let left = index(limit, "replace"); left > 0; left -= 1) {
    const at = rest.indexOf(from);
    if (at < 0) break;
    out += rest.slice(0, at) + to;
    rest = rest.slice(at + from.length);
  }
  return out + rest;
}

function extreme(items: readonly unknown[], name: string, isBetter: (order: number) => boolean): unknown {
  if (items.length === 0) throw new CelError(`${name} called on empty list`);
  return items.reduce((best, item) => (isBetter(compare(name, item, best)) ? item : best));
}

/** The member of a map or the element of a list. @throws {CelError} when it is not there. */
export function member(container: unknown, key: unknown): unknown {
  const found = optionalMember(container, key);
  if (found.isPresent) return found.value;
  if (Array.isArray(container)) throw new CelError(`index out of bounds: ${textOf(key)}`);
  throw new CelError(`no such key: ${textOf(key)}`);
}

/** As {@link member}, for `.?` and `[?]`. */
export function optionalMember(container: unknown, key: unknown): CelOptional {
  if (container instanceof CelOptional)
    return container.isPresent ? optionalMember(container.value, key) : CelOptional.none;
  if (isMap(container)) return hasKey(container, key) ? CelOptional.of(entryOf(container, key)) : CelOptional.none;
  if (!Array.isArray(container)) throw noOverload("_[_]", container, key);
  const at = typeof key === "number" && Number.isInteger(key) ? key : key instanceof CelUint ? Number(key.value) : key;
  if (typeof at !== "bigint" && typeof at !== "number") throw noOverload("_[_]", container, key);
  const position = Number(at);
  return position >= 0 && position < container.length ? CelOptional.of(container[position]) : CelOptional.none;
}

/** What a comprehension goes through: elements of a list, keys of a map. @throws {CelError} */
export function iterate(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (isMap(value)) return keysOf(value);
  throw noOverload("comprehension", value);
}
