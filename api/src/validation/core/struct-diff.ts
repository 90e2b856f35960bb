import { encodeUnstructuredText, indentJson } from "../../codec/json-encode.ts";

const CONTEXT = 3;
/** Beyond so many pairs of lines the changed part is shown as replaced, rather than compared line by line. */
const MOST_PAIRS = 1_000_000;

/** A message with the lines in which two values differ, as `diff -u` shows them. Upstream shows its own Go structs. */
export function withStructDiff(message: string, before: unknown, now: unknown): string {
  return `${message}\n${unifiedDiff(linesOf(before), linesOf(now))}`;
}

function linesOf(value: unknown): readonly string[] {
  return indentJson(encodeUnstructuredText(value)).split("\n");
}

interface Line {
  readonly mark: " " | "-" | "+";
  readonly text: string;
}

/** Hunks with three lines around each change. */
export function unifiedDiff(before: readonly string[], now: readonly string[]): string {
  const lines = editsOf(before, now);
  const changed = lines.flatMap(({ mark }, index) => (mark === " " ? [] : [index]));
  const hunks: [number, number][] = [];
  for (const index of changed) {
    const [start, end] = [Math.max(0, index - CONTEXT), Math.min(lines.length, index + CONTEXT + 1)];
    const last = hunks.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = end;
    else hunks.push([start, end]);
  }
  return hunks.map(([start, end]) => hunkText(lines, start, end)).join("");
}

function hunkText(lines: readonly Line[], start: number, end: number): string {
  const shown = lines.slice(start, end);
  const range = (other: "-" | "+"): string => {
    const count = shown.filter(({ mark }) => mark !== other).length;
    const first = lines.slice(0, start).filter(({ mark }) => mark !== other).length + (count === 0 ? 0 : 1);
    return count === 1 ? String(first) : `${first},${count}`;
  };
  const text = shown.map(({ mark, text: line }) => `${mark}${line}\n`).join("");
  return `@@ -${range("+")} +${range("-")} @@\n${text}`;
}

function editsOf(before: readonly string[], now: readonly string[]): readonly Line[] {
  let start = 0;
  while (start < before.length && start < now.length && before[start] === now[start]) start += 1;
  let [left, right] = [before.length, now.length];
  while (left > start && right > start && before[left - 1] === now[right - 1]) {
    left -= 1;
    right -= 1;
  }
  const same = (lines: readonly string[]): Line[] => lines.map((text) => ({ mark: " ", text }));
  return [
    ...same(before.slice(0, start)),
    ...changesOf(before.slice(start, left), now.slice(start, right)),
    ...same(before.slice(left)),
  ];
}

/** What goes and what comes, around the longest common subsequence of lines. */
function changesOf(before: readonly string[], now: readonly string[]): readonly Line[] {
  if (before.length * now.length > MOST_PAIRS) return [...marked("-", before), ...marked("+", now)];
  const lengths = commonLengths(before, now);
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < before.length && j < now.length) {
    if (before[i] === now[j]) {
      lines.push({ mark: " ", text: before[i]! });
      i += 1;
      j += 1;
    } else if (lengths[i + 1]![j]! >= lengths[i]![j + 1]!) {
      lines.push({ mark: "-", text: before[i]! });
      i += 1;
    } else {
      lines.push({ mark: "+", text: now[j]! });
      j += 1;
    }
  }
  return [...lines, ...marked("-", before.slice(i)), ...marked("+", now.slice(j))];
}

function marked(mark: "-" | "+", lines: readonly string[]): readonly Line[] {
  return lines.map((text) => ({ mark, text }));
}

/** How many lines the rests of both have in common, by where the rests begin. */
function commonLengths(before: readonly string[], now: readonly string[]): readonly Uint32Array[] {
  const lengths = Array.from({ length: before.length + 1 }, () => new Uint32Array(now.length + 1));
  for (let i = before.length - 1; i >= 0; i -= 1)
    for (let j = now.length - 1; j >= 0; j -= 1)
      lengths[i]![j] =
        before[i] === now[j] ? lengths[i + 1]![j + 1]! + 1 : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!);
  return lengths;
}
