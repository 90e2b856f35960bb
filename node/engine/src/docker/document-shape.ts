import { TsukubeError } from "@tsukube/foundation";

/** What a part of a client's document may be besides absent and null. "words" are a list of them, or one. */
export type Shape =
  | "string"
  | "integer"
  | "boolean"
  | "object"
  | "words"
  | { readonly listOf: Shape }
  | { readonly tableOf: Shape }
  | { readonly fields: Readonly<Record<string, Shape>> };

/** A shape for each field of a document. */
export type Fields<T> = { readonly [Field in keyof T]-?: Shape };

const LIST_OF_WORDS: Shape = { listOf: "string" };

/** Fields without a shape are nobody's, and may be anything. @param at Where the value stands, to say so. @throws {TsukubeError} `invalid`. */
export function checkShape(value: unknown, shape: Shape, at = ""): void {
  if (value === undefined || value === null) return;
  if (shape === "words") {
    if (typeof value !== "string") checkShape(value, LIST_OF_WORDS, at);
  } else if (typeof shape === "string") {
    if (shape === "integer" ? !Number.isInteger(value) : typeOf(value) !== shape) throw mismatch(at, value, shape);
  } else if ("listOf" in shape) {
    if (!Array.isArray(value)) throw mismatch(at, value, "list");
    for (const [index, each] of value.entries()) checkShape(each, shape.listOf, `${at}[${index}]`);
  } else {
    if (typeOf(value) !== "object") throw mismatch(at, value, "object");
    for (const [name, each] of Object.entries(value)) {
      const expected = "tableOf" in shape ? shape.tableOf : fieldOf(shape.fields, name);
      if (expected !== undefined) checkShape(each, expected, at === "" ? name : `${at}.${name}`);
    }
  }
}

function fieldOf(fields: Readonly<Record<string, Shape>>, name: string): Shape | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

function typeOf(value: unknown): string {
  return Array.isArray(value) ? "list" : typeof value;
}

function mismatch(at: string, value: unknown, expected: string): TsukubeError {
  const shown = typeof value === "object" ? "" : ` (${JSON.stringify(value).slice(0, 64)})`;
  return new TsukubeError(
    "invalid",
    `invalid request: ${at} is of type ${typeOf(value)}${shown}, expected ${expected}`,
  );
}
