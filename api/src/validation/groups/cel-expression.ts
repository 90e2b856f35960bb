import { CelCompileError, type CelEnvironment, compileCel } from "../../cel/index.ts";
import { fieldError } from "../../status/field-error.ts";
import type { Check } from "../check.ts";

/**
 * An expression that compiles, and whose value is of one of these types as far as can be told; none: any value.
 * @param types Such as "bool"; "Object" for configurations that policies apply.
 */
export function celExpression(environment: CelEnvironment, ...types: readonly string[]): Check {
  return (value, at, errors) => {
    if (typeof value !== "string" || value.trim() === "") return;
    const wrong = problemOf(value, environment, types);
    if (wrong !== undefined) errors.push(fieldError.invalid(at, value, wrong));
  };
}

function problemOf(source: string, environment: CelEnvironment, types: readonly string[]): string | undefined {
  try {
    const { name } = compileCel(source, environment).type;
    if (types.length === 0 || name === "dyn" || types.includes(name)) return undefined;
    return `must evaluate to ${types.map((type) => (type === "null_type" ? "null" : type)).join(" or ")}`;
  } catch (error) {
    if (error instanceof CelCompileError) return `compilation failed: ${error.message}`;
    throw error;
  }
}
