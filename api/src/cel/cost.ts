import type { Schema } from "../schema.ts";
import { type Expression, partsOf } from "./ast.ts";
import { type CelEnvironment, DYN, type StaticType, typeOfSchema } from "./checker.ts";
import { bindingOf, isMacro, variablesOf } from "./macros.ts";
import { unescapeName } from "./names.ts";

/** What a request may have at most, which bounds every list, map and string in it. */
const MAX_REQUEST_BYTES = 3 * 1024 * 1024;
/** Of each round of a macro, besides what is evaluated: the condition of the loop, and the result so far. */
const ROUND = 3;

/**
 * What an evaluation may cost at most, as upstream reckons: one for each name and call, more for what is done with strings,
 * and macros as often as there can be elements. Never more than upstream's estimate.
 */
export function estimateCost(expression: Expression, environment: CelEnvironment): number {
  return reckon(expression, new Map(Object.entries(environment.variables))).cost;
}

/** How many elements a value of this schema has at most; characters of a string. */
function maxSizeOf(schema: Schema | undefined): number {
  switch (schema?.kind) {
    case "list":
      return schema.maxItems ?? Math.floor((MAX_REQUEST_BYTES - 2) / (minJsonSizeOf(schema.items) + 1));
    case "map":
      return schema.maxProperties ?? Math.floor((MAX_REQUEST_BYTES - 2) / (minJsonSizeOf(schema.values) + 6));
    case "scalar":
      if (schema.scalar !== "string") return 1;
      if (schema.enum !== undefined) return Math.max(0, ...schema.enum.map((each) => String(each).length));
      return schema.maxLength ?? MAX_REQUEST_BYTES - 2;
    default:
      return 1;
  }
}

/** How long a value of this schema is in JSON at least. */
export function minJsonSizeOf(schema: Schema): number {
  switch (schema.kind) {
    case "object": {
      let size = 2;
      for (const field of schema.fields.values()) {
        if (field.required && field.schema.default === undefined)
          size += field.name.length + minJsonSizeOf(field.schema) + 4;
      }
      return size;
    }
    case "scalar":
      return { string: 2, bool: 4 }[schema.scalar as string] ?? 1;
    default:
      return 2;
  }
}

interface Reckoned {
  readonly cost: number;
  readonly type: StaticType;
  /** Of its value; what is not known counts as one. */
  readonly size: number;
}

type Scope = ReadonlyMap<string, StaticType>;

function reckon(expression: Expression, scope: Scope): Reckoned {
  switch (expression.type) {
    case "literal":
      return { cost: 0, type: DYN, size: typeof expression.value === "string" ? expression.value.length : 1 };
    case "identifier":
      return of(1, scope.get(expression.name));
    case "select": {
      const { cost, type } = reckon(expression.operand, scope);
      return of(cost + 1, memberOf(type, expression.field));
    }
    case "index": {
      const [container, key] = [reckon(expression.operand, scope), reckon(expression.index, scope)];
      return of(container.cost + key.cost + 1, container.type.element);
    }
    case "call": {
      const bind = bindingOf(expression);
      if (bind !== undefined) return bound(bind, scope);
      return expression.target !== undefined && isMacro(expression.name, expression.args)
        ? macro(expression, scope)
        : call(expression, scope);
    }
    default: {
      const parts = partsOf(expression).map((part) => reckon(part, scope));
      return { cost: sum(parts) + (expression.type === "list" ? 10 : 30), type: DYN, size: parts.length };
    }
  }
}

function of(cost: number, type: StaticType | undefined): Reckoned {
  return { cost, type: type ?? DYN, size: type?.size ?? (type?.schema === undefined ? 1 : maxSizeOf(type.schema)) };
}

function bound({ name, value, body }: NonNullable<ReturnType<typeof bindingOf>>, scope: Scope): Reckoned {
  const init = reckon(value, scope);
  const rest = reckon(body, new Map(scope).set(name, init.type));
  return { ...rest, cost: init.cost + rest.cost + 1 };
}

function memberOf({ schema, element, fields }: StaticType, field: string): StaticType | undefined {
  if (fields !== undefined) return Object.hasOwn(fields, field) ? fields[field] : undefined;
  return schema?.kind === "object" ? typeOfSchema(schema.fields.get(unescapeName(field))?.schema) : element;
}

function macro(expression: Extract<Expression, { type: "call" }>, scope: Scope): Reckoned {
  const { name, target, args } = expression;
  const range = reckon(target!, scope);
  const inner = new Map(scope);
  const count = variablesOf(name, args);
  args.slice(0, count).forEach((arg, position) => {
    const isElement = count === 1 ? range.type.name !== "map" : position === 1;
    if (arg.type === "identifier") inner.set(arg.name, (isElement ? range.type.element : undefined) ?? DYN);
  });
  const body = sum(args.slice(count).map((arg) => reckon(arg, inner)));
  return {
    cost: range.cost + range.size * (body + ROUND),
    type: name === "filter" ? range.type : DYN,
    size: range.size,
  };
}

/** Strings cost by their length. */
const BY_LENGTH = new Set([
  "contains",
  "matches",
  "startsWith",
  "endsWith",
  "isSorted",
  "sum",
  "min",
  "max",
  "indexOf",
]);

function call({ name, target, args }: Extract<Expression, { type: "call" }>, scope: Scope): Reckoned {
  const parts = (target === undefined ? args : [target, ...args]).map((part) => reckon(part, scope));
  const cost = sum(parts);
  const [first, second] = parts;
  switch (name) {
    case "_&&_":
    case "_||_":
      return { cost, type: DYN, size: 1 };
    case "_?_:_":
      return { cost: first!.cost + Math.max(...parts.slice(1).map((part) => part.cost)), type: DYN, size: 1 };
    case "_==_":
    case "_!=_":
      return { cost: cost + tenth(Math.min(first!.size, second!.size)), type: DYN, size: 1 };
    case "@in":
      return { cost: cost + second!.size, type: DYN, size: 1 };
    default:
      return { cost: cost + (BY_LENGTH.has(name) ? tenth(first?.size ?? 1) : 1), type: DYN, size: 1 };
  }
}

function tenth(size: number): number {
  return Math.max(1, Math.ceil(size / 10));
}

function sum(parts: readonly Reckoned[]): number {
  return parts.reduce((total, { cost }) => total + cost, 0);
}
