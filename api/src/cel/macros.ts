import type { Expression } from "./ast.ts";

const MACROS = new Set(
  "all exists exists_one existsOne map filter transformList transformMap transformMapEntry optMap optFlatMap sortBy".split(
    " ",
  ),
);

/** Whether a call on a target is a macro: its first arguments are names that the others may use. */
export function isMacro(name: string, args: readonly Expression[]): boolean {
  const fewest = name === "existsOne" ? 3 : 2;
  return MACROS.has(name) && args.length >= fewest && args[0]?.type === "identifier";
}

/** How many of the arguments are names. */
export function variablesOf(name: string, args: readonly Expression[]): number {
  if (name.startsWith("transform")) return 2;
  const mayHaveTwo = name === "all" || name === "exists" || name === "exists_one" || name === "existsOne";
  return mayHaveTwo && args.length === 3 ? 2 : 1;
}

type Call = Extract<Expression, { type: "call" }>;

/** What `cel.bind(name, value, body)` binds; undefined: the call is another. */
export function bindingOf({
  name,
  target,
  args,
}: Call): { readonly name: string; readonly value: Expression; readonly body: Expression } | undefined {
  if (name !== "bind" || target?.type !== "identifier" || target.name !== "cel") return undefined;
  const [variable, value, body] = args;
  if (variable?.type !== "identifier" || value === undefined || body === undefined) return undefined;
  return { name: variable.name, value, body };
}
