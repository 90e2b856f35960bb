import { ApiError } from "../status/api-error.ts";

/** One condition of a field selector. */
export interface FieldRequirement {
  readonly field: string;
  readonly operator: "=" | "!=";
  readonly value: string;
}

/** A compiled field selector: all requirements must hold. */
export interface FieldMatcher {
  readonly requirements: readonly FieldRequirement[];
  /** @param labelValue The object's value of a field label, "" when it has none. */
  matches(labelValue: (field: string) => string): boolean;
  /** The value that a field must have, if the selector demands exactly one; lets a list read one name or namespace. */
  exactValue(field: string): string | undefined;
  toString(): string;
}

export function fieldMatcher(requirements: readonly FieldRequirement[]): FieldMatcher {
  return {
    requirements,
    matches: (labelValue) =>
      requirements.every(({ field, operator, value }) => (labelValue(field) === value) === (operator === "=")),
    exactValue: (field) => requirements.find((one) => one.field === field && one.operator === "=")?.value,
    toString: () => requirements.map(printRequirement).join(","),
  };
}

/** Matches every object. */
export const everyField: FieldMatcher = fieldMatcher([]);

/**
 * Parses `a=b,c!=d,e==f`; `\`, `,` and `=` in values are escaped with a backslash.
 * @param supported Field labels that the resource knows; absent means all.
 * @throws {ApiError} 400 with upstream's message.
 */
export function parseFieldSelector(text: string, supported?: readonly string[]): FieldMatcher {
  const requirements = splitTerms(text)
    .filter((term) => term !== "")
    .map((term) => parseTerm(term, text))
    .filter(({ field, value }) => field !== "" || value !== "");
  requirements.forEach(({ field }) => {
    if (supported !== undefined && !supported.includes(field)) throw unknownField(field, supported);
  });
  return fieldMatcher(requirements);
}

function unknownField(field: string, supported: readonly string[]): ApiError {
  const known = supported.map((label) => `"${label}"`).join(", ");
  return ApiError.badRequest(`"${field}" is not a known field selector: only ${known}`);
}

/** Splits at commas that no backslash escapes. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === ",") {
      terms.push(text.slice(start, at));
      start = at + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function parseTerm(term: string, whole: string): FieldRequirement {
  const operator = firstOperator(term);
  if (operator === undefined) throw ApiError.badRequest(`invalid selector: '${whole}'; can't understand '${term}'`);
  const value = unescapeValue(term.slice(operator.at + operator.text.length));
  return { field: term.slice(0, operator.at), operator: operator.text === "!=" ? "!=" : "=", value };
}

function firstOperator(term: string): { readonly at: number; readonly text: string } | undefined {
  for (let at = 0; at < term.length; at++) {
    const text = ["!=", "==", "="].find((candidate) => term.startsWith(candidate, at));
    if (text !== undefined) return { at, text };
  }
  return undefined;
}

function unescapeValue(value: string): string {
  let out = "";
  for (let at = 0; at < value.length; at++) {
    const character = value[at]!;
    if (character === "\\") out += unescapeCharacter(value, ++at);
    else if (character === "=" || character === ",") throw unescaped(character);
    else out += character;
  }
  return out;
}

function unescapeCharacter(value: string, at: number): string {
  const escaped = value[at];
  if (escaped === "\\" || escaped === "," || escaped === "=") return escaped;
  throw ApiError.badRequest(`invalid field selector: invalid escape sequence: \\${escaped ?? ""}`);
}

/** Upstream tells its number. */
function unescaped(character: string): ApiError {
  return ApiError.badRequest(`invalid field selector: unescaped character in value: ${character.charCodeAt(0)}`);
}

function printRequirement({ field, operator, value }: FieldRequirement): string {
  return `${field}${operator}${value.replaceAll(/[\\,=]/g, "\\$&")}`;
}
