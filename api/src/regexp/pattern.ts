import type { CharSet } from "./char-set.ts";
import { type Assertion, type Node, PatternError, parsePattern } from "./parser.ts";

/** What a pattern may come to; each repetition by a count is that many copies. */
const MOST_STEPS = 50_000;
/** What matching may come to: steps of all ways at all characters. Nobody is kept waiting longer, however long a text is. */
const MOST_WORK = 1 << 25;

const SET = 0;
const FORK = 1;
const ASSERTION = 2;
const MATCH = 3;

/** What a pattern does at its places. */
interface Program {
  readonly kinds: Uint8Array;
  /** Of forks: where they go on, rather at the first. */
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly sets: readonly (CharSet | undefined)[];
  readonly assertions: readonly (Assertion | undefined)[];
}

export interface Found {
  readonly start: number;
  readonly end: number;
}

/**
 * A pattern of Go's regexp. What it costs grows with the text, and never faster: all ways to match are gone at once (Thompson's
 * construction, Pike's machine), where JavaScript's own engine goes one after the other, which text and pattern can make more than
 * anybody has time for.
 */
export class Pattern {
  readonly #program: Program;
  readonly #isAtStart: boolean;
  #threads: readonly [Threads, Threads] | undefined;

  /** @throws {PatternError} */
  constructor(pattern: string) {
    const builder = new Builder(pattern);
    builder.add(parsePattern(pattern));
    this.#program = builder.program();
    this.#isAtStart = this.#program.assertions[0] === "text-start";
  }

  /** Whether it matches anywhere. @throws {PatternError} when that is too much work. */
  test(text: string): boolean {
    return this.#run(text, 0, true) !== undefined;
  }

  /** The first match, and of those that begin there the one that is preferred. @throws {PatternError} */
  find(text: string, from = 0): Found | undefined {
    return this.#run(text, from, false);
  }

  /** All that do not overlap. @throws {PatternError} when all of it is too much work. */
  *findAll(text: string): Generator<string> {
    const work = { left: MOST_WORK };
    let at = 0;
    let before = -1;
    while (at <= text.length) {
      const found = this.#run(text, at, false, work);
      if (found === undefined) return;
      const isEmpty = found.start === found.end;
      if (!isEmpty || found.start !== before) yield text.slice(found.start, found.end);
      before = found.end;
      at = isEmpty ? found.end + widthAt(text, found.end) : found.end;
    }
  }

  #run(text: string, from: number, isAny: boolean, work = { left: MOST_WORK }): Found | undefined {
    this.#threads ??= [new Threads(this.#program), new Threads(this.#program)];
    let [now, next] = this.#threads;
    now.clear();
    next.clear();
    let found: Found | undefined;
    for (let at = from; at <= text.length; ) {
      if (found === undefined && !(this.#isAtStart && at > 0)) now.enter(0, at, text, at);
      if (now.count === 0 && (found !== undefined || this.#isAtStart)) break;
      const code = text.codePointAt(at) ?? -1;
      const width = code > 0xffff ? 2 : 1;
      const matched = now.step(code, next, text, at + width);
      if (matched >= 0) {
        found = { start: matched, end: at };
        if (isAny) return found;
      }
      work.left -= now.count + 1;
      if (work.left < 0) throw new PatternError(`too much work with a text of ${text.length} characters`);
      now.clear();
      [now, next] = [next, now];
      at += width;
    }
    return found;
  }
}

function widthAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}

/** Where a pattern is while it matches, each place once, what is liked most first. */
class Threads {
  readonly #program: Program;
  /** Places that take a character or match, and where their match began. */
  readonly #places: Int32Array;
  readonly #starts: Int32Array;
  /** By place: when it was entered. */
  readonly #entered: Int32Array;
  readonly #todo: Int32Array;
  #turn = 1;
  count = 0;

  constructor(program: Program) {
    const { length } = program.kinds;
    this.#program = program;
    this.#places = new Int32Array(length);
    this.#starts = new Int32Array(length);
    this.#entered = new Int32Array(length);
    this.#todo = new Int32Array(2 * length + 1);
  }

  clear(): void {
    this.count = 0;
    this.#turn = (this.#turn + 1) | 0;
  }

  /** Goes from a place to all that follow without a character. */
  enter(place: number, start: number, text: string, at: number): void {
    const { kinds, first, second, assertions } = this.#program;
    const [todo, entered, turn] = [this.#todo, this.#entered, this.#turn];
    let left = 1;
    todo[0] = place;
    while (left > 0) {
      left -= 1;
      const next = todo[left]!;
      if (entered[next] === turn) continue;
      entered[next] = turn;
      const kind = kinds[next];
      if (kind === FORK) {
        todo[left] = second[next]!;
        todo[left + 1] = first[next]!;
        left += 2;
      } else if (kind !== ASSERTION) {
        this.#places[this.count] = next;
        this.#starts[this.count] = start;
        this.count += 1;
      } else if (holds(assertions[next]!, text, at)) {
        todo[left] = next + 1;
        left += 1;
      }
    }
  }

  /**
   * Takes a character everywhere; those that can go on in `next`.
   * @param code -1 at the end of the text. @param at Where the next one is.
   * @returns where the match began that this comes to before the character, before which nothing is liked more; -1: none.
   */
  step(code: number, next: Threads, text: string, at: number): number {
    const { kinds, sets } = this.#program;
    for (let index = 0; index < this.count; index += 1) {
      const place = this.#places[index]!;
      const start = this.#starts[index]!;
      if (kinds[place] === MATCH) return start;
      if (code >= 0 && sets[place]!.has(code)) next.enter(place + 1, start, text, at);
    }
    return -1;
  }
}

function holds(assertion: Assertion, text: string, at: number): boolean {
  switch (assertion) {
    case "text-start":
      return at === 0;
    case "text-end":
      return at === text.length;
    case "line-start":
      return at === 0 || text[at - 1] === "\n";
    case "line-end":
      return at === text.length || text[at] === "\n";
    case "word":
      return isWord(text[at - 1]) !== isWord(text[at]);
    case "no-word":
      return isWord(text[at - 1]) === isWord(text[at]);
  }
}

function isWord(char: string | undefined): boolean {
  return char !== undefined && /^[0-9A-Za-z_]$/.test(char);
}

/** Lays a pattern out as steps. */
class Builder {
  readonly #pattern: string;
  readonly #kinds: number[] = [];
  readonly #first: number[] = [];
  readonly #second: number[] = [];
  readonly #sets: (CharSet | undefined)[] = [];
  readonly #assertions: (Assertion | undefined)[] = [];

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  program(): Program {
    this.#push(MATCH);
    return {
      kinds: Uint8Array.from(this.#kinds),
      first: Int32Array.from(this.#first),
      second: Int32Array.from(this.#second),
      sets: this.#sets,
      assertions: this.#assertions,
    };
  }

  add(node: Node): void {
    switch (node.type) {
      case "set":
        this.#push(SET, node.set);
        break;
      case "assertion":
        this.#push(ASSERTION, undefined, node.assertion);
        break;
      case "sequence":
        for (const part of node.parts) this.add(part);
        break;
      case "choice":
        this.#choice(node.parts);
        break;
      case "repeat":
        this.#repeat(node);
    }
  }

  #choice(parts: readonly Node[]): void {
    const ends: number[] = [];
    for (const [index, part] of parts.entries()) {
      const fork = index < parts.length - 1 ? this.#push(FORK) : -1;
      if (fork >= 0) this.#first[fork] = this.#place;
      this.add(part);
      if (fork < 0) break;
      ends.push(this.#push(FORK));
      this.#second[fork] = this.#place;
    }
    for (const end of ends) this.#lead(end, this.#place);
  }

  #repeat({ part, least, most, isLazy }: Extract<Node, { type: "repeat" }>): void {
    for (let count = 0; count < least; count += 1) this.add(part);
    // who is lazy would rather leave
    const [go, leave] = isLazy ? [this.#second, this.#first] : [this.#first, this.#second];
    const forks: number[] = [];
    const isEndless = most === Number.POSITIVE_INFINITY;
    for (let count = least; count < (isEndless ? least + 1 : most); count += 1) {
      const fork = this.#push(FORK);
      forks.push(fork);
      go[fork] = this.#place;
      this.add(part);
      if (isEndless) this.#lead(this.#push(FORK), fork);
    }
    for (const fork of forks) leave[fork] = this.#place;
  }

  get #place(): number {
    return this.#kinds.length;
  }

  #lead(fork: number, place: number): void {
    this.#first[fork] = place;
    this.#second[fork] = place;
  }

  #push(kind: number, set?: CharSet, assertion?: Assertion): number {
    if (this.#place >= MOST_STEPS) throw new PatternError(`expression too large: \`${this.#pattern}\``);
    this.#kinds.push(kind);
    this.#first.push(0);
    this.#second.push(0);
    this.#sets.push(set);
    this.#assertions.push(assertion);
    return this.#place - 1;
  }
}

const known = new Map<string, Pattern | PatternError>();
const MOST_KNOWN = 1000;

/** A pattern, read once for all who use it. @throws {PatternError} */
export function patternOf(pattern: string): Pattern {
  let found = known.get(pattern);
  if (found === undefined) {
    found = read(pattern);
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(pattern, found);
  }
  if (found instanceof PatternError) throw found;
  return found;
}

function read(pattern: string): Pattern | PatternError {
  try {
    return new Pattern(pattern);
  } catch (error) {
    if (error instanceof PatternError) return error;
    throw error;
  }
}

/** What Go's engine finds wrong with a pattern, in its words; undefined: nothing. */
export function patternProblem(pattern: string): string | undefined {
  try {
    patternOf(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}
