import { JsonText } from "../codec/json-encode.ts";
import { goFloat, goNumber } from "../go-number.ts";
import type { Json } from "../object.ts";
import { goQuote } from "../status/field-error.ts";
import { isContainer, isRecord } from "./merge-patch.ts";

/** A value as Go's %v prints it: upstream's texts show patches so. */
export function goValue(value: Json | undefined): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(goValue).join(" ")}]`;
  if (!isRecord(value)) return goScalar(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${key}:${goValue(value[key])}`);
  return `map[${members.join(" ")}]`;
}

function goScalar(value: unknown): string {
  if (value instanceof JsonText) return goFloat(Number(value.text));
  return typeof value === "number" ? goNumber(value) : String(value);
}

/** A value as Go's %s prints it, which wants text. */
export function goText(value: Json | undefined): string {
  return value === null || value === undefined ? "%!s(<nil>)" : textWithin(value);
}

function textWithin(value: Json): string {
  if (typeof value === "string") return value;
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(textWithin).join(" ")}]`;
  if (!isRecord(value)) return `%!s(${goType(value)}=${goScalar(value)})`;
  const members = Object.keys(value).sort();
  return `map[${members.map((key) => `${key}:${textWithin(value[key]!)}`).join(" ")}]`;
}

/** The type that Go gives to a JSON value. */
export function goType(value: Json): string {
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return "[]interface {}";
  switch (typeof value) {
    case "object":
      return (value as unknown) instanceof JsonText ? "float64" : "map[string]interface {}";
    case "boolean":
      return "bool";
    case "number":
      return Number.isInteger(value) ? "int64" : "float64";
    default:
      return typeof value === "bigint" ? "int64" : "string";
  }
}

/** A value as Go's %#v prints it. */
export function goSyntax(value: Json): string {
  if (typeof value === "string") return goQuote(value);
  if (value === null) return "interface {}(nil)";
  if (!isContainer(value)) return goScalar(value);
  if (Array.isArray(value)) return `[]interface {}{${(value as readonly Json[]).map(goSyntax).join(", ")}}`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  const shown = members.map(([name, member]) => `${goQuote(name)}:${goSyntax(member)}`);
  return `map[string]interface {}{${shown.join(", ")}}`;
}
