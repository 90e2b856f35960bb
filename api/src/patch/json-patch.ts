import type { Json } from "../object.ts";
import { ApiError } from "../status/api-error.ts";
import { jsonEqual } from "./json-equal.ts";
import { parsePointer } from "./json-pointer.ts";
import { define, isRecord } from "./merge-patch.ts";

/** More operations than this are refused with 413. */
export const MAX_JSON_PATCH_OPERATIONS = 10_000;
/** Bytes that the copies of one patch may add. */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;

type Container = readonly Json[] | { readonly [key: string]: Json };

/**
 * Applies an RFC 6902 patch. `document` is never changed; untouched parts are shared with the result.
 * @throws {ApiError} 400 if `patch` is no list of operations, 413 for too many, 422 (upstream's stock sentence, the
 * reason is the cause) if an operation cannot be applied or a test fails.
 */
export function jsonPatch(document: Json, patch: Json): Json {
  const operations = operationsOf(patch);
  const copies = new Copies();
  let result: Json = document;
  for (const operation of operations) result = applyOperation(result, operation, copies);
  return result;
}

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from: string | undefined;
  readonly value: Json | undefined;
}

function operationsOf(patch: Json): readonly Operation[] {
  if (patch === null) return [];
  if (!Array.isArray(patch)) {
    throw ApiError.badRequest(
      `error decoding patch: json: cannot unmarshal ${goKind(patch)} into Go value of type []handlers.jsonPatchOp`,
    );
  }
  const operations = patch as readonly Json[];
  if (operations.length > MAX_JSON_PATCH_OPERATIONS) {
    const why = `The allowed maximum operations in a JSON patch is ${MAX_JSON_PATCH_OPERATIONS}, got ${operations.length}`;
    throw ApiError.requestEntityTooLarge(why);
  }
  return operations.map(operationOf);
}

function operationOf(value: Json): Operation {
  if (value === null) throw unapplicable("unexpected kind: unknown");
  if (!isRecord(value)) {
    throw ApiError.badRequest(
      `error decoding patch: json: cannot unmarshal ${goKind(value)} into Go value of type handlers.jsonPatchOp`,
    );
  }
  const text = (key: string): string | undefined =>
    Object.hasOwn(value, key) && typeof value[key] === "string" ? value[key] : undefined;
  const path = text("path");
  if (path === undefined) throw unapplicable("missing path");
  return {
    op: text("op") ?? "unknown",
    path,
    from: text("from"),
    value: Object.hasOwn(value, "value") ? value["value"] : undefined,
  };
}

function goKind(value: Json): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  return typeof value === "bigint" ? "number" : typeof value;
}

/** A patch of a few lines may copy what was copied before, and so on: what it adds is counted, as if nothing were shared. */
class Copies {
  readonly #sizes = new Map<Json, number>();
  #bytes = 0;

  counted(value: Json): Json {
    this.#bytes += this.#sizeOf(value);
    if (this.#bytes <= MAX_COPIED_BYTES) return value;
    const why = `the accumulated size increase of copy is ${this.#bytes}, exceeding the limit ${MAX_COPIED_BYTES}`;
    throw unapplicable(`Unable to complete the copy, ${why}`);
  }

  /** About as many bytes as its JSON has. */
  #sizeOf(value: Json): number {
    if (typeof value === "string") return value.length + 2;
    if (typeof value !== "object" || value === null) return String(value).length;
    let size = this.#sizes.get(value);
    if (size === undefined) {
      size = 2;
      for (const [name, member] of Object.entries(value))
        size += 1 + this.#sizeOf(member) + (Array.isArray(value) ? 0 : name.length + 3);
      this.#sizes.set(value, size);
    }
    return size;
  }
}

function applyOperation(document: Json, operation: Operation, copies: Copies): Json {
  const path = segmentsOf(operation.path);
  switch (operation.op) {
    case "add":
      return add(document, path, operation.value ?? null);
    case "remove":
      return remove(document, path);
    case "replace":
      return replace(document, path, operation.value ?? null);
    case "move": {
      const from = fromOf(operation);
      return add(remove(document, from), path, get(document, from));
    }
    case "copy":
      return add(document, path, copies.counted(get(document, fromOf(operation))));
    case "test":
      return test(document, path, operation);
    default:
      throw unapplicable(`unexpected kind: ${operation.op}`);
  }
}

/** What comes before the first slash counts for nothing, as with upstream. */
function segmentsOf(pointer: string): readonly string[] {
  const slash = pointer.indexOf("/");
  return parsePointer(slash < 0 ? "" : pointer.slice(slash)) ?? [];
}

function fromOf({ op, from, path }: Operation): readonly string[] {
  if (from === undefined) throw unapplicable(`${op} operation does not apply: missing from`);
  if (op === "move" && path.startsWith(`${from}/`)) throw unapplicable(`move of ${from} into its own member ${path}`);
  return segmentsOf(from);
}

function test(document: Json, path: readonly string[], { value, path: shown }: Operation): Json {
  const expected = value ?? null;
  const actual = path.length === 0 ? document : get(document, path);
  if (!jsonEqual(actual, expected)) throw unapplicable(`testing path ${shown} failed`);
  return document;
}

/** A member that is not there is null; its container must be there. */
function get(document: Json, path: readonly string[]): Json {
  if (path.length === 0) throw unapplicable("missing path");
  return path.reduce((at: Json, key, index) => {
    if (isList(at)) return at[indexOf(at, key)]!;
    if (!isRecord(at)) throw unapplicable(`path /${path.slice(0, index).join("/")} does not exist`);
    return Object.hasOwn(at, key) ? at[key]! : null;
  }, document);
}

const INDEX = /^[+-]?[0-9]+$/;

/** Of an element that is there; negative from the end. */
function indexOf(list: readonly Json[], key: string): number {
  return within(key, list.length, list.length - 1);
}

function within(key: string, length: number, last: number): number {
  const index = INDEX.test(key) ? Number(key) : Number.NaN;
  const at = index < 0 ? index + length : index;
  if (!(at >= 0 && at <= last)) throw unapplicable(`index ${key} is out of bounds`);
  return at;
}

/** Rebuilds the containers along `path` and lets `change` replace the last one. */
function changeParent(document: Json, path: readonly string[], change: (parent: Container, key: string) => Json): Json {
  const key = path[0];
  if (key === undefined || typeof document !== "object" || document === null)
    throw unapplicable(`path /${path.join("/")} does not exist`);
  if (path.length === 1) return change(document, key);
  return withMember(document, key, changeParent(get(document, [key]), path.slice(1), change));
}

function withMember(container: Container, key: string, value: Json): Json {
  if (isList(container)) return container.with(indexOf(container, key), value);
  const copy: Record<string, Json> = { ...container };
  define(copy, key, value);
  return copy;
}

function isList(container: Json): container is readonly Json[] {
  return Array.isArray(container);
}

function add(document: Json, path: readonly string[], value: Json): Json {
  return changeParent(document, path, (parent, key) => {
    if (!isList(parent)) return withMember(parent, key, value);
    const index = key === "-" ? parent.length : within(key, parent.length + 1, parent.length);
    return parent.toSpliced(index, 0, value);
  });
}

function remove(document: Json, path: readonly string[]): Json {
  return changeParent(document, path, (parent, key) => {
    if (isList(parent)) return parent.toSpliced(indexOf(parent, key), 1);
    if (!Object.hasOwn(parent, key)) throw unapplicable(`unable to remove nonexistent key: ${key}`);
    const { [key]: _removed, ...rest } = parent;
    return rest;
  });
}

/** A member that is not there is added: upstream holds only elements of lists to be there. */
function replace(document: Json, path: readonly string[], value: Json): Json {
  if (path.length > 0) return changeParent(document, path, (parent, key) => withMember(parent, key, value));
  if (typeof value !== "object" || value === null)
    throw unapplicable("replace operation value must be object or array");
  return value;
}

/** Upstream tells clients nothing but its stock sentence; ours keeps the reason as the cause. */
function unapplicable(why: string): ApiError {
  return new ApiError(ApiError.generic(422).status, { cause: new Error(why) });
}
