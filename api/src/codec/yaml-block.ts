import { quote } from "./json-encode.ts";

/** What one scalar or flow collection on a line of its own means, as JSON; undefined where that cannot be said of it alone. */
export type Resolve = (text: string) => string | undefined;

/**
 * The JSON of what nearly all YAML bodies are: one document of block maps and lists whose keys are plain words, with values on one line
 * and literal texts. It takes a tenth of the time of a whole parser, which a body of megabytes holds up for seconds.
 * @param resolve Asked for values that are neither words, whole numbers nor quoted texts.
 * @returns undefined for all else, errors and duplicate keys included: those are for the whole parser.
 */
export function jsonOfBlockYaml(text: string, resolve: Resolve): string | undefined {
  if (STRANGE.test(text)) return undefined;
  try {
    return new BlockReader(text, resolve).document();
  } catch (error) {
    if (error === OTHERWISE) return undefined;
    throw error;
  }
}

/** Of characters that a parser refuses, or takes for ends of lines or marks. */
const STRANGE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|[\ud800-\udfff]/u;

/** Thrown where a document is something else. */
const OTHERWISE = new Error("not of this form");
const MOST_DEEP = 300;
/** A longer one is none on one line. */
const MOST_KEY = 1000;

const KEY = /^(?:([A-Za-z_][\w./-]*)|"([^"\\]*)"|'([^']*)'):(?: +(.*))?$/;
/** Words that are no texts: keys of these names are left to the parser, too. */
const NO_TEXT = /^(?:null|true|false|yes|no|on|off|y|n)$/i;
const WORD = /^[A-Za-z_/][^\t]*$/;
const WHOLE_NUMBER = /^(?:0|-?[1-9]\d{0,14})$/;
const QUOTED = /^"((?:[^"\\]|\\["\\/bfnrt])*)"(?: +#.*)?$/;
const QUOTED_ONCE = /^'((?:[^']|'')*)'(?: +#.*)?$/;
const LITERAL = /^\|([+-]?)$/;

class BlockReader {
  readonly #lines: readonly string[];
  readonly #resolve: Resolve;
  /** The next line that is neither empty nor a comment, and where its text begins. */
  #at = -1;
  #indent = -1;
  /** What is left of it, after the dash of an item. */
  #rest = "";

  constructor(text: string, resolve: Resolve) {
    this.#lines = text.split("\n");
    this.#resolve = resolve;
  }

  document(): string {
    this.#next();
    if (this.#indent === 0 && this.#rest === "---") this.#next();
    if (this.#indent !== 0 || isItem(this.#rest)) throw OTHERWISE;
    const json = this.#map(0, 0);
    if (this.#at < this.#lines.length) throw OTHERWISE;
    return json;
  }

  #next(): void {
    for (this.#at += 1; this.#at < this.#lines.length; this.#at += 1) {
      const line = this.#lines[this.#at]!;
      const indent = indentOf(line);
      if (indent === line.length || line[indent] === "#") continue;
      if (line[indent] === "\t") throw OTHERWISE;
      this.#indent = indent;
      this.#rest = withoutEnd(line.slice(indent));
      if (indent === 0 && /^(?:---|\.\.\.)/.test(this.#rest) && this.#rest !== "---") throw OTHERWISE;
      return;
    }
    this.#indent = -1;
    this.#rest = "";
  }

  #map(indent: number, depth: number): string {
    if (depth > MOST_DEEP) throw OTHERWISE;
    const members = new Map<string, string>();
    while (this.#indent === indent && !isItem(this.#rest)) {
      const [, plain, double, single, value = ""] = KEY.exec(this.#rest) ?? [];
      const key = plain ?? double ?? single;
      if (
        key === undefined ||
        key.length > MOST_KEY ||
        members.has(key) ||
        (plain !== undefined && NO_TEXT.test(plain))
      )
        throw OTHERWISE;
      members.set(key, this.#value(value, indent, indent, depth + 1));
    }
    if (this.#indent > indent) throw OTHERWISE;
    // as Go's maps become JSON
    const sorted = [...members].sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${sorted.map(([key, json]) => `${quote(key)}:${json}`).join(",")}}`;
  }

  #list(indent: number, depth: number): string {
    if (depth > MOST_DEEP) throw OTHERWISE;
    const items: string[] = [];
    while (this.#indent === indent && isItem(this.#rest)) items.push(this.#item(indent, depth + 1));
    if (this.#indent > indent) throw OTHERWISE;
    return `[${items.join(",")}]`;
  }

  #item(indent: number, depth: number): string {
    const inner = 1 + indentOf(this.#rest.slice(1));
    const rest = this.#rest.slice(inner);
    if (rest === "" || rest.startsWith("#")) return this.#value("", indent, indent + 1, depth);
    if (isItem(rest)) throw OTHERWISE;
    if (!KEY.test(rest)) return this.#value(rest, indent, indent + 1, depth);
    this.#indent = indent + inner;
    this.#rest = rest;
    return this.#map(this.#indent, depth);
  }

  /** @param indent Of what holds it. @param least Of a list below it. */
  #value(text: string, indent: number, least: number, depth: number): string {
    const literal = LITERAL.exec(text);
    if (literal !== null) return this.#literal(indent, literal[1] ?? "");
    const isBelow = text === "" || text.startsWith("#");
    this.#next();
    if (isBelow) {
      if (isItem(this.#rest) && this.#indent >= least) return this.#list(this.#indent, depth);
      return this.#indent > indent ? this.#map(this.#indent, depth) : "null";
    }
    if (this.#indent > indent) throw OTHERWISE; // goes on there
    return this.#scalar(text);
  }

  #scalar(text: string): string {
    if (WORD.test(text)) {
      const end = text.indexOf(" #");
      const word = end < 0 ? text : withoutEnd(text.slice(0, end));
      if (word.includes(": ") || word.endsWith(":")) throw OTHERWISE;
      if (!NO_TEXT.test(word)) return quote(word);
    }
    if (WHOLE_NUMBER.test(text)) return text;
    const double = QUOTED.exec(text);
    if (double !== null) return `"${double[1]}"`.replaceAll("\t", "\\t");
    const single = QUOTED_ONCE.exec(text);
    if (single !== null) return quote(single[1]!.replaceAll("''", "'"));
    const json = this.#resolve(text);
    if (json === undefined) throw OTHERWISE;
    return json;
  }

  /** The lines that follow and are deeper. */
  #literal(indent: number, chomping: string): string {
    const lines: string[] = [];
    let own = -1;
    let at = this.#at + 1;
    for (; at < this.#lines.length; at += 1) {
      const line = this.#lines[at]!;
      const spaces = indentOf(line);
      if (spaces === line.length) {
        if (own < 0 && spaces > 0) throw OTHERWISE;
        lines.push(own < 0 ? "" : line.slice(own));
        continue;
      }
      if (spaces <= indent) break;
      if (own < 0) own = spaces;
      if (spaces < own || (spaces === own && line[spaces] === "\t")) throw OTHERWISE;
      lines.push(line.slice(own));
    }
    if (own < 0) throw OTHERWISE;
    // what stands after the last line feed of the text is no line
    if (at === this.#lines.length && this.#lines.at(-1) === "") lines.pop();
    else if (at === this.#lines.length) throw OTHERWISE;
    this.#at = at - 1;
    this.#next();
    const body = `${lines.join("\n")}\n`;
    if (chomping === "+") return quote(body);
    return quote(`${body.replace(/\n+$/, "")}${chomping === "-" ? "" : "\n"}`);
  }
}

function isItem(rest: string): boolean {
  return rest === "-" || rest.startsWith("- ");
}

function withoutEnd(line: string): string {
  let end = line.length;
  while (end > 0 && (line.charCodeAt(end - 1) === 0x20 || line.charCodeAt(end - 1) === 0x09)) end -= 1;
  return end === line.length ? line : line.slice(0, end);
}

function indentOf(line: string): number {
  let at = 0;
  while (line.charCodeAt(at) === 0x20) at += 1;
  return at;
}
