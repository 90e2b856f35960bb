import { TsukubeError } from "@tsukube/foundation";

/** How a quantity is written: 1Ki, 1k or 1e3. */
export type QuantityFormat = "BinarySI" | "DecimalSI" | "DecimalExponent";

/** An exact amount of a resource, as apimachinery's resource.Quantity: a whole number of nanos, and how it is written. */
export interface Quantity {
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

/** Text that is no quantity; the message is upstream's. */
export class QuantityError extends TsukubeError<"invalid-quantity"> {}

/** What is longer only makes numbers that no resource has, and takes its time. */
const MOST_DIGITS = 1000;
const NANO = 1_000_000_000n;
const MAX = (1n << 63n) - 1n;
const FORM = /^([+-]?)([0-9]*)(?:\.([0-9]*))?((?:(?:[eEinumkKMGTP]+[-+]?|[-+])[0-9]*)?)$/;
const DECIMAL_EXPONENTS: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  "": 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const DECIMAL_SUFFIXES = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"] as const;
const BINARY_SUFFIXES = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] as const;

/** Parses "100m", "1.5Gi", "1e3". Fractions below a nano are rounded away from zero. @throws {QuantityError} */
export function parseQuantity(text: string): Quantity {
  const match = FORM.exec(text);
  if (match === null || text === "") {
    throw new QuantityError(
      "invalid-quantity",
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  }
  const [, sign, whole = "", fraction = "", suffix = ""] = match;
  if ((whole === "" && fraction === "") || whole.length + fraction.length > MOST_DIGITS) {
    throw new QuantityError("invalid-quantity", "unable to parse numeric part of quantity");
  }
  const { format, base, exponent } = parseSuffix(suffix);
  const digits = BigInt(whole + fraction);
  const numerator = digits * NANO * (exponent > 0 ? base ** BigInt(exponent) : 1n);
  const denominator = 10n ** BigInt(fraction.length) * (exponent < 0 ? base ** BigInt(-exponent) : 1n);
  const rounded = (numerator + denominator - 1n) / denominator;
  const capped = format === "BinarySI" && rounded > MAX * NANO ? MAX * NANO : rounded;
  return { nanos: sign === "-" ? -capped : capped, format };
}

/** Exponents past these only make huge numbers that no resource has; refusing them bounds the work. */
const LARGEST_EXPONENT = 400;

function parseSuffix(suffix: string): { format: QuantityFormat; base: bigint; exponent: number } {
  const decimal = DECIMAL_EXPONENTS[suffix];
  if (decimal !== undefined) return { format: "DecimalSI", base: 10n, exponent: decimal };
  const binary = BINARY_SUFFIXES.indexOf(suffix as "Ki");
  if (binary > 0) return { format: "BinarySI", base: 1024n, exponent: binary };
  const exponent = /^[eE]([-+]?[0-9]+)$/.exec(suffix)?.[1];
  if (exponent !== undefined && Math.abs(Number(exponent)) <= LARGEST_EXPONENT) {
    return { format: "DecimalExponent", base: 10n, exponent: Number(exponent) };
  }
  throw new QuantityError("invalid-quantity", "unable to parse quantity's suffix");
}

/** The canonical text: no fraction, the largest suffix that keeps it exact. */
export function formatQuantity(quantity: Quantity): string {
  const { nanos, format } = quantity;
  if (nanos === 0n) return "0";
  const magnitude = nanos < 0n ? -nanos : nanos;
  // Small or fractional binary amounts are shown in decimal: 512, 1500m.
  if (format === "BinarySI" && magnitude % NANO === 0n && magnitude / NANO >= 1024n) return formatBinary(nanos / NANO);
  let mantissa = nanos;
  let exponent = -9;
  while (mantissa % 1000n === 0n && (format === "DecimalExponent" || exponent < 18)) {
    mantissa /= 1000n;
    exponent += 3;
  }
  if (format === "DecimalExponent") return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`;
  return `${mantissa}${DECIMAL_SUFFIXES[exponent / 3 + 3]}`;
}

function formatBinary(value: bigint): string {
  let mantissa = value;
  let step = 0;
  while (mantissa % 1024n === 0n && step < BINARY_SUFFIXES.length - 1) {
    mantissa /= 1024n;
    step++;
  }
  return `${mantissa}${BINARY_SUFFIXES[step]}`;
}

const CANONICAL_LIMIT = 4096;
const canonical = new Map<string, string>();

/** The canonical text of a quantity: "1000m" is "1". Remembers the few that recur. @throws {QuantityError} */
export function canonicalQuantity(text: string): string {
  let known = canonical.get(text);
  if (known === undefined) {
    known = formatQuantity(parseQuantity(text));
    if (canonical.size >= CANONICAL_LIMIT) canonical.clear();
    canonical.set(text, known);
  }
  return known;
}

/** Negative when `a` is smaller, 0 when equal, positive when larger. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0;
}

/** The sum, in the format of `a` unless that is zero. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos + b.nanos, format: a.nanos === 0n ? b.format : a.format };
}

/** `a - b`, in the format of `a` unless that is zero. */
export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return addQuantities(a, { nanos: -b.nanos, format: b.format });
}

/** The smallest multiple of `unit` nanos not nearer to zero than `quantity`: 1_000_000n for milli. */
export function roundUpQuantity(quantity: Quantity, unit: bigint): Quantity {
  const { nanos, format } = quantity;
  const magnitude = nanos < 0n ? -nanos : nanos;
  const rounded = ((magnitude + unit - 1n) / unit) * unit;
  return { nanos: nanos < 0n ? -rounded : rounded, format };
}

/** As a number of whole units, rounded up as Quantity.Value(); past 2^53 the nearest number. */
export function quantityValue(text: string): number {
  return Number(roundUpQuantity(parseQuantity(text), NANO).nanos / NANO);
}

/** As a number of thousandths, rounded up as Quantity.MilliValue(): "0.5" CPUs are 500. */
export function quantityMilliValue(text: string): number {
  return Number(roundUpQuantity(parseQuantity(text), 1_000_000n).nanos / 1_000_000n);
}

/** As a number, with fractions. */
export function quantityNumber(text: string): number {
  return Number(parseQuantity(text).nanos) / 1e9;
}
