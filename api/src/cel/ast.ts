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
  readonly value: Expression;
  readonly optional: boolean;
}
