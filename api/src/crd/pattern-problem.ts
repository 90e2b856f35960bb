const ESCAPED_LETTERS = "abfnrtvxpPdDsSwWBAzCQE";
const MOST_REPEATS = 1000;

/**
 * What Go's RE2 finds wrong with a pattern, in its words; undefined: nothing that is sure. Two engines differ in more than this
 * knows, so that a pattern is refused only for what RE2 surely refuses: unbalanced brackets, looking around, back references,
 * repetitions of nothing.
 */
export function patternProblem(pattern: string): string | undefined {
  let depth = 0;
  /** What stands before can be repeated; "twice": it is already. */
  let before: "nothing" | "something" | "repeated" = "nothing";
  let operator = "";
  for (let at = 0; at < pattern.length; at += 1) {
    const rest = pattern.slice(at);
    const repeat = /^(?:[*+?]|\{(\d+)(?:,(\d*))?\})\??/.exec(rest);
    if (repeat !== null) {
      const [text, least, most] = repeat;
      if (before === "nothing") return `missing argument to repetition operator: \`${text}\``;
      if (before === "repeated") return `invalid nested repetition operator: \`${operator}${text}\``;
      const [low, high] = [Number(least ?? 0), Number(most === undefined || most === "" ? (least ?? 0) : most)];
      if (high > MOST_REPEATS || low > high) return `invalid repeat count: \`${text}\``;
      [before, operator, at] = ["repeated", text, at + text.length - 1];
      continue;
    }
    const char = pattern[at]!;
    before = "something";
    if (char === "\\") {
      const next = pattern[at + 1];
      if (next === undefined) return "trailing backslash at end of expression: ``";
      if (next === "Q") return undefined; // quotes all that follows
      if (!isEscape(next, pattern[at + 2])) return `invalid escape sequence: \`\\${next}\``;
      at += 1;
    } else if (char === "[") {
      const { end, problem } = classAt(pattern, at);
      if (problem !== undefined) return problem;
      at = end;
    } else if (char === "(") {
      const wrong = groupProblem(rest);
      if (wrong !== undefined) return wrong;
      [depth, before, at] = [depth + 1, "nothing", at + (/^\(\?(?:P?<\w+>|[imsU-]*:)/.exec(rest)?.[0].length ?? 1) - 1];
      const flags = /^\(\?[imsU-]+\)/.exec(rest);
      if (flags !== null) [depth, at] = [depth - 1, at + flags[0].length - 1];
    } else if (char === ")") {
      depth -= 1;
      if (depth < 0) return `unexpected ): \`${pattern}\``;
    } else if (char === "|") before = "nothing";
  }
  return depth > 0 ? `missing closing ): \`${pattern}\`` : undefined;
}

function isEscape(char: string, next: string | undefined): boolean {
  if (/[1-7]/.test(char)) return /[0-7]/.test(next ?? ""); // octal, and no reference back
  return !/[A-Za-z89]/.test(char) || ESCAPED_LETTERS.includes(char);
}

function groupProblem(rest: string): string | undefined {
  if (!rest.startsWith("(?") || /^\(\?(?:P?<\w+>|[imsU-]*[:)])/.test(rest)) return undefined;
  if (/^\(\?P?</.test(rest)) return `invalid named capture: \`${/^[^>]*>?/.exec(rest)?.[0]}\``;
  return `invalid or unsupported Perl syntax: \`${/^\(\?[imsU-]*./.exec(rest)?.[0] ?? rest}\``;
}

/** Where the class that begins there ends. */
function classAt(pattern: string, start: number): { readonly end: number; readonly problem?: string } {
  let at = start + 1;
  if (pattern[at] === "^") at += 1;
  if (pattern[at] === "]") at += 1;
  for (; at < pattern.length; at += 1) {
    if (pattern[at] === "]") return { end: at };
    const range = /^([A-Za-z0-9])-([A-Za-z0-9])/.exec(pattern.slice(at));
    if (range !== null && range[1]! > range[2]!)
      return { end: at, problem: `invalid character class range: \`${range[0]}\`` };
    if (range !== null) at += range[0].length - 1;
    else if (pattern[at] === "\\") at += 1;
    else at += (/^\[:\^?\w+:\]/.exec(pattern.slice(at))?.[0].length ?? 1) - 1;
  }
  return { end: at, problem: `missing closing ]: \`${pattern.slice(start)}\`` };
}
