import { decodeYamlUnstructured } from "@tsukube/api";
import type { Answer, Exchange } from "./exchange.ts";
import { normalized, normalizedHeaders } from "./normalize.ts";
import { isOpenApi, readableOpenApi } from "./openapi.ts";
import { compareStatuses, isStatus } from "./statuses.ts";
import { compareValues, type Report, shown, valueOrLines, withOwnersInOrder } from "./values.ts";

/** A place where two servers answer differently. */
export interface Difference {
  readonly scenario: string;
  /** The request in one line. */
  readonly line: string;
  /** "code", "header NAME", "causes", or where in the body. */
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
    const report: Report = (part, one, other) => found.push({ scenario, line, part, a: shown(one), b: shown(other) });
    if (left === undefined || right === undefined) report("request", left?.line, right?.line);
    else compareAnswers(left.answer, right.answer, report);
  }
  return found;
}

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
  const counted: Report = (...difference) => {
    count += 1;
    report(...difference);
  };
  if (isStatus(left) && isStatus(right)) compareStatuses(left, right, counted);
  else if (isOpenApi(left) && isOpenApi(right))
    compareValues("", readableOpenApi(left), readableOpenApi(right), counted);
  else compareValues("", left, right, counted);
  if (count === 0 && JSON.stringify(left) !== JSON.stringify(right)) report("order of members", a, b);
  else if (count === 0 && /^\s*\w+:/.test(a)) report("style of YAML", a, b);
}

/** One value in JSON or YAML, or one a line as in a watch. Owners stand by their times, which count for nothing: so does that order. */
function valuesOf(text: string): unknown {
  const isYaml = /^[a-z]\w*:[ \n]/i.test(text);
  return withOwnersInOrder(isYaml ? decodeYamlUnstructured(Buffer.from(text)).object : valueOrLines(text));
}
