import { TsukubeError } from "@tsukube/foundation";

export type Lookup = (name: string) => string | undefined;

/**
 * Replaces variables and takes quotes away, as the shell does for a word (Dockerfile reference, "Environment replacement"):
 * `$a`, `${a}`, `${a:-x}`, `${a-x}`, `${a:+x}`, `${a+x}`, `${a:?x}`, `${a?x}`, `${a#x}`, `${a##x}`, `${a%x}`, `${a%%x}`,
 * `${a/x/y}`, `${a//x/y}`. Nothing is replaced in single quotes and behind an escapeChar.
 * @throws {TsukubeError} `invalid` for an open quote or brace, an unknown modifier, and what `?` demands.
 */
export function expandWord(word: string, lookup: Lookup, escapeChar = "\\"): string {
  return new Expansion(word, lookup, escapeChar).whole();
}

/** The same without a meaning of quotes: a here-document. */
export function expandText(text: string, lookup: Lookup, escapeChar = "\\"): string {
  return new Expansion(text, lookup, escapeChar).text();
}

const NAME = /^(?:[a-zA-Z_][a-zA-Z0-9_]*|\d+|[@*#?!$-])/;

class Expansion {
  readonly #source: string;
  readonly #lookup: Lookup;
  readonly #escapeChar: string;
  #at = 0;

  constructor(source: string, lookup: Lookup, escapeChar: string) {
    this.#source = source;
    this.#lookup = lookup;
    this.#escapeChar = escapeChar;
  }

  whole(): string {
    return this.#until("");
  }

  text(): string {
    let out = "";
    while (this.#at < this.#source.length) {
      const char = this.#source[this.#at] as string;
      if (char === this.#escapeChar && this.#source[this.#at + 1] === "$") {
        out += "$";
        this.#at += 2;
      } else out += char === "$" ? this.#variable() : this.#take();
    }
    return out;
  }

  #take(): string {
    return this.#source[this.#at++] as string;
  }

  #until(end: string): string {
    let out = "";
    while (this.#at < this.#source.length) {
      const char = this.#source[this.#at] as string;
      if (end.includes(char) && end !== "") return out;
      if (char === "'") out += this.#single();
      else if (char === '"') out += this.#double();
      else if (char === "$") out += this.#variable();
      else if (char === this.#escapeChar) {
        this.#at++;
        out += this.#at < this.#source.length ? this.#take() : "";
      } else out += this.#take();
    }
    if (end !== "") throw this.#error(`lacks "${end.at(-1)}"`);
    return out;
  }

  #single(): string {
    const close = this.#source.indexOf("'", this.#at + 1);
    if (close < 0) throw this.#error("has an open single quote");
    const inside = this.#source.slice(this.#at + 1, close);
    this.#at = close + 1;
    return inside;
  }

  #double(): string {
    this.#at++;
    let out = "";
    while (this.#at < this.#source.length) {
      const char = this.#source[this.#at] as string;
      const after = this.#source[this.#at + 1] ?? "";
      if (char === '"') {
        this.#at++;
        return out;
      }
      if (char === "$") out += this.#variable();
      else if (char === this.#escapeChar && ['"', "$", this.#escapeChar].includes(after)) {
        out += after;
        this.#at += 2;
      } else out += this.#take();
    }
    throw this.#error("has an open double quote");
  }

  #variable(): string {
    this.#at++; // $
    if (this.#source[this.#at] === "{") return this.#braced();
    const [name] = NAME.exec(this.#source.slice(this.#at)) ?? [];
    if (name === undefined) return "$";
    this.#at += name.length;
    return this.#lookup(name) ?? "";
  }

  #braced(): string {
    this.#at++; // {
    const [name] = NAME.exec(this.#source.slice(this.#at)) ?? [];
    if (name === undefined) throw this.#error("has ${ without the name of a variable");
    this.#at += name.length;
    const value = this.#lookup(name);
    const char = this.#at < this.#source.length ? this.#take() : "";
    if (char === "}") return value ?? "";
    if (char === "#" || char === "%") return this.#trimmed(value ?? "", char);
    if (char === "/") return this.#replaced(value ?? "");
    const strict = char !== ":";
    const modifier = strict ? char : this.#take();
    const word = "-+?".includes(modifier ?? "") && modifier !== "" ? this.#closed() : undefined;
    const present = strict ? value !== undefined : value !== undefined && value !== "";
    if (word !== undefined && modifier === "-") return present ? (value as string) : word;
    if (word !== undefined && modifier === "+") return present ? word : "";
    if (word !== undefined && modifier === "?") {
      if (present) return value as string;
      throw this.#error(`needs the variable ${name}: ${word || "it is not set"}`);
    }
    throw this.#error(`has an unknown modifier "${char}${strict ? "" : (modifier ?? "")}" of ${name}`);
  }

  #closed(): string {
    const word = this.#until("}");
    this.#at++;
    return word;
  }

  #trimmed(value: string, side: "#" | "%"): string {
    const greedy = this.#source[this.#at] === side;
    if (greedy) this.#at++;
    const pattern = this.#closed();
    const cuts = Array.from({ length: value.length + 1 }, (_, index) => index);
    const lengths = greedy ? cuts.reverse() : cuts;
    const part = (length: number): string =>
      side === "#" ? value.slice(0, length) : value.slice(value.length - length);
    const whole = globOf(pattern);
    const found = lengths.find((length) => whole.test(part(length)));
    if (found === undefined) return value;
    return side === "#" ? value.slice(found) : value.slice(0, value.length - found);
  }

  #replaced(value: string): string {
    const all = this.#source[this.#at] === "/";
    if (all) this.#at++;
    const pattern = this.#until("/}");
    const hasReplacement = this.#source[this.#at] === "/";
    this.#at++; // the slash, or the brace
    const replacement = hasReplacement ? this.#closed() : "";
    if (pattern === "") return value;
    return value.replace(new RegExp(globSource(pattern), all ? "g" : ""), () => replacement);
  }

  #error(problem: string): TsukubeError {
    return new TsukubeError("invalid", `"${this.#source}" ${problem}`);
  }
}

function globOf(pattern: string): RegExp {
  return new RegExp(`^(?:${globSource(pattern)})$`, "s");
}

function globSource(pattern: string): string {
  return pattern
    .replaceAll(/[.+^$(){}|[\]\\/]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
}
