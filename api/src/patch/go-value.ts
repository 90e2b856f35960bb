import { goNumber } from "../go-number.ts";
import type { Json } from "../object.ts";
import { goQuote } from "../status/field-error.ts";
import { isRecord } from "./merge-patch.ts";

/** A value as Go's %v prints it: upstream's texts show patches so. */
export function goValue(value: Json | undefined): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(goValue).join(" ")}]`;
  if (!isRecord(value)) return typeof value === "number" ? goNumber(value) : String(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${key}:${goValue(value[key])}`);
  return `map[${members.join(" ")}]`;
}

/** A value as Go's %s prints it, which wants text. */
export function goText(value: Json | undefined): string {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value !== null) return goValue(value);
  return value === null || value === undefined ? "%!s(<nil>)" : `%!s(${goType(value)}=${value})`;
}

/** The type that Go gives to a JSON value. */
export function goType(value: Json): string {
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return "[]interface {}";
  switch (typeof value) {
    case "object":
      return "map[string]interface {}";
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
  if (typeof value !== "object") return typeof value === "number" ? goNumber(value) : String(value);
  if (Array.isArray(value)) return `[]interface {}{${(value as readonly Json[]).map(goSyntax).join(", ")}}`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  const shown = members.map(([name, member]) => `${goQuote(name)}:${goSyntax(member)}`);
  return `map[string]interface {}{${shown.join(", ")}}`;
}
