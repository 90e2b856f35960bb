import { decodeYamlUnstructured } from "@tsukube/api";
import type { Answer, Exchange } from "./exchange.ts";
import { normalized, normalizedHeaders } from "./normalize.ts";

/** A place where two servers answer differently. */
export interface Difference {
  readonly scenario: string;
  /** The request in one line. */
  readonly line: string;
  /** "code", "header NAME", or where in the body. */
  readonly part: string;
  readonly a: string;
  readonly b: string;
}

/** Every difference between two transcripts of a scenario. */
export function compare(scenario: string, a: readonly Exchange[], b: readonly Exchange[]): readonly Difference[] {
  const found: Difference[] = [];
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const [left, right] = [a[index], b[index]];
    const line = normalized(left?.line ?? right?.line ?? "");
    const report = (part: string, one: unknown, other: unknown): number =>
      found.push({ scenario, line, part, a: shown(one), b: shown(other) });
    if (left === undefined || right === undefined) report("request", left?.line, right?.line);
    else compareAnswers(left.answer, right.answer, report);
  }
  return found;
}

type Report = (part: string, a: unknown, b: unknown) => void;

function compareAnswers(a: Answer, b: Answer, report: Report): void {
  if (a.code !== b.code) {
    report("code", `${a.code} ${gist(a)}`, `${b.code} ${gist(b)}`);
    return; // all else follows from it
  }
  const [one, other] = [normalizedHeaders(a.headers), normalizedHeaders(b.headers)];
  for (const name of new Set([...Object.keys(one), ...Object.keys(other)]))
    if (one[name] !== other[name]) report(`header ${name}`, one[name], other[name]);
  compareBodies(normalized(a.text), normalized(b.text), report);
}

/** What an answer is about: the message of a Status, or what else there is. */
function gist({ object, text }: Answer): string {
  const { message } = object as { readonly message?: string };
  return normalized(message ?? text);
}

function compareBodies(a: string, b: string, report: Report): void {
  if (a === b) return;
  const [left, right] = [valuesOf(a), valuesOf(b)];
  if (left === undefined || right === undefined) {
    report("body", a, b);
    return;
  }
  const kinds = [left, right].map((value) => (value as { readonly kind?: string } | null)?.kind);
  if (kinds[0] !== kinds[1]) {
    report("kind", a, b);
    return;
  }
  let count = 0;
  compareValues("", left, right, (...difference) => {
    count += 1;
    report(...difference);
  });
  if (count === 0) report("order of members", a, b);
}

/** One JSON value, or one a line as in a watch. */
function valuesOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (text.startsWith("apiVersion: ")) return decodeYamlUnstructured(Buffer.from(text)).object;
    try {
      return text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown);
    } catch {
      return undefined;
    }
  }
}

function compareValues(path: string, a: unknown, b: unknown, report: Report): void {
  if (Object.is(a, b)) return;
  if (path.endsWith(".managedFields")) {
    const [left, right] = [sortedText(a), sortedText(b)];
    if (left !== right) report(path, a, b); // one entry more shifts all others: show the whole
    return;
  }
  if (isContainer(a) && isContainer(b) && Array.isArray(a) === Array.isArray(b)) {
    const [left, right] = [a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>];
    for (const key of new Set([...Object.keys(left), ...Object.keys(right)]))
      compareValues(`${path}.${key}`, left[key], right[key], report);
    return;
  }
  report(path === "" ? "body" : path, a, b);
}

/** Members in one order: raw values have none that means anything. */
function sortedText(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    isContainer(member) && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([x], [y]) => (x < y ? -1 : 1)))
      : member,
  );
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function shown(value: unknown): string {
  return value === undefined ? "(absent)" : typeof value === "string" ? value : JSON.stringify(value);
}
