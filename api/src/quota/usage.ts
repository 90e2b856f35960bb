import { addQuantities, compareQuantities, formatQuantity, parseQuantity, type Quantity } from "../quantity.ts";

/** Amounts by the names that a ResourceQuota counts: "pods", "requests.cpu", "count/jobs.batch". */
export type Usage = ReadonlyMap<string, Quantity>;

type Quantities = Readonly<Record<string, string>> | undefined;

export const ZERO: Quantity = { nanos: 0n, format: "DecimalSI" };

export function count(pieces: number): Quantity {
  return { nanos: BigInt(pieces) * 1_000_000_000n, format: "DecimalSI" };
}

/** Reads the form that objects have, such as `spec.hard`. @throws {QuantityError} */
export function usageFrom(quantities: Quantities): Usage {
  return new Map(Object.entries(quantities ?? {}).map(([name, text]) => [name, parseQuantity(text)]));
}

/** The form that objects have, canonical and sorted by name. */
export function usageText(usage: Usage): Readonly<Record<string, string>> {
  const names = [...usage.keys()].sort();
  return Object.fromEntries(names.map((name) => [name, formatQuantity(usage.get(name) ?? ZERO)]));
}

export function addUsage(a: Usage, b: Usage): Usage {
  const sum = new Map(a);
  for (const [name, amount] of b) sum.set(name, addQuantities(sum.get(name) ?? ZERO, amount));
  return sum;
}

/** `a - b`; what only `b` has comes out negative. */
export function subtractUsage(a: Usage, b: Usage): Usage {
  const negative = [...b].map(([name, { nanos, format }]) => [name, { nanos: -nanos, format }] as const);
  return addUsage(a, new Map(negative));
}

/** The larger amount of each name. */
export function maxUsage(a: Usage, b: Usage): Usage {
  const most = new Map(a);
  for (const [name, amount] of b) {
    const present = most.get(name);
    if (present === undefined || compareQuantities(present, amount) < 0) most.set(name, amount);
  }
  return most;
}

/** Only these names. */
export function maskUsage(usage: Usage, names: Iterable<string>): Usage {
  const wanted = new Set(names);
  return new Map([...usage].filter(([name]) => wanted.has(name)));
}

/** Names of which `usage` has more than `hard` allows. */
export function exceededNames(usage: Usage, hard: Usage): readonly string[] {
  const isOver = ([name, amount]: readonly [string, Quantity]): boolean => {
    const most = hard.get(name);
    return most !== undefined && compareQuantities(amount, most) > 0;
  };
  return [...usage].filter(isOver).map(([name]) => name);
}

/** Same names with the same amounts, however they are written. */
export function isSameUsage(a: Usage, b: Usage): boolean {
  return a.size === b.size && [...a].every(([name, amount]) => b.get(name)?.nanos === amount.nanos);
}
