import type { JSONSchemaProps, ValidationRule } from "../../generated/types/apiextensions-v1.ts";
import {
  adapt,
  CelCompileError,
  type CelEnvironment,
  CelError,
  CelOptional,
  type CelProgram,
  COST_LIMIT,
  compileCel,
  estimateCost,
  mentions,
  minJsonSizeOf,
  typeOfSchema,
} from "../cel/index.ts";
import { encodeUnstructuredText, JsonText } from "../codec/json-encode.ts";
import type { Field, ListSchema, ObjectSchema, Schema } from "../schema.ts";
import { type FieldError, fieldError, OMITTED } from "../status/field-error.ts";
import { ANYTHING, compileNode, compileStructural } from "./compile.ts";
import { fieldPathOf } from "./rule-path.ts";
import { counterpartOf, isStruct, isUnchanged, memberOf } from "./unchanged.ts";
import { schemasBelow, typeName } from "./validate-value.ts";

type Struct = Readonly<Record<string, unknown>>;

/** What all the rules of one object may cost together. */
const OBJECT_BUDGET = 10_000_000;
/** What one rule may cost as estimated, and all the rules of a schema. */
const RULE_LIMIT = 10_000_000;
const SCHEMA_LIMIT = 100_000_000;
const MAX_REQUEST_BYTES = 3 * 1024 * 1024;
const MAX_MESSAGE = 5 * 1024;

interface Rule {
  readonly source: ValidationRule;
  readonly program: CelProgram | undefined;
  readonly message: CelProgram | undefined;
  readonly usesOldSelf: boolean;
  /** Below the node; "" where there is none. */
  readonly fieldPath: string;
}

/**
 * Runs the x-kubernetes-validations of a custom resource.
 * @param old The stored object, for transition rules; what a rule says of a part that did not change is not held against it.
 */
export function validateRules(value: unknown, old: unknown, schema: ObjectSchema): readonly FieldError[] {
  if (!hasRules(schema)) return [];
  const run = new Run();
  run.check({ value, old, isUnchanged: false, schema, path: "" });
  return run.errors;
}

interface Node {
  readonly value: unknown;
  /** undefined where there is none, or none that corresponds. */
  readonly old: unknown;
  readonly isUnchanged: boolean;
  readonly schema: Schema;
  readonly path: string;
}

class Run {
  readonly errors: FieldError[] = [];
  readonly #budget = { left: OBJECT_BUDGET };
  #isOver = false;

  check(node: Node): void {
    const { value, schema, path } = node;
    if (this.#isOver || value === null || value === undefined || !hasRules(schema)) return;
    for (const rule of rulesOf(schema)) {
      if (this.#isOver) return;
      this.#rule(rule, node);
    }
    if (schema.kind === "scalar" && schema.ifObject !== undefined && isStruct(value))
      this.check({ ...node, schema: schema.ifObject });
    else if (schema.kind === "list" && Array.isArray(value)) this.#list(value, node, schema);
    else if (schema.kind === "map") {
      for (const [key, member] of Object.entries(value as Struct))
        this.#member(node, key, member, schema.values, path === "" ? key : `${path}[${key}]`);
    } else if (schema.kind === "object") {
      for (const [key, member] of Object.entries(value as Struct)) {
        const field = schema.fields.get(key);
        if (field !== undefined) this.#member(node, key, member, field.schema, path === "" ? key : `${path}.${key}`);
      }
    }
  }

  #member(node: Node, key: string, value: unknown, schema: Schema, path: string): void {
    const old = memberOf(node.old, key);
    this.check({ value, old, isUnchanged: node.isUnchanged || isUnchanged(value, old, schema), schema, path });
  }

  #list(items: readonly unknown[], node: Node, schema: ListSchema): void {
    items.forEach((value, index) => {
      const old = counterpartOf(value, node.old, schema);
      const isSame = node.isUnchanged || isUnchanged(value, old, schema.items);
      this.check({ value, old, isUnchanged: isSame, schema: schema.items, path: `${node.path}[${index}]` });
    });
  }

  #rule(rule: Rule, node: Node): void {
    const { program, source } = rule;
    if (program === undefined) return;
    const isOptional = source.optionalOldSelf === true;
    if (rule.usesOldSelf && (node.old === undefined || node.old === null) && !isOptional) return;
    const schema = celSchemaOf(node.schema);
    const bindings = (name: string): unknown => {
      if (name === "self") return adapt(node.value, schema);
      const isThere = node.old !== undefined && node.old !== null;
      if (!isOptional) return adapt(node.old, schema);
      return isThere ? CelOptional.of(adapt(node.old, schema)) : CelOptional.none;
    };
    const at = node.path === "" ? "<nil>" : node.path;
    const type = typeName(node.value);
    try {
      if (this.#evaluate(program, bindings) === true) return;
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      this.errors.push(fieldError.invalid(at, type, this.#failure(error.message, source)));
      return;
    }
    // What was there before is not held against an update, unless the rule is about the change.
    if (!rule.usesOldSelf && node.isUnchanged) return;
    const detail = this.#message(rule, bindings);
    const shown = type === "object" || type === "array" ? OMITTED : node.value;
    const below = rule.fieldPath === "" ? at : node.path === "" ? rule.fieldPath : `${at}.${rule.fieldPath}`;
    this.errors.push(withReason(below, shown, detail, source.reason));
  }

  #evaluate(program: CelProgram, bindings: (name: string) => unknown): unknown {
    const limit = Math.min(COST_LIMIT, this.#budget.left);
    const budget = { left: limit };
    try {
      return program.evaluate(bindings, budget);
    } finally {
      this.#budget.left -= limit - Math.max(0, budget.left);
    }
  }

  #failure(message: string, source: ValidationRule): string {
    const shown = (source.message ?? "").trim() || (source.rule ?? "").trim();
    if (message.startsWith("no such overload"))
      return `'${message}': call arguments did not match a supported operator, function or macro signature for rule: ${shown}`;
    if (message.startsWith("operation cancelled: actual cost limit exceeded")) {
      this.#isOver = true;
      return this.#budget.left <= 0
        ? "validation failed due to running out of cost budget, no further validation rules will be run"
        : `'${message}': no further validation rules will be run due to call cost exceeds limit for rule: ${shown}`;
    }
    return `${message} evaluating rule: ${shown}`;
  }

  #message({ message, source }: Rule, bindings: (name: string) => unknown): string {
    if (message !== undefined) {
      try {
        const text = this.#evaluate(message, bindings);
        const trimmed = typeof text === "string" ? text.trim() : "";
        if (trimmed !== "" && trimmed.length <= MAX_MESSAGE && !trimmed.includes("\n")) return trimmed;
      } catch (error) {
        if (!(error instanceof CelError)) throw error;
      }
    }
    return (source.message ?? "").trim() || `failed rule: ${(source.rule ?? "").trim()}`;
  }
}

function withReason(at: string, value: unknown, detail: string, reason: string | undefined): FieldError {
  switch (reason) {
    case "FieldValueForbidden":
      return fieldError.forbidden(at, detail);
    case "FieldValueRequired":
      return fieldError.required(at, detail);
    case "FieldValueDuplicate":
      return fieldError.duplicate(at, value);
    default:
      return fieldError.invalid(at, value, detail);
  }
}

const withRules = new WeakMap<Schema, boolean>();

/** Whether a schema has rules, or a part of it. */
export function hasRules(schema: Schema): boolean {
  let known = withRules.get(schema);
  if (known === undefined) {
    known = schema.validations !== undefined || schemasBelow(schema).some(hasRules);
    withRules.set(schema, known);
  }
  return known;
}

const compiled = new WeakMap<Schema, readonly Rule[]>();

function rulesOf(schema: Schema): readonly Rule[] {
  let rules = compiled.get(schema);
  if (rules === undefined) {
    rules = ((schema.validations ?? []) as readonly ValidationRule[]).map((source) => compileRule(source, schema));
    compiled.set(schema, rules);
  }
  return rules;
}

/** Stored rules compiled when they were written; one that does not any more is not run. */
function compileRule(source: ValidationRule, schema: Schema): Rule {
  const environment = environmentOf(source, schema);
  const program = compileOrNothing(source.rule, environment);
  return {
    source,
    program,
    message: compileOrNothing(source.messageExpression, environment),
    usesOldSelf: program !== undefined && mentions(program.expression, "oldSelf"),
    fieldPath: fieldPathOf(source.fieldPath ?? "", schema) ?? "",
  };
}

function compileOrNothing(text: string | undefined, environment: CelEnvironment): CelProgram | undefined {
  if ((text ?? "").trim() === "") return undefined;
  try {
    return compileCel(text!, environment);
  } catch (error) {
    if (error instanceof CelCompileError) return undefined;
    throw error;
  }
}

function environmentOf(source: ValidationRule, schema: Schema): CelEnvironment {
  const self = typeOfSchema(celSchemaOf(schema));
  return { variables: { self, oldSelf: source.optionalOldSelf === true ? { name: "optional_type" } : self } };
}

const celSchemas = new WeakMap<Schema, Schema>();
const TEXT: Schema = { kind: "scalar", scalar: "string" };

/** What rules see of a schema: of the metadata of a resource no more than its names, and nothing that has no type. */
function celSchemaOf(schema: Schema): Schema {
  let known = celSchemas.get(schema);
  if (known === undefined) {
    known = shownToRules(schema);
    celSchemas.set(schema, known);
  }
  return known;
}

function shownToRules(schema: Schema): Schema {
  switch (schema.kind) {
    case "object": {
      const fields = [...schema.fields.values()].filter(({ schema: own }) => isShownToRules(own)).map(shownField);
      const shown: Schema = { ...schema, preserveUnknown: false, fields: new Map(fields) };
      return schema.embeddedResource ? withNames(schema, shown) : shown;
    }
    case "map":
      if (schema.values === ANYTHING) return { ...schema, kind: "object", typeName: "", fields: new Map(), ...OPAQUE };
      return { ...schema, values: celSchemaOf(schema.values) };
    case "list":
      return { ...schema, items: celSchemaOf(schema.items) };
    case "scalar":
      return schema;
  }
}

const OPAQUE = { preserveUnknown: false, embeddedResource: false } as const;

function shownField(field: Field): readonly [string, Field] {
  const shown = {
    ...field,
    get schema() {
      return celSchemaOf(field.schema);
    },
  };
  return [field.name, shown];
}

function withNames(schema: ObjectSchema, shown: ObjectSchema): ObjectSchema {
  const metadata = schema.fields.get("metadata")!;
  const names = ["generateName", "name"].map((name) => [name, { ...metadata, name, schema: TEXT }] as const);
  const limited: Schema = { ...schema, validations: [], embeddedResource: false, fields: new Map(names) };
  return { ...shown, fields: new Map([...shown.fields, ["metadata", { ...metadata, schema: limited }]]) };
}

/** Of what has no type, rules know nothing, nor of lists and maps of it. */
function isShownToRules(schema: Schema): boolean {
  switch (schema.kind) {
    case "object":
      return true;
    case "map":
      return schema.values === ANYTHING || isShownToRules(schema.values);
    case "list":
      return isShownToRules(schema.items);
    case "scalar":
      return schema.scalar !== "any";
  }
}

/**
 * Why the rules of a schema cannot be: they do not compile, or may cost too much.
 * @param path Of the schema, as in structuralErrors.
 */
export function ruleErrors(props: JSONSchemaProps, path: string): readonly FieldError[] {
  const check = new RuleCheck();
  const root = { path, times: 1, uncorrelated: undefined, isWithinRules: false } as const;
  check.node(props, compileStructural(props), root);
  if (check.total > SCHEMA_LIMIT) {
    for (const { at, cost } of check.expensive)
      check.errors.push(
        fieldError.forbidden(
          at,
          `contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema (${cost})`,
        ),
      );
    check.errors.push(
      fieldError.forbidden(
        path,
        tooExpensive(
          "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema",
          check.total,
          SCHEMA_LIMIT,
        ),
      ),
    );
  }
  return check.errors;
}

interface Place {
  readonly path: string;
  /** How many values the schema describes at most in one object; undefined without bound. */
  readonly times: number | undefined;
  /** The path of the list whose items have no counterparts in the stored object. */
  readonly uncorrelated: string | undefined;
  /** Whether it is a part of something that has rules. */
  readonly isWithinRules: boolean;
  /** Why what it is a part of is not known to rules. */
  readonly unknown?: string;
}

const NO_DECLARATION =
  "internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations";
const NO_PART = "failed to convert to declType for CEL validation rules";

class RuleCheck {
  readonly errors: FieldError[] = [];
  readonly expensive: { readonly at: string; readonly cost: number }[] = [];
  total = 0;

  node(props: JSONSchemaProps, schema: Schema, place: Place): void {
    const rules = (props["x-kubernetes-validations"] ?? []) as readonly ValidationRule[];
    const isWithinRules = place.isWithinRules || rules.length > 0;
    const unknown = place.unknown ?? (isWithinRules && !isShownToRules(schema) ? NO_DECLARATION : undefined);
    this.#rules(rules, schema, { ...place, ...(unknown !== undefined && { unknown }) });
    this.#parts(props, schema, { ...place, isWithinRules, ...(unknown !== undefined && { unknown }) });
  }

  #rules(rules: readonly ValidationRule[], schema: Schema, place: Place): void {
    const [at, before] = [`${place.path}.x-kubernetes-validations`, this.errors.length];
    if (place.unknown === undefined) {
      for (const [index, rule] of rules.entries()) this.#rule(rule, schema, `${at}[${index}]`, place);
      return;
    }
    for (const [index, rule] of rules.entries()) this.#form(rule, schema, `${at}[${index}]`);
    if (rules.length > 0 && this.errors.length === before) this.errors.push(fieldError.internal(at, place.unknown));
  }

  /** As upstream, whatever the type of what has them. */
  #parts(props: JSONSchemaProps, schema: Schema, place: Place): void {
    const { path, times, uncorrelated } = place;
    const bounded = (most: number | undefined) =>
      times === undefined || most === undefined ? undefined : times * most;
    const lost = { ...place, ...(place.isWithinRules && { unknown: place.unknown ?? NO_PART }) };
    if (isSchema(props.items)) {
      const below = {
        path: `${path}.items`,
        uncorrelated: uncorrelated ?? (props["x-kubernetes-list-type"] === "map" ? undefined : path),
      };
      if (schema.kind === "list")
        this.node(props.items, schema.items, { ...place, ...below, times: bounded(schema.maxItems) });
      else this.node(props.items, compileNode(props.items), { ...lost, ...below });
    }
    const { additionalProperties: values } = props;
    if (isSchema(values)) {
      const below = { path: `${path}.additionalProperties` };
      if (schema.kind === "map")
        this.node(values, schema.values, { ...place, ...below, times: bounded(schema.maxProperties) });
      else this.node(values, compileNode(values), { ...lost, ...below });
    }
    for (const [name, property] of Object.entries(props.properties ?? {})) {
      const own = schema.kind === "object" ? schema.fields.get(name)?.schema : undefined;
      this.node(property, own ?? compileNode(property), { ...place, path: `${path}.properties[${name}]` });
    }
  }

  #rule(rule: ValidationRule, schema: Schema, at: string, place: Place): void {
    const before = this.errors.length;
    this.#form(rule, schema, at);
    if (this.errors.length > before) return;
    const environment = environmentOf(rule, schema);
    const program = this.#compile(rule, environment, `${at}.rule`, place, schema);
    if ((rule.messageExpression ?? "") !== "") this.#message(rule, environment, `${at}.messageExpression`);
    if (program === undefined) return;
    if (mentions(program.expression, "oldSelf")) {
      if (place.uncorrelated !== undefined)
        this.errors.push(
          fieldError.invalid(
            `${at}.rule`,
            rule.rule,
            `oldSelf cannot be used on the uncorrelatable portion of the schema within ${place.uncorrelated}`,
          ),
        );
    } else if (rule.optionalOldSelf !== undefined)
      this.errors.push(
        fieldError.invalid(
          `${at}.optionalOldSelf`,
          rule.optionalOldSelf,
          "may not be set if oldSelf is not used in rule",
        ),
      );
  }

  #compile(
    rule: ValidationRule,
    environment: CelEnvironment,
    at: string,
    { times }: Place,
    schema: Schema,
  ): CelProgram | undefined {
    try {
      const program = compileCel(rule.rule!, environment);
      if (program.type.name !== "bool" && program.type.name !== "dyn") {
        this.errors.push(fieldError.invalid(at, shownRule(rule), "cel expression must evaluate to a bool"));
        return undefined;
      }
      const each = estimateCost(program.expression, environment);
      const cost = each * (times ?? Math.floor(MAX_REQUEST_BYTES / (minJsonSizeOf(schema) + 1)));
      this.total += cost;
      if (cost > RULE_LIMIT)
        this.errors.push(fieldError.forbidden(at, tooExpensive("estimated rule cost", cost, RULE_LIMIT)));
      else this.expensive.push({ at, cost });
      return program;
    } catch (error) {
      if (!(error instanceof CelCompileError)) throw error;
      this.errors.push(fieldError.invalid(at, shownRule(rule), `compilation failed: ${error.message}`));
      return undefined;
    }
  }

  #message(rule: ValidationRule, environment: CelEnvironment, at: string): void {
    try {
      const { name } = compileCel(rule.messageExpression!, environment).type;
      if (name !== "string" && name !== "dyn")
        this.errors.push(fieldError.invalid(at, shownRule(rule), "messageExpression must evaluate to a string"));
    } catch (error) {
      if (!(error instanceof CelCompileError)) throw error;
      this.errors.push(
        fieldError.invalid(at, shownRule(rule), `messageExpression compilation failed: ${error.message}`),
      );
    }
  }

  #form(rule: ValidationRule, schema: Schema, at: string): void {
    const [text, message] = [rule.rule ?? "", rule.message ?? ""];
    const { errors } = this;
    if (text.trim() === "") errors.push(fieldError.required(`${at}.rule`, "rule is not specified"));
    else if (message.length > 0 && message.trim() === "")
      errors.push(fieldError.invalid(`${at}.message`, message, "must be non-empty if specified"));
    else if (NEWLINE.test(message.trim()))
      errors.push(fieldError.invalid(`${at}.message`, message, "must not contain line breaks"));
    else if (NEWLINE.test(text.trim()) && message.trim() === "")
      errors.push(fieldError.required(`${at}.message`, "message must be specified if rule contains line breaks"));
    if ((rule.messageExpression ?? "").length > 0 && rule.messageExpression!.trim() === "")
      errors.push(fieldError.required(`${at}.messageExpression`, "messageExpression must be non-empty if specified"));
    if (rule.reason !== undefined && !REASONS.includes(rule.reason))
      errors.push(fieldError.notSupported(`${at}.reason`, rule.reason, REASONS));
    const path = rule.fieldPath ?? "";
    if (path.length > 0 && path.trim() === "")
      errors.push(fieldError.invalid(`${at}.fieldPath`, path, "must be non-empty if specified"));
    if (NEWLINE.test(path)) errors.push(fieldError.invalid(`${at}.fieldPath`, path, "must not contain line breaks"));
    if (path.length > 0 && fieldPathOf(path, schema) === undefined)
      errors.push(fieldError.invalid(`${at}.fieldPath`, path, "must be a valid path"));
  }
}

/** As upstream's internal type shows it. */
function shownRule({ rule, message, messageExpression, reason, fieldPath, optionalOldSelf }: ValidationRule): JsonText {
  const members = {
    Rule: rule ?? "",
    Message: message ?? "",
    MessageExpression: messageExpression ?? "",
    Reason: reason ?? null,
    FieldPath: fieldPath ?? "",
    OptionalOldSelf: optionalOldSelf ?? null,
  };
  const texts = Object.entries(members).map(([name, value]) => `"${name}":${encodeUnstructuredText(value)}`);
  return new JsonText(`{${texts.join(",")}}`);
}

const NEWLINE = /[\n\r]/;
const REASONS = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

function isSchema(value: unknown): value is JSONSchemaProps {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function tooExpensive(what: string, cost: number, limit: number): string {
  const factor = cost / limit;
  const shown = factor > 100 ? "more than 100x" : `${factor.toFixed(factor < 1.5 ? 6 : 1)}x`;
  return (
    `${what} exceeds budget by factor of ${shown} ` +
    "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
  );
}
