import type { StatusCause } from "../../generated/types/meta-v1.ts";
import { encodeUnstructuredText } from "../codec/json-encode.ts";
import { goNumber } from "../go-number.ts";

/** The reasons a field can be refused for, as `Status.details.causes[].reason` carries them. */
export type FieldErrorType =
  | "FieldValueNotFound"
  | "FieldValueRequired"
  | "FieldValueDuplicate"
  | "FieldValueInvalid"
  | "FieldValueNotSupported"
  | "FieldValueForbidden"
  | "FieldValueTooLong"
  | "FieldValueTooMany"
  | "FieldValueTypeInvalid"
  | "InternalError";

/** One refused field: validation returns lists of these, {@link ApiError.invalid} turns them into a Status. */
export interface FieldError {
  readonly type: FieldErrorType;
  /** Such as "spec.containers[0].name"; keys of maps in brackets. */
  readonly field: string;
  /** Shown in the message of the types that show values. */
  readonly badValue?: unknown;
  readonly detail: string;
}

const WORDING: Readonly<Record<FieldErrorType, string>> = {
  FieldValueNotFound: "Not found",
  FieldValueRequired: "Required value",
  FieldValueDuplicate: "Duplicate value",
  FieldValueInvalid: "Invalid value",
  FieldValueNotSupported: "Unsupported value",
  FieldValueForbidden: "Forbidden",
  FieldValueTooLong: "Too long",
  FieldValueTooMany: "Too many",
  FieldValueTypeInvalid: "Invalid value",
  InternalError: "Internal error",
};

/** Stands for a value that is not shown. */
export const OMITTED: unique symbol = Symbol("omitted");

const VALUELESS: ReadonlySet<FieldErrorType> = new Set([
  "FieldValueRequired",
  "FieldValueForbidden",
  "FieldValueTooLong",
  "InternalError",
]);

/** Makes field errors with upstream's wording. */
export const fieldError = {
  notFound: (field: string, badValue: unknown): FieldError => ({
    type: "FieldValueNotFound",
    field,
    badValue,
    detail: "",
  }),
  required: (field: string, detail = ""): FieldError => ({ type: "FieldValueRequired", field, badValue: "", detail }),
  duplicate: (field: string, badValue: unknown): FieldError => ({
    type: "FieldValueDuplicate",
    field,
    badValue,
    detail: "",
  }),
  invalid: (field: string, badValue: unknown, detail: string): FieldError => ({
    type: "FieldValueInvalid",
    field,
    badValue,
    detail,
  }),
  typeInvalid: (field: string, badValue: unknown, detail: string): FieldError => ({
    type: "FieldValueTypeInvalid",
    field,
    badValue,
    detail,
  }),
  notSupported: (field: string, badValue: unknown, supported: readonly string[]): FieldError => ({
    type: "FieldValueNotSupported",
    field,
    badValue,
    detail: supported.length === 0 ? "" : `supported values: ${supported.map(goQuote).join(", ")}`,
  }),
  forbidden: (field: string, detail: string): FieldError => ({
    type: "FieldValueForbidden",
    field,
    badValue: "",
    detail,
  }),
  tooLong: (field: string, max: number, unit: "bytes" | "characters" = "bytes"): FieldError => ({
    type: "FieldValueTooLong",
    field,
    badValue: "",
    detail: `may not be more than ${max} ${unit}`,
  }),
  /** A list or map of `actual` elements where at most `max` are allowed. */
  tooMany: (field: string, actual: number, max: number): FieldError => ({
    type: "FieldValueTooMany",
    field,
    badValue: actual,
    detail: `must have at most ${max} item${max === 1 ? "" : "s"}`,
  }),
  internal: (field: string, detail: string): FieldError => ({ type: "InternalError", field, badValue: "", detail }),
} as const;

/** The error without its field, such as `Invalid value: "x": must be …`. */
export function fieldErrorBody(error: FieldError): string {
  const wording = WORDING[error.type];
  const isShown = !VALUELESS.has(error.type) && error.badValue !== OMITTED;
  const shown = isShown ? `${wording}: ${showValue(error.badValue)}` : wording;
  return error.detail === "" ? shown : `${shown}: ${error.detail}`;
}

/** The error with its field, such as `spec.replicas: Invalid value: -1: must be greater than or equal to 0`. */
export function fieldErrorMessage(error: FieldError): string {
  return `${error.field}: ${fieldErrorBody(error)}`;
}

/** Upstream's aggregate form: one message as it is, several distinct ones as "[a, b]", none as "". */
export function aggregateMessage(messages: readonly string[]): string {
  const distinct = [...new Set(messages)];
  return distinct.length === 1 ? distinct[0]! : distinct.length === 0 ? "" : `[${distinct.join(", ")}]`;
}

/** What one answer tells at most of what is wrong: each of many errors may quote much of an object. */
const MOST_TOLD = 2 * 1024 * 1024;

/** The first of them, as far as they are to be told. */
export function tellable(errors: readonly FieldError[]): readonly FieldError[] {
  let left = MOST_TOLD;
  const end = errors.findIndex((error, index) => {
    left -= fieldErrorMessage(error).length;
    return left < 0 && index > 0;
  });
  return end < 0 ? errors : errors.slice(0, end);
}

/** `Status.details.causes` of field errors, in order. */
export function causesOf(errors: readonly FieldError[]): readonly StatusCause[] {
  return errors.map((error) => ({ reason: error.type, message: fieldErrorBody(error), field: error.field }));
}

function showValue(value: unknown): string {
  if (typeof value === "string") return goQuote(value);
  if (value === undefined || value === null) return "null";
  if (typeof value === "number") return goNumber(value);
  if (typeof value !== "object") return String(value);
  return encodeUnstructuredText(value);
}

/** A string as Go's `%q` prints it: double quotes, backslash escapes, non-printable characters as \u or \x. */
export function goQuote(text: string): string {
  let out = '"';
  for (const character of text) out += ESCAPES.get(character) ?? escapeControl(character);
  return `${out}"`;
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\x07", "\\a"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
]);

/** Whether Go takes a character for one that is shown as it is: of spaces, the plain one alone. */
export function isPrintable(character: string): boolean {
  return character === " " || !/[\p{C}\p{Z}]/u.test(character);
}

function escapeControl(character: string): string {
  const point = character.codePointAt(0)!;
  if (point < 0x20 || point === 0x7f) return `\\x${point.toString(16).padStart(2, "0")}`;
  if (isPrintable(character)) return character;
  return point > 0xffff ? `\\U${point.toString(16).padStart(8, "0")}` : `\\u${point.toString(16).padStart(4, "0")}`;
}
