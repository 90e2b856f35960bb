import { isMap, sizeOfMap } from "./values.ts";

/** Of what is looked for, what one element costs; of where it is looked for, a tenth for a character. */
const LOOKING: Readonly<Record<string, number>> = {
  ...{ matches: 0.25, find: 0.25, findAll: 0.25 },
  ...{ contains: 0.1, indexOf: 0.1, lastIndexOf: 0.1, replace: 0.1, split: 0.1 },
  ...{ intersects: 1, equivalent: 1 },
};

/** Two of them fit into one expression. */
const AUTHORIZATION = 350_000;

/**
 * Pure: what a call costs besides the one for each call, by the sizes of what it is given, as upstream counts while it evaluates: a call
 * that looks at much must not be as cheap as one that looks at little.
 */
export function callCost(name: string, args: readonly unknown[]): number {
  const [first, second] = args;
  switch (name) {
    case "size":
      return 0;
    case "check":
      return AUTHORIZATION;
    case "_==_":
    case "_!=_":
      return isMap(first) && isMap(second)
        ? tenth(Math.min(sizeOfMap(first), sizeOfMap(second)))
        : tenth(Math.min(sizeOf(first), sizeOf(second)));
    case "@in":
      return sizeOf(second);
    case "distinct":
      return sizeOf(first) ** 2;
  }
  const each = LOOKING[name];
  if (each === undefined) return tenth(args.reduce<number>((sum, arg) => sum + sizeOf(arg), 0));
  const where = Array.isArray(first) ? sizeOf(first) : tenth(sizeOf(first) + 1);
  return where * Math.ceil(sizeOf(second) * (Array.isArray(second) ? 1 : each));
}

function tenth(size: number): number {
  return Math.ceil(size / 10);
}

/** A map is looked into at one place. */
function sizeOf(value: unknown): number {
  return typeof value === "string" || Array.isArray(value) || value instanceof Uint8Array ? value.length : 0;
}
