import { CelError } from "./cel-error.ts";
import { noOverload } from "./operators.ts";
import { CelOpaque } from "./values.ts";

const NUMBER = "(0|[1-9]\\d*)";
const PART = "(?:0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*)";
const FORM = new RegExp(
  `^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-(${PART}(?:\\.${PART})*))?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$`,
);

export class CelSemver extends CelOpaque {
  readonly typeName = "kubernetes.Semver";
  readonly text: string;
  readonly numbers: readonly bigint[];
  readonly pre: readonly string[];

  constructor(text: string, match: RegExpExecArray) {
    super();
    this.text = text;
    this.numbers = match.slice(1, 4).map(BigInt);
    this.pre = match[4]?.split(".") ?? [];
  }
}

/** "v1.2" as "1.2.0": without v and leading zeros, and whole. */
function normalized(text: string): string | undefined {
  const parts = text.replace(/^v/, "").split(".");
  const three = [...parts.slice(0, 2), ...(parts.length > 2 ? [parts.slice(2).join(".")] : [])];
  const trimmed = three.map((part) => (part.length > 1 ? part.replace(/^0+(?=\d)/, "") : part));
  if (trimmed.length === 3) return trimmed.join(".");
  if (/[+-]/.test(trimmed.at(-1)!)) return undefined;
  return [...trimmed, "0", "0"].slice(0, 3).join(".");
}

function parse(value: unknown, normalize: unknown): CelSemver | undefined {
  if (typeof value !== "string") throw noOverload("semver", value);
  const text = normalize === true ? normalized(value) : value;
  const match = text === undefined ? null : FORM.exec(text);
  return match === null ? undefined : new CelSemver(text!, match);
}

function toSemver(value: unknown, normalize?: unknown): CelSemver {
  if (value instanceof CelSemver) return value;
  const parsed = parse(value, normalize);
  if (parsed === undefined) throw new CelError(`semver parse error: ${JSON.stringify(value)} is not a version`);
  return parsed;
}

/** Precedence (semver.org, 11): -1, 0, 1. */
export function compareSemver(a: CelSemver, b: CelSemver): number {
  for (const [i, number] of a.numbers.entries()) if (number !== b.numbers[i]) return number < b.numbers[i]! ? -1 : 1;
  if (a.pre.length === 0 || b.pre.length === 0) return Math.sign(b.pre.length - a.pre.length);
  for (let i = 0; i < Math.min(a.pre.length, b.pre.length); i += 1) {
    const order = comparePart(a.pre[i]!, b.pre[i]!);
    if (order !== 0) return order;
  }
  return Math.sign(a.pre.length - b.pre.length);
}

function comparePart(a: string, b: string): number {
  const [isNumber, isOther] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumber && isOther) return Math.sign(Number(BigInt(a) - BigInt(b)));
  if (isNumber !== isOther) return isNumber ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Kubernetes' library for semantic versions. isLessThan, isGreaterThan and compareTo are shared with quantities. */
export const SEMVER_FUNCTIONS = {
  semver: toSemver,
  isSemver: (value: unknown, normalize?: unknown) => parse(value, normalize) !== undefined,
};

export const SEMVER_METHODS = {
  major: (value: unknown) => toSemver(value).numbers[0],
  minor: (value: unknown) => toSemver(value).numbers[1],
  patch: (value: unknown) => toSemver(value).numbers[2],
};
