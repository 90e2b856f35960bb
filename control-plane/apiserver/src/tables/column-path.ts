import { COMPARISONS, ColumnPathError, type Compare } from "./column-comparison.ts";

/** Values that a path finds, in order. @throws {ColumnPathError} for an object of which it cannot be asked. */
type Step = (values: readonly unknown[]) => readonly unknown[];

/**
 * A JSONPath of a printer column as client-go's util/jsonpath reads it: `.a.b`, `.a\.b`, `['a']`, `[0]`, `[-1:]`, `[0,2]`, `[*]`,
 * `.*`, `..a`, `[?(@.type=="Ready")].status`.
 * @returns what finds its first value; undefined where there is none.
 * @throws {ColumnPathError} for text that is none.
 */
export function columnPath(text: string): (object: unknown) => unknown {
  const steps = new Parser(text).steps();
  return (object) => {
    try {
      return run(steps, [object])[0];
    } catch (error) {
      if (error instanceof ColumnPathError) return undefined;
      throw error;
    }
  };
}

function run(steps: readonly Step[], values: readonly unknown[]): readonly unknown[] {
  return steps.reduce((found, step) => step(found), values);
}

const FIELD = /^\.((?:\\.|[^\s.,[\]$@{}\\])*)/s;
const NUMBER = /^[+-]?[\d.]+/;
const WORD = /^[\p{L}\d_][^\s.,[\]$@{}]*/u;
const BRACKETS = /^\[([^\]\n]*)\]/;
const FILTER = /^\[\?\(((?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^)"'\n])*)\)\]/s;
const TEXT = /^"((?:\\.|[^"\\\n])*)"|^'((?:\\.|[^'\\\n])*)'/s;

class Parser {
  #rest: string;

  constructor(text: string) {
    this.#rest = text;
  }

  steps(): readonly Step[] {
    const steps: Step[] = [];
    while (this.#rest !== "") {
      const step = this.#step();
      if (step !== undefined) steps.push(step);
    }
    return steps;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    const match = pattern.exec(this.#rest) ?? undefined;
    if (match !== undefined) this.#rest = this.#rest.slice(match[0].length);
    return match;
  }

  #step(): Step | undefined {
    if (this.#take(/^[ @$]/) !== undefined) return undefined;
    if (this.#take(/^\.\.(?=[\p{L}\d_])/u) !== undefined) {
      this.#rest = `.${this.#rest}`;
      return descend;
    }
    if (this.#take(/^\.\./) !== undefined) return descend;
    const filter = this.#take(FILTER);
    if (filter !== undefined) return filterOf(filter[1] ?? "");
    const brackets = this.#take(BRACKETS);
    if (brackets !== undefined) return bracketsOf(brackets[1] ?? "");
    const field = this.#take(FIELD);
    if (field !== undefined) return field[1] === "*" ? everything : fieldOf((field[1] ?? "").replaceAll("\\", ""));
    return this.#constant();
  }

  #constant(): Step {
    const text = this.#take(TEXT);
    if (text !== undefined) return () => [(text[1] ?? text[2] ?? "").replaceAll(/\\(.)/gs, "$1")];
    const number = this.#take(NUMBER);
    if (number !== undefined) return (values) => values.map(() => Number(number[0]));
    const [word] = this.#take(WORD) ?? [];
    if (word === "true" || word === "false") return (values) => values.map(() => word === "true");
    throw new ColumnPathError("invalid-path", `unrecognized "${word ?? this.#rest}"`);
  }
}

function fieldOf(name: string): Step {
  return (values) => values.flatMap((value) => (isRecord(value) && Object.hasOwn(value, name) ? [value[name]] : []));
}

const everything: Step = (values) => values.flatMap(membersOf);

const descend: Step = (values) =>
  values.flatMap((value): readonly unknown[] => {
    const members = membersOf(value);
    return members.length === 0 ? [] : [value, ...descend(members)];
  });

function membersOf(value: unknown): readonly unknown[] {
  return typeof value === "object" && value !== null ? Object.values(value) : [];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function bracketsOf(text: string): Step {
  const parts = text.split(",");
  if (parts.length > 1) {
    const steps = parts.map((part) => bracketsOf(part.trim()));
    return (values) => steps.flatMap((step) => step(values));
  }
  const quoted = /^'([^']*)'$/.exec(text)?.[1];
  if (quoted !== undefined) {
    const steps = new Parser(`.${quoted}`).steps();
    return (values) => run(steps, values);
  }
  const [, start = "", end, step] = /^(-?\d*)(:-?\d*)?(:-?\d*)?$/.exec(text === "*" ? ":" : text) ?? fail(text);
  return sliceOf(numberOf(start), end === undefined ? "next" : numberOf(end.slice(1)), numberOf(step?.slice(1) ?? ""));
}

function fail(text: string): never {
  throw new ColumnPathError("invalid-path", `invalid array index ${text}`);
}

function numberOf(text: string): number | undefined {
  return text === "" || text === "-" ? undefined : Number(text);
}

/** @param to "next": one item. */
function sliceOf(from: number | undefined, to: number | "next" | undefined, every = 1): Step {
  return (values) =>
    values.flatMap((value): readonly unknown[] => {
      if (value === null) return [];
      if (!Array.isArray(value)) throw new ColumnPathError("wrong-type", "not an array");
      const { length } = value;
      const first = from === undefined ? 0 : from < 0 ? from + length : from;
      const last = to === "next" ? first + 1 : to === undefined ? length : to < 0 ? to + length : to;
      if (first === last) return [];
      if (first < 0 || first >= length || last < first || last > length || every <= 0)
        throw new ColumnPathError("out-of-bounds", `index ${first}, length ${length}`);
      return value.slice(first, last).filter((_, index) => index % every === 0);
    });
}

function filterOf(text: string): Step {
  const [, left = text, operator, right = ""] = /^([^!<>=]+)([!<>=]+)(.+)$/s.exec(text) ?? [];
  const sides = [left, right].map((side) => new Parser(side).steps());
  const compare: Compare | undefined = operator === undefined ? undefined : COMPARISONS[operator];
  return (values) =>
    values.flatMap((value) => {
      if (!Array.isArray(value)) throw new ColumnPathError("wrong-type", "not an array");
      return value.filter((item) => {
        const [lefts, rights] = sides.map((steps) => run(steps, [item])) as [readonly unknown[], readonly unknown[]];
        if (operator === undefined) return lefts.length > 0;
        if (lefts.length === 0 || rights.length === 0) return false;
        if (lefts.length > 1 || rights.length > 1 || compare === undefined)
          throw new ColumnPathError("wrong-type", "not one value");
        return compare(lefts[0], rights[0]);
      });
    });
}
