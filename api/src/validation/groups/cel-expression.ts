import { CelCompileError, type CelEnvironment, compileCel, type StaticType, typeNameOf } from "../../cel/index.ts";
import { fieldError } from "../../status/field-error.ts";
import type { Check } from "../check.ts";

/**
 * An expression that compiles, and whose value is of one of these types as far as can be told; none: any value.
 * @param types Such as "bool"; "Object" for configurations that policies apply; "list(JSONPatch)".
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
    const { type } = compileCel(source, environment);
    if (types.length === 0 || types.some((wanted) => mayBe(type, wanted))) return undefined;
    const [only, ...more] = types;
    return `must evaluate to ${more.length === 0 ? only : `one of [${types.join(" ")}]`} but got ${typeNameOf(type)}`;
  } catch (error) {
    if (error instanceof CelCompileError) return `compilation failed: ${error.message}`;
    throw error;
  }
}

/** What is in a list is not always known. */
function mayBe(type: StaticType, wanted: string): boolean {
  const { name, element } = type;
  if (name === "dyn" || name === wanted) return true;
  const isOpen = element === undefined || element.name === "dyn";
  return typeNameOf(type) === wanted || (name === "list" && isOpen && wanted.startsWith("list("));
}
