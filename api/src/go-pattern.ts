import { createRequire } from "node:module";
import type * as Re2 from "re2js";

/** What a search may come to, in steps: places of the pattern at characters of the text. It bounds how long others wait. */
const MOST_WORK = 1 << 23;
/** What all searches for one that goes on behind the last may, most of which end early. */
const MOST_TOGETHER = 8 * MOST_WORK;

export class PatternError extends Error {}

/**
 * A pattern of Go's regexp, as schemas and CEL have them. What it costs grows with the text and never faster, where JavaScript's own engine tries
 * one way after the other, for which text and pattern can make more than anybody has time for.
 */
export class GoPattern {
  readonly #compiled: Re2.RE2JS;
  readonly #size: number;

  /** @throws {PatternError} in Go's words. */
  constructor(pattern: string) {
    this.#compiled = compile(pattern);
    this.#size = this.#compiled.programSize();
  }

  /** Whether it matches anywhere. @throws {PatternError} when that is too much work. */
  test(text: string): boolean {
    this.#expectLittle(text, text.length, MOST_WORK);
    return this.#compiled.test(text);
  }

  /** The first match. @throws {PatternError} when that is too much work. */
  find(text: string): string | undefined {
    for (const found of this.findAll(text)) return found;
    return undefined;
  }

  /** All that do not overlap; an empty one right behind another is none. @throws {PatternError} when that is too much work. */
  *findAll(text: string): Generator<string> {
    this.#expectLittle(text, text.length, MOST_WORK);
    const matcher = this.#compiled.matcher(text);
    let searched = text.length;
    for (let before = -1; matcher.find(); before = matcher.end()) {
      if (matcher.start() < matcher.end() || matcher.start() !== before) yield matcher.group() ?? "";
      searched += text.length - matcher.end();
      this.#expectLittle(text, searched, MOST_TOGETHER);
    }
  }

  #expectLittle(text: string, characters: number, most: number): void {
    if (characters * this.#size > most)
      throw new PatternError(`too much work with a text of ${text.length} characters`);
  }
}

let loaded: typeof Re2 | undefined;

/** Loads the engine at its first use: most programs that know schemas match no patterns. */
function engine(): typeof Re2 {
  loaded ??= createRequire(import.meta.url)("re2js") as typeof Re2;
  return loaded;
}

function compile(pattern: string): Re2.RE2JS {
  const { RE2JS, RE2JSSyntaxException } = engine();
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    const description = error.getDescription();
    // what is wrong with all of it names no part
    const part = error.getPattern() ?? (description.startsWith("expression") ? pattern : "");
    throw new PatternError(`${description}: \`${part}\``);
  }
}

const known = new Map<string, GoPattern | PatternError>();
const MOST_KNOWN = 1000;

/** A pattern, read once for all who use it. @throws {PatternError} */
export function goPattern(pattern: string): GoPattern {
  let found = known.get(pattern);
  if (found === undefined) {
    found = read(pattern);
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(pattern, found);
  }
  if (found instanceof PatternError) throw found;
  return found;
}

function read(pattern: string): GoPattern | PatternError {
  try {
    return new GoPattern(pattern);
  } catch (error) {
    if (error instanceof PatternError) return error;
    throw error;
  }
}

/** What Go's engine finds wrong with a pattern, in its words; undefined: nothing. */
export function patternProblem(pattern: string): string | undefined {
  try {
    goPattern(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}
