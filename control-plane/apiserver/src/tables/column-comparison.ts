import { TsukubeError } from "@tsukube/foundation";

/** A path that is none, or that cannot be asked of an object. */
export class ColumnPathError extends TsukubeError<"invalid-path" | "wrong-type" | "out-of-bounds"> {}

export type Compare = (a: unknown, b: unknown) => boolean;

/** How filters compare. Values of two types cannot be, nor whole numbers with others. @throws {ColumnPathError} */
export const COMPARISONS: Readonly<Record<string, Compare>> = {
  "==": (a, b) => isEqual(a, b),
  "!=": (a, b) => !isEqual(a, b),
  "<": (a, b) => isLess(a, b),
  "<=": (a, b) => isLess(a, b) || isEqual(a, b),
  ">": (a, b) => !isLess(a, b) && !isEqual(a, b),
  ">=": (a, b) => !isLess(a, b),
};

function isEqual(a: unknown, b: unknown): boolean {
  sameType(a, b);
  return a === b || (typeof a === "bigint" && BigInt(b as number) === a);
}

function isLess(a: unknown, b: unknown): boolean {
  if (sameType(a, b) === "boolean") throw new ColumnPathError("wrong-type", "booleans have no order");
  return (a as number) < (b as number);
}

function sameType(a: unknown, b: unknown): string {
  const [one, other] = [typeOf(a), typeOf(b)];
  if (one !== other || one === "object") throw new ColumnPathError("wrong-type", `${one} and ${other}`);
  return one;
}

function typeOf(value: unknown): string {
  if (typeof value === "bigint") return "integer";
  return typeof value === "number" && Number.isInteger(value) ? "integer" : typeof value;
}
