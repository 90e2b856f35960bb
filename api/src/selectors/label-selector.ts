import { ApiError } from "../status/api-error.ts";
import { goQuote } from "../status/field-error.ts";
import { isLabelValueText, labelKeyProblems, labelValueProblems } from "./label-syntax.ts";
import { type SelectorToken, tokenize } from "./selector-lexer.ts";

/** The labels of an object. */
export type Labels = Readonly<Record<string, string>>;

export type RequirementOperator = "in" | "notin" | "=" | "==" | "!=" | "exists" | "!" | "gt" | "lt";

/** One condition on a label. */
export interface Requirement {
  readonly key: string;
  readonly operator: RequirementOperator;
  /** Sorted; empty for "exists" and "!". */
  readonly values: readonly string[];
}

/** A compiled selector: all requirements must hold; without requirements it matches everything. */
export interface LabelMatcher {
  readonly requirements: readonly Requirement[];
  /** False only for the selector of an absent LabelSelector, which matches no object. */
  readonly matchable: boolean;
  matches(labels: Labels | undefined): boolean;
  /** The string form, which {@link parseLabelSelector} reads back. */
  toString(): string;
}

/** Builds a matcher from requirements, sorted by key as upstream prints them. */
export function labelMatcher(requirements: readonly Requirement[], matchable = true): LabelMatcher {
  const sorted = [...requirements].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return {
    requirements: sorted,
    matchable,
    matches: (labels) => matchable && sorted.every((requirement) => holds(requirement, labels)),
    toString: () => sorted.map(printRequirement).join(","),
  };
}

/** Matches every object. */
export const everything: LabelMatcher = labelMatcher([]);

/** Matches no object. */
export const nothing: LabelMatcher = labelMatcher([], false);

/** A matcher of exact label values, such as a Service's selector. */
export function labelsMatcher(labels: Labels): LabelMatcher {
  return labelMatcher(Object.entries(labels).map(([key, value]) => ({ key, operator: "=", values: [value] })));
}

/**
 * Parses the `labelSelector` grammar: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`.
 * @throws {ApiError} 400 with upstream's message.
 */
export function parseLabelSelector(text: string): LabelMatcher {
  return labelMatcher(new Parser(tokenize(text)).parse());
}

function holds({ key, operator, values }: Requirement, labels: Labels | undefined): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "in":
    case "=":
    case "==":
      return value !== undefined && values.includes(value);
    case "notin":
    case "!=":
      return value === undefined || !values.includes(value);
    case "exists":
      return value !== undefined;
    case "!":
      return value === undefined;
    case "gt":
    case "lt":
      return value !== undefined && compareIntegers(value, values[0]!, operator);
  }
}

function compareIntegers(value: string, bound: string, operator: "gt" | "lt"): boolean {
  if (!INTEGER.test(value)) return false;
  const [left, right] = [BigInt(value), BigInt(bound)];
  return operator === "gt" ? left > right : left < right;
}

const INTEGER = /^-?[0-9]+$/;

function printRequirement({ key, operator, values }: Requirement): string {
  switch (operator) {
    case "exists":
      return key;
    case "!":
      return `!${key}`;
    case "in":
    case "notin":
      return `${key} ${operator} (${values.join(",")})`;
    case "gt":
      return `${key}>${values[0]}`;
    case "lt":
      return `${key}<${values[0]}`;
    default:
      return `${key}${operator}${values[0]}`;
  }
}

/** Checks the parts of a requirement as upstream's NewRequirement. @throws {ApiError} 400 */
export function requirement(key: string, operator: RequirementOperator, values: readonly string[]): Requirement {
  const problems = labelKeyProblems(key);
  if (problems.length > 0) throw invalidText("key", key, problems.join("; "));
  if ((operator === "in" || operator === "notin") && values.length === 0) {
    throw ApiError.badRequest("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty");
  }
  if (operator === "gt" || operator === "lt") checkInteger(values);
  values.forEach((value) => {
    const wrong = labelValueProblems(value);
    if (wrong.length > 0) throw invalidText(`values[0][${key}]`, value, wrong.join("; "));
  });
  return { key, operator, values: [...new Set(values)].sort() };
}

function checkInteger(values: readonly string[]): void {
  if (values.length !== 1 || !INTEGER.test(values[0]!)) {
    const shown = goQuote(values[0] ?? "");
    throw ApiError.badRequest(
      `values[0]: Invalid value: ${shown}: for 'Gt', 'Lt' operators, the value must be an integer`,
    );
  }
}

function invalidText(field: string, value: string, detail: string): ApiError {
  return ApiError.badRequest(`${field}: Invalid value: ${goQuote(value)}: ${detail}`);
}

/** Recursive descent over the tokens, with the error texts of upstream's parser. */
class Parser {
  readonly #tokens: readonly SelectorToken[];
  #position = 0;

  constructor(tokens: readonly SelectorToken[]) {
    this.#tokens = tokens;
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = [];
    for (;;) {
      const next = this.#peek();
      if (next.kind === "end") return requirements;
      if (next.kind !== "identifier" && next.kind !== "!") {
        throw ApiError.badRequest(`found '${next.text}', expected: !, identifier, or 'end of string'`);
      }
      requirements.push(explained(() => this.#requirement()));
      const separator = this.#take();
      if (separator.kind === "end") return requirements;
      if (separator.kind !== ",") {
        throw ApiError.badRequest(`found '${separator.text}', expected: ',' or 'end of string'`);
      }
      const following = this.#peek();
      if (following.kind !== "identifier" && following.kind !== "!") {
        throw ApiError.badRequest(`found '${following.text}', expected: identifier after ','`);
      }
    }
  }

  #requirement(): Requirement {
    const negated = this.#peek().kind === "!";
    if (negated) this.#take();
    const key = this.#take();
    if (key.kind !== "identifier") throw ApiError.badRequest(`found '${key.text}', expected: identifier`);
    const problems = labelKeyProblems(key.text);
    if (problems.length > 0) throw invalidText("<nil>", key.text, problems.join("; "));
    const next = this.#peek().kind;
    if (negated || next === "end" || next === ",") {
      return requirement(key.text, negated ? "!" : "exists", []);
    }
    return this.#comparison(key.text);
  }

  #comparison(key: string): Requirement {
    const operator = this.#take();
    switch (operator.kind) {
      case "in":
      case "notin":
        return requirement(key, operator.kind, this.#valueSet());
      case "=":
      case "==":
      case "!=":
        return requirement(key, operator.kind, [this.#exactValue()]);
      case ">":
      case "<":
        return requirement(key, operator.kind === ">" ? "gt" : "lt", [this.#exactValue()]);
      default:
        throw ApiError.badRequest(`found '${operator.text}', expected: in, notin, =, ==, !=, gt, lt`);
    }
  }

  /** A value may be empty: `a=` and `a=,b` mean the empty value. */
  #exactValue(): string {
    const next = this.#peek(true);
    if (next.kind === "end" || next.kind === ",") return "";
    const value = this.#take(true);
    if (value.kind === "identifier") return value.text;
    throw ApiError.badRequest(`found '${value.text}', expected: identifier`);
  }

  #valueSet(): string[] {
    const open = this.#take(true);
    if (open.kind !== "(") throw ApiError.badRequest(`found '${open.text}' expected: '('`);
    const values: string[] = [];
    let needsValue = true;
    for (;;) {
      const token = this.#take(true);
      if (token.kind === "identifier" && needsValue) {
        values.push(token.text);
        needsValue = false;
      } else if (token.kind === ",") {
        if (needsValue) values.push("");
        needsValue = true;
      } else if (token.kind === ")") {
        if (needsValue) values.push("");
        return values;
      } else {
        const expected = needsValue ? "',', or identifier" : "',' or ')'";
        throw ApiError.badRequest(`found '${token.text}', expected: ${expected}`);
      }
    }
  }

  /** `in` and `notin` are ordinary words where a value stands (`asValue`). */
  #peek(asValue = false): SelectorToken {
    const token = this.#tokens[this.#position] ?? { kind: "end", text: "" };
    const isWord = token.kind === "in" || token.kind === "notin";
    return asValue && isWord ? { kind: "identifier", text: token.text } : token;
  }

  #take(asValue = false): SelectorToken {
    const token = this.#peek(asValue);
    this.#position++;
    return token;
  }
}

/** Upstream puts this before what is wrong inside a requirement, but not between requirements. */
function explained<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof ApiError ? ApiError.badRequest(`unable to parse requirement: ${error.message}`) : error;
  }
}

/** True if `text` can be a label value. */
export const isLabelValue = isLabelValueText;
