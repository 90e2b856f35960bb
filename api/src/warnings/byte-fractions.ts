import { canonicalQuantity, quantityMilliValue } from "../quantity.ts";

/** Of amounts with parts of a byte. */
export function byteFractions(
  amounts: Readonly<Record<string, string>> | undefined | null,
  at: string,
  names: readonly string[] = ["memory", "ephemeral-storage"],
): string[] {
  return names.flatMap((name) => {
    const amount = amounts?.[name];
    if (amount === undefined || quantityMilliValue(amount) % 1000 === 0) return [];
    return [`${at}[${name}]: fractional byte value "${canonicalQuantity(amount)}" is invalid, must be an integer`];
  });
}
