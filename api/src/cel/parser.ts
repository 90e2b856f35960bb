import type { Entry, Expression, Field, Item } from "./ast.ts";
import { CelCompileError } from "./cel-error.ts";
import { type Token, tokenize } from "./lexer.ts";

/** Nesting that is parsed; upstream's limit. */
const MAX_DEPTH = 250;
const CLOSING = new Set(["')'", "']'", "'}'"]);
const RELATIONS = new Set(["<", "<=", ">", ">=", "==", "!=", "in"]);

/** Parses a CEL expression, by precedence. @throws {CelCompileError} */
export function parse(source: string): Expression {
  return new Parser(source).whole();
}

class Parser {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = tokenize(source);
  }

  whole(): Expression {
    const expression = this.#expression();
    if (this.#peek().type !== "end") this.#unexpected("<EOF>");
    return expression;
  }

  #peek(): Token {
    return this.#tokens[this.#next]!;
  }

  #take(): Token {
    const token = this.#peek();
    this.#next += 1;
    return token;
  }

  #is(text: string): boolean {
    const token = this.#peek();
    return token.type === "operator" && token.text === text;
  }

  #accept(text: string): boolean {
    if (!this.#is(text)) return false;
    this.#next += 1;
    return true;
  }

  #expect(text: string): void {
    if (!this.#accept(text)) this.#unexpected(`'${text}'`);
  }

  #unexpected(wanted: string): never {
    const { text, at, type } = this.#peek();
    if (type === "end" && CLOSING.has(wanted))
      throw new CelCompileError(this.#source, at, `Syntax error: missing ${wanted} at '<EOF>'`);
    const shown = type === "literal" && text === "" ? "string" : text;
    const after = this.#tokens[this.#next + 1];
    // without this one token the expression would go on as it should
    const isExtra = after !== undefined && (wanted === "<EOF>" ? after.type === "end" : wanted === `'${after.text}'`);
    const what = isExtra ? "extraneous" : "mismatched";
    throw new CelCompileError(this.#source, at, `Syntax error: ${what} input '${shown}' expecting ${wanted}`);
  }

  #expression(): Expression {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH)
      throw new CelCompileError(this.#source, this.#peek().at, "expression recursion limit exceeded: 250");
    const condition = this.#or();
    this.#depth -= 1;
    const { at } = this.#peek();
    if (!this.#accept("?")) return condition;
    const yes = this.#or();
    this.#expect(":");
    return { type: "call", name: "_?_:_", target: undefined, args: [condition, yes, this.#expression()], at };
  }

  #binary(operators: (text: string) => boolean, operand: () => Expression): Expression {
    let left = operand();
    for (let token = this.#peek(); token.type === "operator" && operators(token.text); token = this.#peek()) {
      this.#next += 1;
      const name = token.text === "in" ? "@in" : `_${token.text}_`;
      left = { type: "call", name, target: undefined, args: [left, operand()], at: token.at };
    }
    return left;
  }

  #or(): Expression {
    return this.#binary(
      (text) => text === "||",
      () => this.#and(),
    );
  }

  #and(): Expression {
    return this.#binary(
      (text) => text === "&&",
      () => this.#relation(),
    );
  }

  #relation(): Expression {
    return this.#binary(
      (text) => RELATIONS.has(text),
      () => this.#sum(),
    );
  }

  #sum(): Expression {
    return this.#binary(
      (text) => text === "+" || text === "-",
      () => this.#product(),
    );
  }

  #product(): Expression {
    return this.#binary(
      (text) => text === "*" || text === "/" || text === "%",
      () => this.#unary(),
    );
  }

  #unary(): Expression {
    const { at } = this.#peek();
    if (this.#accept("!")) return { type: "call", name: "!_", target: undefined, args: [this.#unary()], at };
    if (!this.#accept("-")) return this.#member();
    const token = this.#peek();
    if (token.type === "literal" && (typeof token.value === "bigint" || typeof token.value === "number")) {
      const literal = this.#member();
      if (literal.type === "literal") return { ...literal, value: -(literal.value as number), at };
      return { type: "call", name: "-_", target: undefined, args: [literal], at };
    }
    return { type: "call", name: "-_", target: undefined, args: [this.#unary()], at };
  }

  #member(): Expression {
    let expression = this.#primary();
    for (;;) {
      const { at } = this.#peek();
      if (this.#accept(".?")) {
        expression = { type: "select", operand: expression, field: this.#name(), optional: true, at };
      } else if (this.#accept(".")) {
        const field = this.#name();
        const open = this.#peek().at;
        if (this.#accept("(")) {
          expression = { type: "call", name: field, target: expression, args: this.#arguments(), at: open };
        } else if (this.#is("{") && isTypeName(expression)) {
          expression = this.#struct(`${typeName(expression)}.${field}`, at);
        } else {
          expression = { type: "select", operand: expression, field, optional: false, at };
        }
      } else if (this.#accept("[")) {
        const optional = this.#accept("?");
        const index = this.#expression();
        this.#expect("]");
        expression = { type: "index", operand: expression, index, optional, at };
      } else {
        this.#checkSmallest(expression);
        return expression;
      }
    }
  }

  /** 9223372036854775808 is only good behind a minus. */
  #checkSmallest(expression: Expression): void {
    if (expression.type !== "literal" || expression.value !== 2n ** 63n) return;
    const before = this.#tokens[this.#next - 2];
    if (before?.text !== "-") throw new CelCompileError(this.#source, expression.at, "invalid int literal");
  }

  #name(): string {
    const token = this.#take();
    if (token.type === "identifier" || token.text === "in") return token.text;
    this.#next -= 1;
    return this.#unexpected("IDENTIFIER");
  }

  #arguments(): readonly Expression[] {
    const args: Expression[] = [];
    while (!this.#is(")")) {
      args.push(this.#expression());
      if (!this.#accept(",")) break;
    }
    this.#expect(")");
    return args;
  }

  #primary(): Expression {
    const token = this.#take();
    const { at } = token;
    if (token.type === "literal") return { type: "literal", value: token.value, at };
    if (token.type === "identifier") return this.#identifier(token.text, at);
    switch (token.text) {
      case "(": {
        const inner = this.#expression();
        this.#expect(")");
        return inner;
      }
      case "[":
        return { type: "list", items: this.#items(), at };
      case "{":
        return { type: "map", entries: this.#entries(), at };
      case ".":
        return this.#identifier(this.#name(), at);
      default:
        this.#next -= 1;
        throw new CelCompileError(
          this.#source,
          at,
          `Syntax error: mismatched input '${token.text}' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}`,
        );
    }
  }

  #identifier(name: string, at: number): Expression {
    const open = this.#peek().at; // where a call is said to be
    if (this.#accept("(")) return { type: "call", name, target: undefined, args: this.#arguments(), at: open };
    if (this.#is("{") && /^[A-Z]/.test(name)) return this.#struct(name, at);
    return { type: "identifier", name, at };
  }

  #items(): readonly Item[] {
    const items: Item[] = [];
    while (!this.#is("]")) {
      const optional = this.#accept("?");
      items.push({ value: this.#expression(), optional });
      if (!this.#accept(",")) break;
    }
    this.#expect("]");
    return items;
  }

  #entries(): readonly Entry[] {
    const entries: Entry[] = [];
    while (!this.#is("}")) {
      const optional = this.#accept("?");
      const key = this.#expression();
      this.#expect(":");
      entries.push({ key, value: this.#expression(), optional });
      if (!this.#accept(",")) break;
    }
    this.#expect("}");
    return entries;
  }

  #struct(name: string, at: number): Expression {
    this.#expect("{");
    const fields: Field[] = [];
    while (!this.#is("}")) {
      const optional = this.#accept("?");
      const token = this.#peek();
      const field =
        token.type === "literal" && typeof token.value === "string" ? String(this.#take().value) : this.#name();
      const { at } = this.#peek();
      this.#expect(":");
      fields.push({ name: field, at, value: this.#expression(), optional });
      if (!this.#accept(",")) break;
    }
    this.#expect("}");
    return { type: "struct", name, fields, at };
  }
}

/** `Object.spec` before a brace is the name of a type. */
function isTypeName(expression: Expression): boolean {
  if (expression.type === "identifier") return /^[A-Z]/.test(expression.name);
  return expression.type === "select" && !expression.optional && isTypeName(expression.operand);
}

function typeName(expression: Expression): string {
  if (expression.type === "identifier") return expression.name;
  return expression.type === "select" ? `${typeName(expression.operand)}.${expression.field}` : "";
}
