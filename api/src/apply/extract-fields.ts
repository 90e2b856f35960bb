import type { Json } from "../object.ts";
import { goSyntax, goType, goValue } from "../patch/go-value.ts";
import { isRecord } from "../patch/merge-patch.ts";
import type { ListSchema, MapSchema, ObjectSchema, Schema } from "../schema.ts";
import { type FieldSet, FieldSetBuilder } from "./field-set.ts";
import { elementText, fieldElement, listElement, pathText } from "./path.ts";
import { type JsonRecord, memberShape, shapeOf } from "./shape.ts";

/**
 * The paths that applying `object` claims (structured-merge-diff's ToFieldSet): every leaf, every element of a set or map
 * list, every key of a map, empty objects and nulls; not the structs in between.
 */
export function extractFields(schema: Schema | undefined, object: Json): FieldSet {
  return new Extraction(undefined).run(schema, object);
}

/** As {@link extractFields}, and tells what in `object` does not fit the schema, such as ".foo: field not declared in schema". */
export function extractFieldsStrictly(
  schema: Schema,
  object: Json,
): { readonly set: FieldSet; readonly errors: readonly string[] } {
  const errors: string[] = [];
  return { set: new Extraction(errors).run(schema, object), errors };
}

class Extraction {
  readonly #errors: string[] | undefined;
  readonly #path: string[] = [];

  /** @param errors Collects what does not fit; undefined tolerates it. */
  constructor(errors: string[] | undefined) {
    this.#errors = errors;
  }

  run(schema: Schema | undefined, object: Json): FieldSet {
    const builder = new FieldSetBuilder();
    this.#visit(schema, object, builder);
    return builder.build();
  }

  #fail(text: string): void {
    this.#errors?.push(`${pathText(this.#path)}: ${text}`);
  }

  /** Inserts what lies below a node; returns true if the node itself is a leaf to be claimed. */
  #visit(schema: Schema | undefined, value: Json, into: FieldSetBuilder): boolean {
    const shape = shapeOf(schema, value);
    if (this.#errors !== undefined && schema !== undefined) this.#checkType(schema, value);
    if (shape.kind === "leaf") {
      if (this.#errors !== undefined && schema !== undefined) this.#checkWhole(schema, value);
      return true;
    }
    if (shape.kind === "list") {
      if (Array.isArray(value)) this.#visitList(shape.schema, value as readonly Json[], into);
      return false;
    }
    if (isRecord(value)) this.#visitMap(shape.schema, value, into);
    return false;
  }

  #visitMap(schema: ObjectSchema | MapSchema | undefined, value: JsonRecord, into: FieldSetBuilder): void {
    for (const [name, member] of this.#membersOf(value)) {
      const element = fieldElement(name);
      this.#path.push(element);
      const known = memberShape(schema, name);
      if (known === undefined) {
        this.#fail("field not declared in schema");
        this.#path.pop();
        if (this.#errors !== undefined) return; // as upstream: what else is wrong in the object is not told
      } else {
        const leaf = this.#visit(known.schema, member, into.at(element));
        if (leaf || !known.declared || member === null || isEmptyRecord(member)) into.add(element);
        this.#path.pop();
      }
    }
  }

  /** In the order in which their errors are told. */
  #membersOf(value: JsonRecord): readonly (readonly [string, Json])[] {
    const members = Object.entries(value);
    return this.#errors === undefined ? members : members.sort(([a], [b]) => (a < b ? -1 : 1));
  }

  #visitList(schema: ListSchema, items: readonly Json[], into: FieldSetBuilder): void {
    const elements = items.map((item) => listElement(schema, item));
    const repeated = repeatedAmong(elements);
    const seen = new Set<string>();
    for (const [index, item] of items.entries()) {
      const element = elements[index];
      if (element === undefined) this.#failItem(schema, index, item);
      else if (seen.has(element)) this.#fail(`duplicate entries for key ${elementText(element)}`);
      else {
        seen.add(element);
        into.add(element);
        if (repeated.has(element) && this.#errors === undefined) continue;
        this.#path.push(element);
        this.#visit(schema.items, item, into.at(element));
        this.#path.pop();
      }
    }
  }

  /** What is owned as a whole must fit its type all the same. */
  #checkWhole(schema: Schema, value: Json): void {
    const ignored = new FieldSetBuilder();
    if (schema.kind === "object" && isRecord(value)) this.#visitMap(schema, value, ignored);
    if (schema.kind !== "list" || !Array.isArray(value)) return;
    for (const [index, item] of (value as readonly Json[]).entries()) {
      this.#path.push(`i:${index}`);
      this.#visit(schema.items, item, ignored);
      this.#path.pop();
    }
  }

  #failItem(schema: ListSchema, index: number, item: Json): void {
    if (schema.listType === "set" && item === null) {
      this.#fail(`element ${index}: associative list without keys has an element that's an explicit null`);
      return;
    }
    const keys = schema.mapKeys.map((key) => `"${key}"`).join(", ");
    this.#fail(
      schema.listType === "set"
        ? "associative lists of type set must contain scalars"
        : `element ${index}: associative list with keys has an element that omits all key fields [${keys}] (and doesn't have default values for any key fields)`,
    );
  }

  #checkType(schema: Schema, value: Json): void {
    if (value === null) return;
    if (schema.kind === "list" && !Array.isArray(value)) this.#fail(`expected list, got &{${goValue(value)}}`);
    if ((schema.kind === "object" || schema.kind === "map") && !isRecord(value))
      this.#fail(`expected map, got &{${goValue(value)}}`);
    if (schema.kind === "scalar" && !fitsScalar(schema.scalar, value)) this.#fail(misfit(schema.scalar, value));
  }
}

/** Those that are there several times: they are owned as a whole. */
function repeatedAmong(elements: readonly (string | undefined)[]): ReadonlySet<string> {
  const [seen, repeated] = [new Set<string>(), new Set<string>()];
  for (const element of elements) {
    if (element === undefined) continue;
    if (seen.has(element)) repeated.add(element);
    seen.add(element);
  }
  return repeated;
}

function isEmptyRecord(value: Json): boolean {
  return isRecord(value) && Object.keys(value).length === 0;
}

const STRINGS: ReadonlySet<string> = new Set(["string", "bytes", "time", "microTime", "duration"]);
const NUMBERS: ReadonlySet<string> = new Set(["int32", "int64", "double"]);

function fitsScalar(scalar: string, value: Json): boolean {
  if (STRINGS.has(scalar)) return typeof value === "string";
  if (NUMBERS.has(scalar)) return typeof value === "number" || typeof value === "bigint";
  if (scalar === "bool") return typeof value === "boolean";
  if (scalar === "quantity" || scalar === "intOrString") return ["string", "number", "bigint"].includes(typeof value);
  return true;
}

/** What upstream says of a value of another type, which it shows in Go's ways. */
function misfit(scalar: string, value: Json): string {
  if (STRINGS.has(scalar)) return `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`;
  if (NUMBERS.has(scalar)) return `expected numeric (int or float), got ${goType(value)}`;
  return `expected ${scalar === "bool" ? "boolean" : "any scalar"}, got &{${goValue(value)}}`;
}
