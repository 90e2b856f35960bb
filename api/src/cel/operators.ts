import { CelError } from "./cel-error.ts";
import { tableOf } from "./table-of.ts";
import {
  CelDuration,
  CelQuantity,
  CelTimestamp,
  CelUint,
  compareNumbers,
  hasKey,
  isEqual,
  isMap,
  typeOf,
} from "./values.ts";

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;
const MAX_UINT = 2n ** 64n - 1n;

export function noOverload(name: string, ...args: readonly unknown[]): CelError {
  return new CelError(`no such overload: ${name}(${args.map(typeOf).join(", ")})`);
}

/** @throws {CelError} past 64 bits. */
export function int(value: bigint): bigint {
  if (value < MIN || value > MAX) throw new CelError("integer overflow");
  return value;
}

export function uint(value: bigint): CelUint {
  if (value < 0n || value > MAX_UINT) throw new CelError("unsigned integer overflow");
  return new CelUint(value);
}

type Binary = (a: unknown, b: unknown) => unknown;

function arithmetic(
  name: string,
  ints: (a: bigint, b: bigint) => bigint,
  doubles?: (a: number, b: number) => number,
): Binary {
  return (a, b) => {
    if (typeof a === "bigint" && typeof b === "bigint") return int(ints(a, b));
    if (a instanceof CelUint && b instanceof CelUint) return uint(ints(a.value, b.value));
    if (doubles !== undefined && typeof a === "number" && typeof b === "number") return doubles(a, b);
    throw noOverload(name, a, b);
  };
}

function nonZero(what: string, operate: (a: bigint, b: bigint) => bigint) {
  return (a: bigint, b: bigint): bigint => {
    if (b === 0n) throw new CelError(what);
    return operate(a, b);
  };
}

const plus = arithmetic(
  "_+_",
  (a, b) => a + b,
  (a, b) => a + b,
);
const minus = arithmetic(
  "_-_",
  (a, b) => a - b,
  (a, b) => a - b,
);

function add(a: unknown, b: unknown): unknown {
  if (typeof a === "string" && typeof b === "string") return a + b;
  if (Array.isArray(a) && Array.isArray(b)) return [...a, ...b];
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Uint8Array.from([...a, ...b]);
  if (a instanceof CelTimestamp && b instanceof CelDuration) return new CelTimestamp(a.nanos + b.nanos);
  if (a instanceof CelDuration && b instanceof CelTimestamp) return new CelTimestamp(a.nanos + b.nanos);
  if (a instanceof CelDuration && b instanceof CelDuration) return new CelDuration(int(a.nanos + b.nanos));
  return plus(a, b);
}

function subtract(a: unknown, b: unknown): unknown {
  if (a instanceof CelTimestamp && b instanceof CelTimestamp) return new CelDuration(int(a.nanos - b.nanos));
  if (a instanceof CelTimestamp && b instanceof CelDuration) return new CelTimestamp(a.nanos - b.nanos);
  if (a instanceof CelDuration && b instanceof CelDuration) return new CelDuration(int(a.nanos - b.nanos));
  return minus(a, b);
}

/** -1, 0, 1; NaN where neither is more. @throws {CelError} for values without an order. */
export function compare(name: string, a: unknown, b: unknown): number {
  const numbers = compareNumbers(a, b);
  if (numbers !== undefined) return numbers;
  const order = (left: bigint | number | boolean, right: bigint | number | boolean): number =>
    left < right ? -1 : left > right ? 1 : 0;
  if (typeof a === "string" && typeof b === "string") return order(compareText(a, b), 0);
  if (typeof a === "boolean" && typeof b === "boolean") return order(a, b);
  if (a instanceof CelTimestamp && b instanceof CelTimestamp) return order(a.nanos, b.nanos);
  if (a instanceof CelDuration && b instanceof CelDuration) return order(a.nanos, b.nanos);
  if (a instanceof CelQuantity && b instanceof CelQuantity) return order(a.quantity.nanos, b.quantity.nanos);
  if (a instanceof Uint8Array && b instanceof Uint8Array)
    return order(compareText(String.fromCharCode(...a), String.fromCharCode(...b)), 0);
  throw noOverload(name, a, b);
}

/** By code points, as Go orders strings. */
function compareText(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let i = 0; i < Math.min(left.length, right.length); i += 1) {
    const difference = left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

function contains(item: unknown, container: unknown): boolean {
  if (Array.isArray(container)) return container.some((one) => isEqual(one, item));
  if (isMap(container)) return hasKey(container, item);
  throw noOverload("@in", item, container);
}

/** The operators that take all their operands' values; the logical ones are lazy and elsewhere. */
export const OPERATORS: Readonly<Record<string, (...args: never[]) => unknown>> = tableOf({
  "_+_": add,
  "_-_": subtract,
  "_*_": arithmetic(
    "_*_",
    (a, b) => a * b,
    (a, b) => a * b,
  ),
  "_/_": arithmetic(
    "_/_",
    nonZero("division by zero", (a, b) => a / b),
    (a, b) => a / b,
  ),
  "_%_": arithmetic(
    "_%_",
    nonZero("modulus by zero", (a, b) => a % b),
  ),
  "_==_": isEqual,
  "_!=_": (a: unknown, b: unknown) => !isEqual(a, b),
  "_<_": (a: unknown, b: unknown) => compare("_<_", a, b) < 0,
  "_<=_": (a: unknown, b: unknown) => compare("_<=_", a, b) <= 0,
  "_>_": (a: unknown, b: unknown) => compare("_>_", a, b) > 0,
  "_>=_": (a: unknown, b: unknown) => compare("_>=_", a, b) >= 0,
  "@in": contains,
  "!_": (a: unknown) => {
    if (typeof a !== "boolean") throw noOverload("!_", a);
    return !a;
  },
  "-_": (a: unknown) => {
    if (typeof a === "bigint") return int(-a);
    if (typeof a === "number") return -a;
    if (a instanceof CelDuration) return new CelDuration(-a.nanos);
    throw noOverload("-_", a);
  },
});
