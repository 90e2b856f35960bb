import { type Expression, partsOf } from "./ast.ts";
import { asList, COSTS, LIST, ONE, type Own, sortCost } from "./call-estimates.ts";
import { type CelEnvironment, DYN, resultOf, type StaticType, typeOfSchema } from "./checker.ts";
import { FUNCTIONS } from "./functions.ts";
import { bindingOf, isMacro, variablesOf } from "./macros.ts";
import { unescapeName } from "./names.ts";
import { type Place, placeOf, type Reckoned, sizeOf, times } from "./sizes.ts";
import { tableOf } from "./table-of.ts";
import { typeOf } from "./values.ts";

/**
 * What an evaluation may cost at most, as upstream reckons: one for each name and call, more for what is done with strings and
 * lists, and macros as often as there can be elements. The numbers are those of cel-go and of Kubernetes' libraries: rules
 * that are too dear here are too dear there, and the other way round.
 */
export function estimateCost(expression: Expression, environment: CelEnvironment): number {
  const self = environment.variables["self"];
  const root: Place = self === undefined ? {} : placeOf(self.schema);
  return new Reckoner(root).reckon(expression, new Map(Object.entries(environment.variables).map(ofVariable(root))))
    .cost;
}

type Scope = ReadonlyMap<string, Omit<Reckoned, "cost">>;
type Call = Extract<Expression, { type: "call" }>;

function ofVariable(root: Place) {
  return ([name, type]: [string, StaticType]): [string, Omit<Reckoned, "cost">] => [
    name,
    { type, place: type.schema === undefined ? (type.size === undefined ? {} : { size: type.size }) : root },
  ];
}

function sum(parts: readonly Reckoned[]): number {
  return parts.reduce((total, { cost }) => total + cost, 0);
}

const MAP = 30;
const STRUCT = 40;

/**
 * Of each round of a macro and of its result, besides what the bodies cost: the loop's condition, what is added to the result
 * so far, and looking at the result. `start` is what the result is made of.
 */
interface Loop {
  readonly start: number;
  readonly round: number;
  readonly end: number;
}

const TO_LIST: Loop = { start: LIST, round: LIST + 2, end: 1 };
const LOOPS: Readonly<Record<string, Loop>> = tableOf({
  all: { start: 0, round: 3, end: 1 },
  exists: { start: 0, round: 4, end: 1 },
  exists_one: { start: 0, round: 2, end: 2 },
  existsOne: { start: 0, round: 2, end: 2 },
  map: TO_LIST,
  transformList: TO_LIST,
  filter: { ...TO_LIST, round: TO_LIST.round + 1 },
  transformMap: { start: MAP, round: 3, end: 1 },
  transformMapEntry: { start: MAP, round: 2, end: 1 },
});

class Reckoner {
  readonly #root: Place;

  constructor(root: Place) {
    this.#root = root;
  }

  reckon(expression: Expression, scope: Scope): Reckoned {
    switch (expression.type) {
      case "literal":
        return { cost: 0, type: { name: typeOf(expression.value) }, size: literalSize(expression.value) };
      case "identifier":
        return { cost: 1, ...(scope.get(expression.name) ?? { type: DYN, place: this.#root }) };
      case "select":
        return this.#select(expression, scope);
      case "index": {
        const [container, key] = [this.reckon(expression.operand, scope), this.reckon(expression.index, scope)];
        const cost = container.cost + key.cost + 1;
        if (expression.optional) return { cost, type: DYN };
        return { cost, type: container.type.element ?? DYN, place: this.#elementPlace(container) };
      }
      case "call":
        return this.#call(expression, scope);
      case "list": {
        const parts = expression.items.map(({ value }) => this.reckon(value, scope));
        const [element] = parts;
        const type = { name: "list", ...(element !== undefined && { element: element.type }) };
        return { cost: sum(parts) + LIST, type, size: parts.length };
      }
      case "map": {
        const values = expression.entries.map(({ value }) => this.reckon(value, scope));
        const keys = expression.entries.map(({ key }) => this.reckon(key, scope));
        return { cost: sum(values) + sum(keys) + MAP, type: { name: "map" }, size: values.length };
      }
      case "struct":
        return { cost: sum(partsOf(expression).map((part) => this.reckon(part, scope))) + STRUCT, type: DYN };
    }
  }

  #select({ operand, field, optional }: Extract<Expression, { type: "select" }>, scope: Scope): Reckoned {
    const container = this.reckon(operand, scope);
    const type = memberOf(container.type, field);
    if (optional) return { cost: container.cost + 1, type: DYN };
    const isLookup = container.type.name === "object" || container.type.name === "map" || container.type.fields;
    return {
      cost: container.cost + (isLookup ? 1 : 0),
      type: type ?? DYN,
      place: container.place === undefined ? this.#root : fieldPlace(container.place, type, field),
    };
  }

  /** Upstream takes what stands nowhere, but in something, for what the rule is about. */
  #elementPlace({ place, type }: Reckoned): Place {
    if (place === undefined) return this.#root;
    const { schema } = place;
    if (schema?.kind === "list") return placeOf(schema.items);
    if (schema?.kind === "map") return placeOf(schema.values);
    return type.element?.size === undefined ? {} : { size: type.element.size };
  }

  #call(call: Call, scope: Scope): Reckoned {
    const { name, target, args } = call;
    const bind = bindingOf(call);
    if (bind !== undefined) {
      const value = this.reckon(bind.value, scope);
      const body = this.reckon(bind.body, new Map(scope).set(bind.name, value));
      return { ...body, cost: LIST + value.cost + body.cost };
    }
    const [only] = args;
    if (name === "has" && target === undefined && only?.type === "select")
      return { cost: this.reckon(only.operand, scope).cost, type: { name: "bool" } };
    if (target !== undefined && isMacro(name, args)) return this.#macro(name, target, args, scope);
    const isQualified = target?.type === "identifier" && FUNCTIONS[`${target.name}.${name}`] !== undefined;
    const parts = (target === undefined || isQualified ? args : [target, ...args]).map((arg) =>
      this.reckon(arg, scope),
    );
    const { cost, ...result } = this.#own(isQualified ? `${target.name}.${name}` : name, parts, args);
    const type = result.type ?? resultOf(name) ?? (name.includes("_") ? ofOperator(name, parts) : DYN);
    return { cost: spent(name, parts) + cost, type, size: result.size, place: result.place };
  }

  #macro(name: string, target: Expression, args: readonly Expression[], scope: Scope): Reckoned {
    const range = this.reckon(target, scope);
    const count = variablesOf(name, args);
    const inner = new Map(scope);
    const isOverMap = range.type.name === "map";
    args.slice(0, count).forEach((arg, position) => {
      if (arg.type !== "identifier") return;
      const isElement = count === 1 ? !isOverMap : position === 1;
      const element = { type: range.type.element ?? DYN, place: this.#elementPlace(range) };
      const key = isOverMap
        ? { type: { name: "string" }, place: range.place === undefined ? this.#root : { size: 0 } }
        : { type: { name: "int" } };
      inner.set(arg.name, isElement ? element : key);
    });
    const bodies = args.slice(count).map((arg) => this.reckon(arg, inner));
    const made = bodies.at(-1)!;
    if (name === "optMap" || name === "optFlatMap") return ofOptional(name, range, made);
    const size = sizeOf(range);
    if (name === "sortBy") {
      const keys = 1 + LIST + times(size, TO_LIST.round + made.cost) + 1;
      const sort = sortCost(size, made.type) + LIST + 1;
      return { cost: LIST + range.cost + 1 + keys + sort, type: range.type, size: size * size };
    }
    const { start, round, end } = LOOPS[name]!;
    const cost = range.cost + start + times(size, sum(bodies) + round) + end;
    if (start === 0) return { cost, type: { name: "bool" } };
    if (start === MAP) return { cost, type: { name: "map", element: made.type }, size };
    return { cost, type: name === "filter" ? asList(range.type) : { name: "list", element: made.type }, size };
  }

  /** What a call costs besides its operands. */
  #own(name: string, parts: readonly Reckoned[], args: readonly Expression[]): Own {
    const cost = COSTS[name];
    return cost === undefined ? ONE : cost(parts, args);
  }
}

/** Arithmetic gives what it was given. */
function ofOperator(name: string, parts: readonly Reckoned[]): StaticType {
  return TRUTHS.has(name) ? { name: "bool" } : { name: parts[0]!.type.name };
}

const TRUTHS = new Set(["_&&_", "_||_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "!_"]);

/** Of `?:` only one branch is looked at. */
function spent(name: string, parts: readonly Reckoned[]): number {
  if (name !== "_?_:_") return sum(parts);
  return parts[0]!.cost + Math.max(...parts.slice(1).map(({ cost }) => cost));
}

function ofOptional(name: string, { cost }: Reckoned, body: Reckoned): Reckoned {
  const inner = LIST + cost + 1 + body.cost;
  return { cost: cost + 1 + (name === "optMap" ? inner + 1 : inner), type: DYN };
}

function literalSize(value: unknown): number {
  if (typeof value === "string") return [...value].length;
  return value instanceof Uint8Array ? value.length : 1;
}

function memberOf({ schema, element, fields }: StaticType, field: string): StaticType | undefined {
  if (fields !== undefined) return Object.hasOwn(fields, field) ? fields[field] : undefined;
  return schema?.kind === "object" ? typeOfSchema(schema.fields.get(unescapeName(field))?.schema) : element;
}

function fieldPlace({ schema }: Place, type: StaticType | undefined, field: string): Place {
  if (schema?.kind === "object") return placeOf(schema.fields.get(unescapeName(field))?.schema);
  return type?.size === undefined ? {} : { size: type.size };
}
