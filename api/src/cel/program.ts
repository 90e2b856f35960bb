import type { Expression } from "./ast.ts";
import { callCost } from "./call-cost.ts";
import { CelCompileError, CelError } from "./cel-error.ts";
import { type CelEnvironment, checkTypes, type StaticType } from "./checker.ts";
import { FUNCTIONS, iterate, METHODS, member, optionalMember } from "./functions.ts";
import { bindingOf, isMacro, variablesOf } from "./macros.ts";
import { noOverload, OPERATORS } from "./operators.ts";
import { parse } from "./parser.ts";
import { type AnyMap, CelMap, CelOptional, CelStruct, CelType, entryOf, isMap, typeOf } from "./values.ts";

/** Steps that one evaluation may take; upstream's limit of cost for one expression. */
export const COST_LIMIT = 1_000_000;

/** The values of the variables, each asked for when it is needed. @throws whatever the value's computation throws. */
export type Bindings = (name: string) => unknown;

interface Frame {
  readonly bindings: Bindings;
  readonly locals: ReadonlyMap<string, unknown>;
  readonly budget: { left: number };
}

type Step = (frame: Frame) => unknown;

/** A compiled expression. */
export interface CelProgram {
  readonly source: string;
  readonly expression: Expression;
  readonly type: StaticType;
  /** @throws {CelError} when there is no value. @param budget Steps that are left, shared by several programs. */
  evaluate(bindings: Bindings, budget?: { left: number }): unknown;
}

/** Parses, checks and compiles an expression (cel-spec, with Kubernetes' libraries). @throws {CelCompileError} */
export function compileCel(source: string, environment: CelEnvironment): CelProgram {
  const expression = parse(source);
  const type = checkTypes(source, expression, environment);
  const step = new Compiler(source).compile(expression);
  return {
    source,
    expression,
    type,
    evaluate: (bindings, budget = { left: COST_LIMIT }) => step({ bindings, locals: new Map(), budget }),
  };
}

const TYPES = new Set(["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"]);
/** Words before a dot that are part of a function's name. */
const NAMESPACES = new Set(["optional", "sets", "jsonpatch", "lists", "strings", "format"]);

class Compiler {
  readonly #source: string;

  constructor(source: string) {
    this.#source = source;
  }

  compile(expression: Expression): Step {
    const step = this.#step(expression);
    return (frame) => {
      spend(frame, 1);
      return step(frame);
    };
  }

  #step(expression: Expression): Step {
    switch (expression.type) {
      case "literal":
        return () => expression.value;
      case "identifier":
        return identifier(expression.name);
      case "select": {
        const operand = this.compile(expression.operand);
        const { field, optional } = expression;
        return (frame) => select(operand(frame), field, optional);
      }
      case "index": {
        const [operand, index] = [this.compile(expression.operand), this.compile(expression.index)];
        if (expression.optional) return (frame) => optionalMember(operand(frame), index(frame));
        return (frame) => {
          const container = operand(frame);
          if (container instanceof CelOptional) return optionalMember(container, index(frame));
          return member(container, index(frame));
        };
      }
      case "list":
        return this.#list(expression.items);
      case "map":
        return this.#map(expression);
      case "struct":
        return this.#struct(expression);
      case "call":
        return this.#call(expression);
    }
  }

  #list(items: Extract<Expression, { type: "list" }>["items"]): Step {
    const steps = items.map(({ value, optional }) => ({ step: this.compile(value), optional }));
    return (frame) =>
      steps.flatMap(({ step, optional }) => {
        const value = step(frame);
        if (!optional) return [value];
        return value instanceof CelOptional && value.isPresent ? [value.value] : [];
      });
  }

  #map({ entries }: Extract<Expression, { type: "map" }>): Step {
    const steps = entries.map((entry) => ({
      key: this.compile(entry.key),
      value: this.compile(entry.value),
      optional: entry.optional,
    }));
    return (frame) => {
      const map = new CelMap();
      for (const { key, value, optional } of steps) {
        const member = value(frame);
        if (!optional) map.set(key(frame), member);
        else if (member instanceof CelOptional && member.isPresent) map.set(key(frame), member.value);
      }
      return map;
    };
  }

  #struct({ name, fields }: Extract<Expression, { type: "struct" }>): Step {
    const steps = fields.map((field) => ({ ...field, step: this.compile(field.value) }));
    return (frame) => {
      const members = new Map<string, unknown>();
      for (const { name: field, step, optional } of steps) {
        const value = step(frame);
        if (!optional) members.set(field, value);
        else if (value instanceof CelOptional && value.isPresent) members.set(field, value.value);
      }
      return new CelStruct(name, members);
    };
  }

  #call(call: Extract<Expression, { type: "call" }>): Step {
    const { name, target, args } = call;
    const lazy = target === undefined ? this.#lazy(name, args) : undefined;
    if (lazy !== undefined) return lazy;
    if (name === "has" && target === undefined) return this.#has(args);
    const bind = bindingOf(call);
    if (bind !== undefined) return bound(bind.name, this.compile(bind.value), this.compile(bind.body));
    if (target !== undefined && isMacro(name, args)) return this.#macro(name, target, args);
    const isQualified = target?.type === "identifier" && FUNCTIONS[`${target.name}.${name}`] !== undefined;
    if (target?.type === "identifier" && (isQualified || NAMESPACES.has(target.name)))
      return this.#apply(FUNCTIONS[`${target.name}.${name}`], name, args);
    if (target === undefined) return this.#apply(OPERATORS[name] ?? FUNCTIONS[name], name, args);
    return this.#apply(METHODS[name] ?? FUNCTIONS[name], name, [target, ...args]);
  }

  #apply(operate: ((...args: never[]) => unknown) | undefined, name: string, args: readonly Expression[]): Step {
    const steps = args.map((arg) => this.compile(arg));
    if (operate === undefined)
      throw new CelCompileError(this.#source, args[0]?.at ?? 0, `undeclared reference to '${name}' (in container '')`);
    return (frame) => {
      const values = steps.map((step) => step(frame));
      spend(frame, callCost(name, values));
      return operate(...(values as never[]));
    };
  }

  /** && and || hold if either side decides, whatever the other does; ?: looks at one branch only. */
  #lazy(name: string, args: readonly Expression[]): Step | undefined {
    if (name !== "_&&_" && name !== "_||_" && name !== "_?_:_") return undefined;
    const [first, second, third] = args.map((arg) => this.compile(arg));
    if (name === "_?_:_") {
      return (frame) => {
        const condition = first!(frame);
        if (typeof condition !== "boolean") throw noOverload("_?_:_", condition);
        return condition ? second!(frame) : third!(frame);
      };
    }
    const decisive = name === "_||_";
    return (frame) => {
      const left = attempt(first!, frame);
      if (left === decisive) return decisive;
      const right = attempt(second!, frame);
      if (right === decisive) return decisive;
      for (const side of [left, right]) {
        if (side instanceof CelError) throw side;
        if (typeof side !== "boolean") throw noOverload(name, left, right);
      }
      return !decisive;
    };
  }

  #has(args: readonly Expression[]): Step {
    const [arg] = args;
    if (args.length !== 1 || arg?.type !== "select")
      throw new CelCompileError(this.#source, arg?.at ?? 0, "invalid argument to has() macro");
    const operand = this.compile(arg.operand);
    return (frame) => {
      const container = operand(frame);
      if (container instanceof CelOptional) return optionalMember(container, arg.field).isPresent;
      if (isMap(container)) return optionalMember(container, arg.field).isPresent;
      if (Array.isArray(container)) throw noOverload("has", container);
      return false;
    };
  }

  /** `list.all(x, …)` and its like; with two variables the first is the index or key. */
  #macro(name: string, target: Expression, args: readonly Expression[]): Step {
    const variables = args.slice(0, variablesOf(name, args)).map((arg) => {
      if (arg.type !== "identifier") throw new CelCompileError(this.#source, arg.at, "argument must be a simple name");
      return arg.name;
    });
    const range = this.compile(target);
    const bodies = args.slice(variables.length).map((arg) => this.compile(arg));
    if (name === "optMap" || name === "optFlatMap") return optionalMap(name, range, variables[0] ?? "", bodies[0]!);
    const combine = COMBINE[name]!;
    return (frame) => {
      const container = range(frame);
      const items = iterate(container);
      const within = (item: unknown, position: number, body: Step): unknown => {
        const locals = new Map(frame.locals);
        const element = isMap(container) ? entryOf(container, item) : item;
        if (variables.length === 2) {
          locals.set(variables[0]!, isMap(container) ? item : BigInt(position));
          locals.set(variables[1]!, element);
        } else locals.set(variables[0]!, item);
        return body({ ...frame, locals });
      };
      return combine(
        items,
        (item, position, body) => within(item, position, bodies[body]!),
        bodies.length,
        isMap(container),
      );
    };
  }
}

/** @throws {CelError} when nothing is left. */
function spend({ budget }: Frame, cost: number): void {
  budget.left -= cost;
  if (budget.left < 0) throw new CelError("operation cancelled: actual cost limit exceeded");
}

function identifier(name: string): Step {
  if (TYPES.has(name)) {
    const type = new CelType(name);
    return ({ locals, bindings }) => (locals.has(name) ? locals.get(name) : (bindings(name) ?? type));
  }
  return ({ locals, bindings }) => (locals.has(name) ? locals.get(name) : bindings(name));
}

function select(container: unknown, field: string, optional: boolean): unknown {
  if (optional || container instanceof CelOptional) return optionalMember(container, field);
  if (!isMap(container))
    throw new CelError(
      container === null ? `no such key: ${field}` : `no such overload: ${typeOf(container)}.${field}`,
    );
  return member(container, field);
}

function bound(name: string, value: Step, body: Step): Step {
  return (frame) => body({ ...frame, locals: new Map(frame.locals).set(name, value(frame)) });
}

function attempt(step: Step, frame: Frame): unknown {
  try {
    return step(frame);
  } catch (error) {
    if (error instanceof CelError) return error;
    throw error;
  }
}

function optionalMap(name: string, range: Step, variable: string, body: Step): Step {
  return (frame) => {
    const container = range(frame);
    if (!(container instanceof CelOptional)) throw noOverload(name, container);
    if (!container.isPresent) return CelOptional.none;
    const value = body({ ...frame, locals: new Map(frame.locals).set(variable, container.value) });
    return name === "optMap" ? CelOptional.of(value) : value;
  };
}

type Within = (item: unknown, position: number, body: number) => unknown;

function truth(value: unknown): boolean {
  if (typeof value !== "boolean") throw noOverload("comprehension", value);
  return value;
}

/** Errors count only where no other element decides. */
function some(items: readonly unknown[], within: Within, wanted: boolean): boolean {
  let failure: CelError | undefined;
  for (const [position, item] of items.entries()) {
    try {
      if (truth(within(item, position, 0)) === wanted) return true;
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return false;
}

function one(items: readonly unknown[], within: Within): boolean {
  return items.filter((item, position) => truth(within(item, position, 0))).length === 1;
}

/** @param isOfMap The items are keys. */
type Combine = (items: readonly unknown[], within: Within, bodies: number, isOfMap: boolean) => unknown;

const COMBINE: Readonly<Record<string, Combine>> = {
  all: (items, within) => !some(items, within, false),
  exists: (items, within) => some(items, within, true),
  exists_one: one,
  existsOne: one,
  filter: (items, within) => items.filter((item, position) => truth(within(item, position, 0))),
  map: mapped,
  transformList: mapped,
  transformMap: (items, within, bodies, isOfMap) =>
    mapOf(items, within, bodies, (made, item, position) => [[isOfMap ? item : BigInt(position), made]]),
  transformMapEntry: (items, within, bodies) =>
    mapOf(items, within, bodies, (made) => iterate(made).map((key) => [key, entryOf(made as AnyMap, key)])),
  sortBy: (items, within) => {
    const keyed = items.map((item, position) => ({ item, key: within(item, position, 0) }));
    return keyed
      .toSorted((a, b) => (OPERATORS["_<_"]!(a.key as never, b.key as never) ? -1 : 1))
      .map(({ item }) => item);
  },
};

type Entries = (made: unknown, item: unknown, position: number) => readonly (readonly [unknown, unknown])[];

function mapOf(items: readonly unknown[], within: Within, bodies: number, entries: Entries): CelMap {
  const map = new CelMap();
  for (const [position, item] of items.entries()) {
    if (bodies === 2 && !truth(within(item, position, 0))) continue;
    for (const [key, value] of entries(within(item, position, bodies - 1), item, position)) {
      if (map.has(key)) throw new CelError(`insert failed: key ${String(key)} already exists`);
      map.set(key, value);
    }
  }
  return map;
}

/** With two bodies the first decides which elements are taken. */
function mapped(items: readonly unknown[], within: Within, bodies: number): unknown {
  return items.flatMap((item, position) => {
    if (bodies === 2 && !truth(within(item, position, 0))) return [];
    return [within(item, position, bodies - 1)];
  });
}
