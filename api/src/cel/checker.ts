import { parseDuration } from "../duration.ts";
import { patternProblem } from "../go-pattern.ts";
import type { ObjectSchema, Schema } from "../schema.ts";
import type { Expression, Field } from "./ast.ts";
import { CelCompileError } from "./cel-error.ts";
import { FUNCTIONS, METHODS } from "./functions.ts";
import { bindingOf, isMacro, variablesOf } from "./macros.ts";
import { unescapeName } from "./names.ts";
import { OPERATORS } from "./operators.ts";
import { tableOf } from "./table-of.ts";
import { timestampOf, typeOf } from "./values.ts";

/** What is known of a value before it is there: the name of its type, and for objects and lists what is in them. */
export interface StaticType {
  readonly name: string;
  readonly schema?: Schema;
  /** Of lists and maps. */
  readonly element?: StaticType;
  /** Of maps whose keys are no strings, or that no schema describes. */
  readonly key?: StaticType;
  /** Of an object that no schema describes: all there are. */
  readonly fields?: Readonly<Record<string, StaticType>>;
  /** How many elements or characters there are at most, where no schema says it. */
  readonly size?: number;
}

export interface CelEnvironment {
  /** The variables that there are. */
  readonly variables: Readonly<Record<string, StaticType>>;
  /** The fields of objects that expressions make, by the name of their type, where that is known. */
  readonly structs?: Readonly<Record<string, Readonly<Record<string, StaticType>>>>;
  /** Whether `cel.bind(name, value, expression)` is known (cel-go, ext.Bindings). */
  readonly binds?: boolean;
}

export const DYN: StaticType = { name: "dyn" };
const BOOL: StaticType = { name: "bool" };
const INT: StaticType = { name: "int" };
const STRING: StaticType = { name: "string" };
const TYPE_NAMES = new Set(["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"]);
const RESULTS: Readonly<Record<string, string>> = tableOf({
  size: "int",
  int: "int",
  uint: "uint",
  double: "double",
  bool: "bool",
  string: "string",
  bytes: "bytes",
  contains: "bool",
  startsWith: "bool",
  endsWith: "bool",
  matches: "bool",
  isURL: "bool",
  isQuantity: "bool",
  isIP: "bool",
  allowed: "bool",
  errored: "bool",
  isCIDR: "bool",
  isSemver: "bool",
  containsIP: "bool",
  containsCIDR: "bool",
  prefixLength: "int",
  format: "string",
  all: "bool",
  exists: "bool",
  exists_one: "bool",
  existsOne: "bool",
  lowerAscii: "string",
  upperAscii: "string",
  trim: "string",
  join: "string",
  replace: "string",
  hasValue: "bool",
  "@in": "bool",
  type: "type",
  charAt: "string",
  substring: "string",
  find: "string",
  quantity: "kubernetes.Quantity",
  semver: "kubernetes.Semver",
  ip: "net.IP",
  cidr: "net.CIDR",
  masked: "net.CIDR",
  compareTo: "int",
  sign: "int",
  asInteger: "int",
  indexOf: "int",
  lastIndexOf: "int",
  isSorted: "bool",
  equivalent: "bool",
  intersects: "bool",
  isInteger: "bool",
  isCanonical: "bool",
  isUnspecified: "bool",
  isLoopback: "bool",
  isLinkLocalMulticast: "bool",
  isLinkLocalUnicast: "bool",
  isGlobalUnicast: "bool",
  isGreaterThan: "bool",
  isLessThan: "bool",
  timestamp: "google.protobuf.Timestamp",
  duration: "google.protobuf.Duration",
});

/** What a function of this name returns, where that is known. */
export function resultOf(name: string): StaticType | undefined {
  return RESULTS[name] === undefined ? undefined : { name: RESULTS[name] };
}

/** The type of a value that this schema describes. */
export function typeOfSchema(schema: Schema | undefined): StaticType {
  switch (schema?.kind) {
    case "object":
      return { name: schema.preserveUnknown ? "dyn" : "object", schema };
    case "map":
      return { name: "map", schema, element: typeOfSchema(schema.values) };
    case "list":
      return { name: "list", schema, element: typeOfSchema(schema.items) };
    case "scalar":
      return { name: SCALARS[schema.format ?? ""] ?? SCALARS[schema.scalar] ?? "dyn", schema };
    default:
      return DYN;
  }
}

const SCALARS: Readonly<Record<string, string>> = {
  string: "string",
  int32: "int",
  int64: "int",
  bool: "bool",
  double: "double",
  "date-time": "google.protobuf.Timestamp",
  date: "google.protobuf.Timestamp",
  duration: "google.protobuf.Duration",
  byte: "bytes",
};

/**
 * Finds what cannot be right whatever the values are: names, functions and fields that are not there, operands of types that
 * an operator does not take. @returns the type of the whole. @throws {CelCompileError}
 */
export function checkTypes(source: string, expression: Expression, environment: CelEnvironment): StaticType {
  return new Checker(source, environment).check(expression, new Map(Object.entries(environment.variables)));
}

type Scope = ReadonlyMap<string, StaticType>;

class Checker {
  readonly #source: string;
  readonly #binds: boolean;
  readonly #structs: NonNullable<CelEnvironment["structs"]>;
  /** Arguments of format() that are being looked at: literals in them are of any types. */
  #formats = 0;

  constructor(source: string, { binds = false, structs = {} }: CelEnvironment) {
    this.#source = source;
    this.#binds = binds;
    this.#structs = structs;
  }

  check(expression: Expression, scope: Scope): StaticType {
    switch (expression.type) {
      case "literal":
        return { name: typeOf(expression.value) };
      case "identifier":
        return this.#identifier(expression, scope);
      case "select":
        return this.#select(expression, scope);
      case "index": {
        const container = this.check(expression.operand, scope);
        const index = this.check(expression.index, scope);
        if (SIMPLE.has(container.name) || container.fields !== undefined || !isIndexOf(index, container))
          this.#noOverload("_[_]", [container, index], expression.at);
        return expression.optional ? DYN : (container.element ?? DYN);
      }
      case "list": {
        const values = expression.items.map(({ value }) => value);
        return { name: "list", ...elementOf(this.#alike(values, scope)) };
      }
      case "map": {
        const keys = expression.entries.map(({ key }) => key);
        const values = expression.entries.map(({ value }) => value);
        const [key] = this.#alike(keys, scope);
        return { name: "map", ...(key !== undefined && { key }), ...elementOf(this.#alike(values, scope)) };
      }
      case "struct":
        for (const field of expression.fields) this.#field(expression.name, field, scope);
        return { name: expression.name };
      case "call":
        return this.#call(expression, scope);
    }
  }

  #field(struct: string, { name, at, value, optional }: Field, scope: Scope): void {
    const type = this.check(value, scope);
    const fields = Object.hasOwn(this.#structs, struct) ? this.#structs[struct]! : undefined;
    if (fields === undefined || optional) return;
    const wanted = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (wanted !== undefined && !differ(wanted, type)) return;
    const expected = wanted === undefined ? "" : shownType(wanted);
    this.#fail(at, `expected type of field '${name}' is '${expected}' but provided type is '${shownType(type)}'`);
  }

  /** What is in a literal is of one type, unless it says dyn(). */
  #alike(values: readonly Expression[], scope: Scope): readonly StaticType[] {
    const types = values.map((value) => this.check(value, scope));
    const [first = DYN] = types;
    const other = this.#formats > 0 ? -1 : types.findIndex((type) => differ(first, type));
    if (other < 0) return types;
    const found = types[other]!;
    return this.#fail(values[other]!.at, `expected type '${shownType(first)}' but found '${shownType(found)}'`);
  }

  #fail(at: number, why: string): never {
    throw new CelCompileError(this.#source, at, why);
  }

  #identifier({ name, at }: Extract<Expression, { type: "identifier" }>, scope: Scope): StaticType {
    const type = scope.get(name);
    if (type !== undefined) return type;
    if (TYPE_NAMES.has(name)) return { name: "type" };
    return this.#fail(at, `undeclared reference to '${name}' (in container '')`);
  }

  #select({ operand, field, at, optional }: Extract<Expression, { type: "select" }>, scope: Scope): StaticType {
    const container = this.check(operand, scope);
    if (optional || container.name === "dyn" || container.name === "optional_type") return DYN;
    if (container.name === "map") return container.element ?? DYN;
    const { schema, fields } = container;
    if (fields !== undefined)
      return Object.hasOwn(fields, field) ? fields[field]! : this.#fail(at, `undefined field '${field}'`);
    if (container.name === "object" && schema?.kind === "object") {
      const found = fieldOf(schema, field);
      return found === undefined ? this.#fail(at, `undefined field '${field}'`) : typeOfSchema(found);
    }
    if (SIMPLE.has(container.name)) return this.#fail(at, `type '${container.name}' does not support field selection`);
    return DYN;
  }

  #call(call: Extract<Expression, { type: "call" }>, scope: Scope): StaticType {
    const { name, target, args, at } = call;
    if (name === "has" && target === undefined) {
      for (const arg of args) this.check(arg.type === "select" ? { ...arg, at } : arg, scope);
      return BOOL;
    }
    const bind = this.#binds ? bindingOf(call) : undefined;
    if (bind !== undefined) return this.check(bind.body, new Map(scope).set(bind.name, this.check(bind.value, scope)));
    if (target !== undefined && isMacro(name, args)) return this.#macro(call, scope);
    const isQualified = target?.type === "identifier" && FUNCTIONS[`${target.name}.${name}`] !== undefined;
    const targetType = target === undefined || isQualified ? undefined : this.check(target, scope);
    const isFormat = name === "format" && target !== undefined;
    if (isFormat) this.#formats += 1;
    const types = args.map((arg) => this.check(arg, scope));
    if (isFormat) this.#formats -= 1;
    if (name === "_&&_" || name === "_||_") return this.#logical(args, types);
    if (name.startsWith("_") || name.endsWith("_") || name === "@in") return this.#operator(name, types, at);
    const isKnown =
      isQualified || FUNCTIONS[name] !== undefined || (target !== undefined && METHODS[name] !== undefined);
    if (!isKnown) this.#fail(at, `undeclared reference to '${name}' (in container '')`);
    if (targetType !== undefined && lacks(targetType, name, args.length))
      this.#fail(
        at,
        `found no matching overload for '${name}' applied to '${shownType(targetType)}.(${shown(types)})'`,
      );
    for (const arg of args) this.#checkLiteral(name, arg);
    return resultOf(name) ?? DYN;
  }

  #logical(args: readonly Expression[], types: readonly StaticType[]): StaticType {
    args.forEach((arg, index) => {
      this.#mustBeBool(arg, types[index] ?? DYN);
    });
    return BOOL;
  }

  #mustBeBool({ at }: Expression, type: StaticType): void {
    if (differ(BOOL, type)) this.#fail(at, `expected type 'bool' but found '${shownType(type)}'`);
  }

  /** What no value can be made of is found before there is a need for it. */
  #checkLiteral(name: string, arg: Expression): void {
    if (arg.type !== "literal" || typeof arg.value !== "string") return;
    if (LITERALS[name]?.(arg.value) === false) this.#fail(arg.at, `invalid ${name} argument`);
  }

  #macro({ name, target, args, at }: Extract<Expression, { type: "call" }>, scope: Scope): StaticType {
    const range = this.check(target!, scope);
    const count = variablesOf(name, args);
    const inner = new Map(scope);
    const element = range.element ?? DYN;
    args.slice(0, count).forEach((arg, position) => {
      if (arg.type !== "identifier") this.#fail(arg.at, "argument must be a simple name");
      const isValue = count === 1 ? range.name !== "map" : position === 1;
      inner.set(arg.name, range.name === "dyn" ? DYN : isValue ? element : keyOf(range));
    });
    const bodies = args.slice(count).map((arg) => this.check(arg, inner));
    this.#predicate(name, args.at(-1)!, bodies.at(-1) ?? DYN, range, at);
    if (name === "filter") return range.name === "list" ? range : { name: "list" };
    if (name === "map" || name === "transformList") return { name: "list", element: bodies.at(-1) ?? DYN };
    if (name.startsWith("transformMap")) return { name: "map" };
    return resultOf(name) ?? DYN;
  }

  /** In upstream's words, for which macros are what they stand for. */
  #predicate(name: string, body: Expression, type: StaticType, range: StaticType, at: number): void {
    if (name === "all" || name === "exists") this.#mustBeBool(body, type);
    if (!differ(BOOL, type)) return;
    const list: StaticType = { name: "list", element: range.name === "map" ? keyOf(range) : (range.element ?? DYN) };
    if (name === "filter") this.#noOverload("_?_:_", [type, list, list], at);
    if (name === "exists_one" || name === "existsOne") this.#noOverload("_?_:_", [type, INT, INT], at);
  }

  #operator(name: string, types: readonly StaticType[], at: number): StaticType {
    const [a = DYN, b = DYN, c = DYN] = types;
    switch (name) {
      case "_?_:_":
        if (a.name !== "bool" && a.name !== "dyn") this.#noOverload(name, types, at);
        if (SIMPLE.has(b.name) && SIMPLE.has(c.name) && b.name !== c.name) this.#noOverload(name, types, at);
        return b.name === c.name ? b : DYN;
      case "!_":
        if (types.some((type) => SIMPLE.has(type.name) && type.name !== "bool")) this.#noOverload(name, types, at);
        return BOOL;
      case "_==_":
      case "_!=_":
        if (isUnlike(a, b)) this.#noOverload(name, types, at);
        return BOOL;
      case "@in":
        if ((b.name === "list" && differ(a, b.element ?? DYN)) || (b.name === "map" && differ(a, keyOf(b))))
          this.#noOverload(name, types, at);
        return BOOL;
      case "_<_":
      case "_<=_":
      case "_>_":
      case "_>=_":
        if (SIMPLE.has(a.name) && SIMPLE.has(b.name) && !isComparable(a.name, b.name))
          this.#noOverload(name, types, at);
        return BOOL;
      default:
        return this.#arithmetic(name, types, at);
    }
  }

  #arithmetic(name: string, types: readonly StaticType[], at: number): StaticType {
    const [a = DYN, b] = types;
    if (b === undefined) {
      if (SIMPLE.has(a.name) && !SIGNED.has(a.name)) this.#noOverload(name, types, at);
      return a;
    }
    if (SIMPLE.has(a.name) && SIMPLE.has(b.name) && a.name !== b.name) this.#noOverload(name, types, at);
    if (a.name === b.name && a.name !== "dyn" && OPERATORS[name] !== undefined) return a;
    return DYN;
  }

  #noOverload(name: string, types: readonly StaticType[], at: number): never {
    return this.#fail(at, `found no matching overload for '${name}' applied to '(${shown(types)})'`);
  }
}

/** Whether a value of this type has no such method. */
function lacks(target: StaticType, name: string, args: number): boolean {
  if (name === "sign") return target.name === "kubernetes.Quantity"; // the one that is no method
  if (STRING_METHODS.has(name)) return SIMPLE.has(target.name) && target.name !== "string";
  if (name !== "flatten" && name !== "reverse") return false;
  if (target.name !== "list") return SIMPLE.has(target.name) || target.name === "map";
  const element = target.element ?? DYN;
  return name === "flatten" && args === 0 && CERTAIN.has(element.name) && element.name !== "list";
}

/** Whether a value of the one never equals one of the other. */
function isUnlike(a: StaticType, b: StaticType): boolean {
  const isNull = a.name === "null_type" || b.name === "null_type";
  // times may be null, as objects may
  return differ(a, b) && !(isNull && [a, b].some(({ name }) => TIMES.has(name)));
}

/** Whether it may be one of what is in a list or map, as far as can be told. */
function isIndexOf(index: StaticType, container: StaticType): boolean {
  if (!SIMPLE.has(index.name)) return true;
  if (container.name === "list") return index.name === "int";
  return container.name !== "map" || !differ(index, keyOf(container));
}

/** Whether no value is of both types. */
function differ(a: StaticType, b: StaticType): boolean {
  if (!CERTAIN.has(a.name) || !CERTAIN.has(b.name)) return false;
  return a.name !== b.name || (a.element !== undefined && b.element !== undefined && differ(a.element, b.element));
}

function shown(types: readonly StaticType[]): string {
  return types.map(shownType).join(", ");
}

/** Keys of maps that expressions make are of any type. */
function keyOf({ name, schema, key }: StaticType): StaticType {
  if (name !== "map") return INT;
  if (key !== undefined) return key;
  return schema === undefined ? DYN : STRING;
}

/** What all elements are, if they are one. */
function elementOf(types: readonly StaticType[]): { readonly element?: StaticType } {
  const [first] = types;
  return first !== undefined && types.every((type) => type.name === first.name) ? { element: first } : {};
}

/** Types whose values have no members. */
const SIMPLE = new Set(["bool", "bytes", "double", "int", "string", "uint"]);
/** Whose values equal those of the same type only. */
const TIMES = new Set(["google.protobuf.Timestamp", "google.protobuf.Duration"]);
const KNOWN = new Set([...SIMPLE, ...TIMES]);
/** Of which it is sure that a value of one is none of another. */
const CERTAIN = new Set([...KNOWN, "list", "map", "null_type"]);
const SIGNED = new Set(["double", "int"]);
const NUMBERS = new Set(["int", "uint", "double"]);
const STRING_METHODS = new Set(
  "startsWith endsWith contains matches lowerAscii upperAscii trim split substring charAt find findAll replace".split(
    " ",
  ),
);

/** A type as messages have it. */
export function shownType({ name, element, key, fields }: StaticType): string {
  if (name === "list" && element !== undefined) return `list(${shownType(element)})`;
  if (name === "map" && element !== undefined) return `map(${shownType(key ?? STRING)}, ${shownType(element)})`;
  return fields === undefined ? (SHORT[name] ?? name) : name;
}

/** A type's whole name, as "list(google.protobuf.Timestamp)". */
export function typeNameOf({ name, key, element = DYN }: StaticType): string {
  if (name === "list") return `list(${typeNameOf(element)})`;
  return name === "map" ? `map(${(key ?? (element === DYN ? DYN : STRING)).name}, ${typeNameOf(element)})` : name;
}

/** Whether a literal is one that these functions take. */
const LITERALS: Readonly<Record<string, (text: string) => boolean>> = {
  matches: (pattern) => patternProblem(pattern) === undefined,
  timestamp: (text) => isMade(() => timestampOf(text)),
  duration: (text) => isMade(() => parseDuration(text)),
};

function isMade(make: () => unknown): boolean {
  try {
    make();
    return true;
  } catch {
    return false;
  }
}

const SHORT: Readonly<Record<string, string>> = {
  "google.protobuf.Timestamp": "timestamp",
  "google.protobuf.Duration": "duration",
  null_type: "null",
};

function isComparable(a: string, b: string): boolean {
  return a === b || (NUMBERS.has(a) && NUMBERS.has(b));
}

/** Names that are no CEL identifiers are escaped in expressions (KEP-2876). */
function fieldOf(schema: ObjectSchema, name: string): Schema | undefined {
  return schema.fields.get(unescapeName(name))?.schema;
}
