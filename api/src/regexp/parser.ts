import { CharSet, type Range } from "./char-set.ts";

/** Where a pattern may match without taking a character. */
export type Assertion = "text-start" | "text-end" | "line-start" | "line-end" | "word" | "no-word";

/** A pattern, as its parts hang together. Groups are no parts: nobody asks for what they took. */
export type Node =
  | { readonly type: "set"; readonly set: CharSet }
  | { readonly type: "assertion"; readonly assertion: Assertion }
  | { readonly type: "sequence"; readonly parts: readonly Node[] }
  | { readonly type: "choice"; readonly parts: readonly Node[] }
  | {
      readonly type: "repeat";
      readonly part: Node;
      readonly least: number;
      /** Infinity: as often as can be. */
      readonly most: number;
      readonly isLazy: boolean;
    };

/** What is wrong with a pattern, in the words of Go's engine: "missing closing ): `(`". */
export class PatternError extends Error {}

interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
  readonly U: boolean;
}

const MAX_CODE = 0x10ffff;
const MOST_REPEATS = 1000;
const DEEPEST = 1000;
const EMPTY: Node = { type: "sequence", parts: [] };
const ALL: readonly Range[] = [[0, MAX_CODE]];

const DIGIT: readonly Range[] = [[0x30, 0x39]];
const SPACE: readonly Range[] = [
  [9, 10],
  [12, 13],
  [32, 32],
];
const LETTER: readonly Range[] = [
  [0x41, 0x5a],
  [0x61, 0x7a],
];
const WORD: readonly Range[] = [...DIGIT, ...LETTER, [0x5f, 0x5f]];
const PERL: Readonly<Record<string, readonly Range[]>> = { d: DIGIT, s: SPACE, w: WORD };
const POSIX: Readonly<Record<string, readonly Range[]>> = {
  alnum: [...DIGIT, ...LETTER],
  alpha: LETTER,
  ascii: [[0, 0x7f]],
  blank: [
    [9, 9],
    [32, 32],
  ],
  cntrl: [
    [0, 0x1f],
    [0x7f, 0x7f],
  ],
  digit: DIGIT,
  graph: [[0x21, 0x7e]],
  lower: [[0x61, 0x7a]],
  print: [[0x20, 0x7e]],
  punct: [
    [0x21, 0x2f],
    [0x3a, 0x40],
    [0x5b, 0x60],
    [0x7b, 0x7e],
  ],
  space: [
    [9, 13],
    [32, 32],
  ],
  upper: [[0x41, 0x5a]],
  word: WORD,
  xdigit: [...DIGIT, [0x41, 0x46], [0x61, 0x66]],
};
const CONTROL: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };
const AT: Readonly<Record<string, Assertion>> = { A: "text-start", z: "text-end", b: "word", B: "no-word" };

/** Reads a pattern in the syntax of Go's regexp, which is RE2's. @throws {PatternError} */
export function parsePattern(pattern: string): Node {
  return new Parser(pattern).whole();
}

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Node {
    const node = this.#choice({ i: false, m: false, s: false, U: false });
    if (this.#at < this.#text.length) throw new PatternError(`unexpected ): \`${this.#text}\``);
    return node;
  }

  /** Until the end, or the bracket that closes the group. Flags that are set on the way hold for what follows in it. */
  #choice(outer: Flags): Node {
    let flags = outer;
    const choices: Node[] = [];
    let parts: Node[] = [];
    for (let char = this.#peek(); char !== undefined && char !== ")"; char = this.#peek()) {
      if (char === "|") {
        this.#at += 1;
        choices.push(sequence(parts));
        parts = [];
        continue;
      }
      const repeat = this.#repetition();
      if (repeat !== undefined) throw new PatternError(`missing argument to repetition operator: \`${repeat.text}\``);
      const set = this.#setFlags(flags);
      if (set !== undefined) flags = set;
      else parts.push(...this.#repeated(flags));
    }
    choices.push(sequence(parts));
    return choices.length === 1 ? choices[0]! : { type: "choice", parts: choices };
  }

  #peek(): string | undefined {
    return this.#text[this.#at];
  }

  /** "(?i)": nothing to match. */
  #setFlags(flags: Flags): Flags | undefined {
    const found = /^\(\?([imsU]*)(?:-([imsU]+))?\)/.exec(this.#text.slice(this.#at, this.#at + 16));
    if (found === null || found[0] === "(?)") return undefined;
    this.#at += found[0].length;
    return withFlags(flags, found[1] ?? "", found[2] ?? "");
  }

  /** An atom, and how often. Of quoted text only the last character is repeated. */
  #repeated(flags: Flags): readonly Node[] {
    const atoms = this.#atom(flags);
    const repeat = this.#repetition();
    if (repeat === undefined) return atoms;
    const { text, least, most, isLazy } = repeat;
    this.#at += text.length;
    const again = this.#repetition();
    if (again !== undefined) throw new PatternError(`invalid nested repetition operator: \`${text}${again.text}\``);
    const last = atoms.at(-1);
    if (last === undefined) throw new PatternError(`missing argument to repetition operator: \`${text}\``);
    const node: Node = { type: "repeat", part: last, least, most, isLazy: isLazy !== flags.U };
    if (text.startsWith("{") && repeatsOf(node) > MOST_REPEATS)
      throw new PatternError(`invalid repeat count: \`${text}\``);
    return [...atoms.slice(0, -1), node];
  }

  /** What stands here, if it says how often; it is not taken yet. @throws {PatternError} */
  #repetition():
    | (Pick<Extract<Node, { type: "repeat" }>, "least" | "most" | "isLazy"> & { readonly text: string })
    | undefined {
    const rest = this.#text.slice(this.#at, this.#at + 32);
    const found = /^(?:[*+?]|\{(\d+)(,(\d*))?\})(\?)?/.exec(rest);
    if (found === null) return undefined;
    const [text, low, range, high] = found;
    const isLazy = found[4] !== undefined;
    if (low === undefined)
      return { text, least: text[0] === "+" ? 1 : 0, most: text[0] === "?" ? 1 : Number.POSITIVE_INFINITY, isLazy };
    const least = Number(low);
    const most = range === undefined ? least : high === "" ? Number.POSITIVE_INFINITY : Number(high);
    if (least > MOST_REPEATS || (most !== Number.POSITIVE_INFINITY && most > MOST_REPEATS) || least > most)
      throw new PatternError(`invalid repeat count: \`${text}\``);
    return { text, least, most, isLazy };
  }

  #atom(flags: Flags): readonly Node[] {
    const char = String.fromCodePoint(this.#text.codePointAt(this.#at)!);
    switch (char) {
      case "(":
        return [this.#group(flags)];
      case "[":
        return [{ type: "set", set: this.#class(flags) }];
      case "\\":
        return this.#escape(flags);
    }
    this.#at += char.length;
    switch (char) {
      case ".":
        return [{ type: "set", set: flags.s ? new CharSet(ALL) : new CharSet([[10, 10]], [], true) }];
      case "^":
        return [{ type: "assertion", assertion: flags.m ? "line-start" : "text-start" }];
      case "$":
        return [{ type: "assertion", assertion: flags.m ? "line-end" : "text-end" }];
      default:
        return [literal(char, flags)];
    }
  }

  #group(outer: Flags): Node {
    const rest = this.#text.slice(this.#at);
    let flags = outer;
    const head = /^\((?:\?(?:P?<\w+>|([imsU]*)(?:-([imsU]+))?:))?/.exec(rest)!;
    if (head[0] === "(" && rest.startsWith("(?")) throw groupProblem(rest);
    if (head[1] !== undefined) flags = withFlags(flags, head[1], head[2] ?? "");
    this.#at += head[0].length;
    this.#depth += 1;
    if (this.#depth > DEEPEST) throw new PatternError(`expression nests too deeply: \`${this.#text}\``);
    const node = this.#choice(flags);
    if (this.#peek() !== ")") throw new PatternError(`missing closing ): \`${this.#text}\``);
    this.#depth -= 1;
    this.#at += 1;
    // in one: what repeats it repeats all of it
    return { type: "sequence", parts: [node] };
  }

  #escape(flags: Flags): readonly Node[] {
    const char = this.#text[this.#at + 1] ?? "";
    if (char === "Q") {
      const end = this.#text.indexOf("\\E", this.#at + 2);
      const quoted = this.#text.slice(this.#at + 2, end < 0 ? undefined : end);
      this.#at = end < 0 ? this.#text.length : end + 2;
      return Array.from(quoted, (each) => literal(each, flags));
    }
    const assertion = AT[char];
    if (assertion !== undefined) {
      this.#at += 2;
      return [{ type: "assertion", assertion }];
    }
    const start = this.#at;
    const named = this.#namedClass();
    if (named !== undefined) return [{ type: "set", set: named.with(flags.i) }];
    this.#at = start;
    return [literal(String.fromCodePoint(this.#escapedCode()), flags)];
  }

  /** "\d", "\pL" and the like, in a class or outside of one. */
  #namedClass(): NamedClass | undefined {
    const [found, perl, one, name = one] =
      /^\\(?:([dswDSW])|[pP](?:\{([^}]*)\}|([^{])))/su.exec(this.#text.slice(this.#at, this.#at + 64)) ?? [];
    if (found === undefined) return undefined;
    this.#at += found.length;
    if (perl !== undefined) return new NamedClass(PERL[perl.toLowerCase()]!, undefined, perl < "a");
    const isNegated = (found[1] === "P") !== name!.startsWith("^");
    const property = propertyOf(name!.replace(/^\^/, ""));
    if (property === undefined) throw new PatternError(`invalid character class range: \`${found}\``);
    return new NamedClass([], property, isNegated);
  }

  /** A character by its escape. @throws {PatternError} */
  #escapedCode(): number {
    const rest = this.#text.slice(this.#at, this.#at + 12);
    if (rest.length < 2) throw new PatternError("trailing backslash at end of expression: ``");
    const [found, hex, long, octal, plain] =
      /^\\(?:x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]+)\}|([1-7][0-7]{1,2}|0[0-7]{0,2})|([afnrtv]|[^0-9A-Za-z\u0080-\u{10ffff}]))/u.exec(
        rest,
      ) ?? [];
    const code = hex ?? long;
    const number =
      code !== undefined ? Number.parseInt(code, 16) : octal !== undefined ? Number.parseInt(octal, 8) : undefined;
    if (found === undefined || (number ?? 0) > MAX_CODE)
      throw new PatternError(`invalid escape sequence: \`\\${String.fromCodePoint(rest.codePointAt(1)!)}\``);
    this.#at += found.length;
    return number ?? CONTROL[plain!] ?? plain!.codePointAt(0)!;
  }

  #class(flags: Flags): CharSet {
    const start = this.#at;
    this.#at += 1;
    const isNegated = this.#peek() === "^";
    if (isNegated) this.#at += 1;
    const ranges: Range[] = [];
    const properties: RegExp[] = [];
    for (let isFirst = true; isFirst || this.#peek() !== "]"; isFirst = false) {
      if (this.#peek() === undefined) throw new PatternError(`missing closing ]: \`${this.#text.slice(start)}\``);
      const named = this.#posixClass() ?? this.#namedClass();
      if (named !== undefined) {
        ranges.push(...named.ranges);
        properties.push(...named.properties);
        continue;
      }
      ranges.push(this.#range(start));
    }
    this.#at += 1;
    return new CharSet(ranges, properties, isNegated, flags.i);
  }

  #posixClass(): NamedClass | undefined {
    const [found, not, name = ""] = /^\[:(\^?)([a-z]*):\]/.exec(this.#text.slice(this.#at, this.#at + 24)) ?? [];
    if (found === undefined) return undefined;
    if (!Object.hasOwn(POSIX, name)) throw new PatternError(`invalid character class range: \`${found}\``);
    this.#at += found.length;
    return new NamedClass(POSIX[name]!, undefined, not !== "");
  }

  #range(start: number): Range {
    const began = this.#at;
    const first = this.#classCode(start);
    if (this.#peek() !== "-" || this.#text[this.#at + 1] === "]" || this.#text[this.#at + 1] === undefined)
      return [first, first];
    this.#at += 1;
    const last = this.#classCode(start);
    if (last < first) throw new PatternError(`invalid character class range: \`${this.#text.slice(began, this.#at)}\``);
    return [first, last];
  }

  #classCode(start: number): number {
    if (this.#peek() === "\\") return this.#escapedCode();
    const code = this.#text.codePointAt(this.#at);
    if (code === undefined) throw new PatternError(`missing closing ]: \`${this.#text.slice(start)}\``);
    this.#at += code > 0xffff ? 2 : 1;
    return code;
  }
}

/** A class that goes by a name. */
class NamedClass {
  readonly ranges: readonly Range[];
  readonly properties: readonly RegExp[];

  constructor(ranges: readonly Range[], property: string | undefined, isNegated: boolean) {
    this.ranges = isNegated && property === undefined ? allBut(ranges) : ranges;
    this.properties = property === undefined ? [] : [new RegExp(`^\\${isNegated ? "P" : "p"}{${property}}$`, "u")];
  }

  with(folds: boolean): CharSet {
    return new CharSet(this.ranges, this.properties, false, folds);
  }
}

function allBut(ranges: readonly Range[]): readonly Range[] {
  const out: Range[] = [];
  let next = 0;
  for (const [first, last] of [...ranges].sort(([a], [b]) => a - b)) {
    if (first > next) out.push([next, first - 1]);
    next = last + 1;
  }
  return [...out, [next, MAX_CODE]];
}

/** A Unicode category or script, by which JavaScript knows it. */
function propertyOf(name: string): string | undefined {
  if (name === "Any") return name;
  if (!/^\w+$/.test(name)) return undefined;
  return [`General_Category=${name}`, `Script=${name}`].find((property) => {
    try {
      return new RegExp(`\\p{${property}}`, "u") !== undefined;
    } catch {
      return false;
    }
  });
}

function literal(char: string, flags: Flags): Node {
  const code = char.codePointAt(0)!;
  return { type: "set", set: new CharSet([[code, code]], [], false, flags.i) };
}

function sequence(parts: readonly Node[]): Node {
  return parts.length === 1 ? parts[0]! : parts.length === 0 ? EMPTY : { type: "sequence", parts };
}

function withFlags(flags: Flags, on: string, off: string): Flags {
  const is = (flag: keyof Flags): boolean => (flags[flag] || on.includes(flag)) && !off.includes(flag);
  return { i: is("i"), m: is("m"), s: is("s"), U: is("U") };
}

/** How often counted repetitions within each other repeat what is innermost. */
function repeatsOf(node: Node): number {
  switch (node.type) {
    case "sequence":
    case "choice":
      return Math.max(1, ...node.parts.map(repeatsOf));
    case "repeat": {
      const times = node.most === Number.POSITIVE_INFINITY ? node.least : node.most;
      return Math.max(1, times) * repeatsOf(node.part);
    }
    default:
      return 1;
  }
}

function groupProblem(rest: string): PatternError {
  if (/^\(\?P?</.test(rest)) return new PatternError(`invalid named capture: \`${/^[^>]*>?/.exec(rest)?.[0]}\``);
  return new PatternError(`invalid or unsupported Perl syntax: \`${/^\(\?[imsU-]*./.exec(rest)?.[0] ?? rest}\``);
}
