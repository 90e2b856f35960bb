import { type Flag, type Heredoc, type Instruction, invalid, type Position } from "./instruction.ts";
import { splitWords } from "./words.ts";

/** The flags of instructions that have some. */
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  ADD: ["chown", "chmod", "link", "exclude", "checksum", "keep-git-dir", "unpack"],
  COPY: ["from", "chown", "chmod", "link", "parents", "exclude"],
  FROM: ["platform"],
  HEALTHCHECK: ["interval", "timeout", "start-period", "start-interval", "retries"],
  RUN: ["mount", "network", "security"],
};
const WITH_JSON = new Set(["ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"]);
const WITH_HEREDOCS = new Set(["ADD", "COPY", "RUN"]);
const KEYWORDS = new Set([
  ...["ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER"],
  ...["ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"],
]);
const DIRECTIVE = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;
const DIRECTIVES = new Set(["syntax", "escape", "check"]);

export interface ScannedDockerfile {
  /** "\\", or "`". */
  readonly escapeChar: string;
  readonly instructions: readonly Instruction[];
}

/** Reads a Dockerfile into instructions (Dockerfile reference, "Format"). @throws {TsukubeError} `invalid` with line and column. */
export function scanDockerfile(text: string, file: string): ScannedDockerfile {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const escapeChar = escapeOf(lines, file);
  const instructions: Instruction[] = [];
  for (let next = 0; next < lines.length; ) {
    const first = next;
    if (isBlankOrComment(lines[first] as string)) {
      next++;
      continue;
    }
    const whole = logicalLine(lines, first, escapeChar);
    const column = (lines[first] as string).search(/\S/) + 1;
    const read = readInstruction(whole.text, { file, line: first + 1, column }, escapeChar);
    const { heredocs, end } = readHeredocs(read, lines, whole.end, escapeChar);
    instructions.push({ ...read, heredocs });
    next = end;
  }
  return { escapeChar, instructions };
}

/** One instruction in a text of its own: what ONBUILD keeps. */
export function readInstruction(line: string, at: Position, escapeChar: string): Instruction {
  const trimmed = line.trim();
  const [, word = "", rest = ""] = /^(\S+)\s*([\s\S]*)$/.exec(trimmed) ?? [];
  const keyword = word.toUpperCase();
  if (!KEYWORDS.has(keyword)) throw invalid(at, `unknown instruction "${word}"${suggestion(keyword)}`);
  const known = FLAGS[keyword];
  const { flags, args } = known === undefined ? { flags: [], args: rest } : readFlags(rest, escapeChar);
  const unknown = flags.find(({ name }) => known?.includes(name) !== true);
  if (unknown !== undefined)
    throw invalid(
      { ...at, column: at.column + Math.max(0, line.trimStart().indexOf(`--${unknown.name}`)) },
      `${keyword} has no flag --${unknown.name}, expected one of --${known?.join(", --")}`,
    );
  const json = WITH_JSON.has(keyword) ? jsonStrings(args) : undefined;
  if (args === "" && keyword !== "CMD" && keyword !== "ENTRYPOINT")
    throw invalid(at, `${keyword} lacks its arguments, expected at least one`);
  const text = `${keyword} ${rest}`.replaceAll(/\s*\n\s*/g, " ").trimEnd();
  return { keyword, flags, args, ...(json === undefined ? {} : { json }), heredocs: [], at, text };
}

function escapeOf(lines: readonly string[], file: string): string {
  const seen = new Set<string>();
  for (const [index, line] of lines.entries()) {
    const [, name = "", value = ""] = DIRECTIVE.exec(line.trim()) ?? [];
    const directive = name.toLowerCase();
    if (!DIRECTIVES.has(directive)) return "\\";
    const at = { file, line: index + 1, column: 1 };
    if (seen.has(directive)) throw invalid(at, `directive "${directive}" stands twice, expected it once`);
    seen.add(directive);
    if (directive !== "escape") continue;
    if (value !== "\\" && value !== "`") throw invalid(at, `escape is "${value}", expected \\ or \``);
    return value;
  }
  return "\\";
}

function isBlankOrComment(line: string): boolean {
  const trimmed = line.trimStart();
  return trimmed === "" || trimmed.startsWith("#");
}

/** A line with those that continue it; comments and empty lines between are left out. */
function logicalLine(lines: readonly string[], first: number, escapeChar: string): { text: string; end: number } {
  const parts: string[] = [];
  let next = first;
  while (next < lines.length) {
    const line = lines[next++] as string;
    if (next - 1 > first && isBlankOrComment(line)) continue;
    const trimmed = line.trimEnd();
    if (!trimmed.endsWith(escapeChar)) {
      parts.push(line);
      break;
    }
    parts.push(trimmed.slice(0, -1));
  }
  return { text: parts.join(""), end: next };
}

/** Leading words that begin with "--"; a bare "--" ends them. */
function readFlags(rest: string, escapeChar: string): { flags: readonly Flag[]; args: string } {
  const flags: Flag[] = [];
  let left = rest;
  while (left.startsWith("--")) {
    const { word, end } = flagWord(left, escapeChar);
    left = left.slice(end).trimStart();
    if (word === "--") break;
    const equals = word.indexOf("=");
    flags.push(equals < 0 ? { name: word.slice(2) } : { name: word.slice(2, equals), value: word.slice(equals + 1) });
  }
  return { flags, args: left };
}

function flagWord(text: string, escapeChar: string): { word: string; end: number } {
  let word = "";
  let quote = "";
  let at = 0;
  for (; at < text.length; at++) {
    const char = text[at] as string;
    if (quote === "" && /\s/.test(char)) break;
    if (char === escapeChar && quote !== "'" && at + 1 < text.length) word += text[++at];
    else if (quote === "" && (char === '"' || char === "'")) quote = char;
    else if (char === quote) quote = "";
    else word += char;
  }
  return { word, end: at };
}

function jsonStrings(args: string): readonly string[] | undefined {
  if (!args.trimStart().startsWith("[")) return undefined;
  try {
    const parsed: unknown = JSON.parse(args);
    return Array.isArray(parsed) && parsed.every((item) => typeof item === "string") ? parsed : undefined;
  } catch {
    return undefined; // a shell's words that begin with a bracket
  }
}

function readHeredocs(
  { keyword, args, json, at }: Instruction,
  lines: readonly string[],
  first: number,
  escapeChar: string,
): { heredocs: readonly Heredoc[]; end: number } {
  if (!WITH_HEREDOCS.has(keyword) || json !== undefined) return { heredocs: [], end: first };
  const heredocs: Heredoc[] = [];
  let next = first;
  for (const word of splitWords(args, escapeChar)) {
    const [, tabs, quote = "", name] = /^\d*<<(-?)(["']?)([^\s"'<]+)\2(?=$|[;|&)])/.exec(word) ?? [];
    if (name === undefined) continue;
    const content: string[] = [];
    for (;;) {
      if (next >= lines.length) throw invalid(at, `here-document "${name}" has no end, expected a line "${name}"`);
      const line = tabs === "-" ? (lines[next] as string).replace(/^\t+/, "") : (lines[next] as string);
      next++;
      if (line === name) break;
      content.push(`${line}\n`);
    }
    heredocs.push({ name, content: content.join(""), expand: quote === "" });
  }
  return { heredocs, end: next };
}

function suggestion(keyword: string): string {
  const near = [...KEYWORDS].find((known) => distance(known, keyword) <= 2);
  return near === undefined ? `, expected one of ${[...KEYWORDS].sort().join(", ")}` : `, did you mean ${near}?`;
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, char] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries())
      next.push(
        Math.min((next[j] as number) + 1, (row[j + 1] as number) + 1, (row[j] as number) + (char === other ? 0 : 1)),
      );
    row = next;
  }
  return row.at(-1) as number;
}
