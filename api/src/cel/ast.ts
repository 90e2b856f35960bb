/** A parsed CEL expression (cel-spec, langdef.md). Macros are calls here; the compiler expands them. */
export type Expression =
  | { readonly type: "literal"; readonly value: unknown; readonly at: number }
  | { readonly type: "identifier"; readonly name: string; readonly at: number }
  | {
      readonly type: "select";
      readonly operand: Expression;
      readonly field: string;
      readonly optional: boolean;
      readonly at: number;
    }
  | {
      readonly type: "index";
      readonly operand: Expression;
      readonly index: Expression;
      readonly optional: boolean;
      readonly at: number;
    }
  | {
      readonly type: "call";
      /** Operators have their names in the spec: "_+_", "!_", "_?_:_", "@in". */
      readonly name: string;
      readonly target: Expression | undefined;
      readonly args: readonly Expression[];
      readonly at: number;
    }
  | { readonly type: "list"; readonly items: readonly Item[]; readonly at: number }
  | { readonly type: "map"; readonly entries: readonly Entry[]; readonly at: number }
  | { readonly type: "struct"; readonly name: string; readonly fields: readonly Field[]; readonly at: number };

export interface Item {
  readonly value: Expression;
  readonly optional: boolean;
}

export interface Entry {
  readonly key: Expression;
  readonly value: Expression;
  readonly optional: boolean;
}

export interface Field {
  readonly name: string;
  /** Of its colon. */
  readonly at: number;
  readonly value: Expression;
  readonly optional: boolean;
}

/** The expressions that this one is made of. */
export function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.type) {
    case "literal":
    case "identifier":
      return [];
    case "select":
      return [expression.operand];
    case "index":
      return [expression.operand, expression.index];
    case "call":
      return expression.target === undefined ? expression.args : [expression.target, ...expression.args];
    case "list":
      return expression.items.map(({ value }) => value);
    case "map":
      return expression.entries.flatMap(({ key, value }) => [key, value]);
    case "struct":
      return expression.fields.map(({ value }) => value);
  }
}

/** Whether the value of a variable matters. */
export function mentions(expression: Expression, name: string): boolean {
  if (expression.type === "identifier") return expression.name === name;
  return partsOf(expression).some((part) => mentions(part, name));
}
