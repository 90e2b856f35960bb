import type { Json } from "../object.ts";
import { ApiError } from "../status/api-error.ts";
import { jsonEqual } from "./json-equal.ts";
import { parsePointer } from "./json-pointer.ts";
import { define, isRecord } from "./merge-patch.ts";

/** More operations than this are refused with 413. */
export const MAX_JSON_PATCH_OPERATIONS = 10_000;

type Container = readonly Json[] | { readonly [key: string]: Json };

/**
 * Applies an RFC 6902 patch. `document` is never changed; untouched parts are shared with the result.
 * @throws {ApiError} 400 if `patch` is no list of operations, 413 for too many, 422 (upstream's stock sentence, the
 * reason is the cause) if an operation cannot be applied or a test fails.
 */
export function jsonPatch(document: Json, patch: Json): Json {
  const operations = operationsOf(patch);
  let result: Json = document;
  for (const operation of operations) result = applyOperation(result, operation);
  return result;
}

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from: string | undefined;
  readonly value: Json | undefined;
}

function operationsOf(patch: Json): Operation[] {
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

function applyOperation(document: Json, operation: Operation): Json {
  const path = parsePointer(operation.path);
  if (path === undefined) throw unapplicable(`invalid JSON pointer ${operation.path}`);
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
      return add(document, path, get(document, fromOf(operation)));
    case "test":
      return test(document, path, operation);
    default:
      throw unapplicable(`unexpected kind: ${operation.op}`);
  }
}

function fromOf({ op, from, path }: Operation): readonly string[] {
  const pointer = from === undefined ? undefined : parsePointer(from);
  if (pointer === undefined) throw unapplicable(`${op} operation does not apply: missing from`);
  if (op === "move" && path.startsWith(`${from}/`)) throw unapplicable(`move of ${from} into its own member ${path}`);
  return pointer;
}

function test(document: Json, path: readonly string[], { value, path: shown }: Operation): Json {
  const expected = value ?? null;
  const actual = has(document, path) ? get(document, path) : null; // an absent member equals null, as upstream has it
  if (!jsonEqual(actual, expected)) throw unapplicable(`testing path ${shown} failed`);
  return document;
}

function has(document: Json, path: readonly string[]): boolean {
  let at: Json = document;
  for (const key of path) {
    const member: Json | undefined = memberOf(at, key);
    if (member === undefined) return false;
    at = member;
  }
  return true;
}

function memberOf(container: Json, key: string): Json | undefined {
  if (Array.isArray(container)) return INDEX.test(key) ? (container as readonly Json[])[Number(key)] : undefined;
  return isRecord(container) && Object.hasOwn(container, key) ? container[key] : undefined;
}

function get(document: Json, path: readonly string[]): Json {
  if (!has(document, path)) throw unapplicable(`path /${path.join("/")} does not exist`);
  return path.reduce((at, key) => memberOf(at, key)!, document);
}

const INDEX = /^(0|[1-9][0-9]*)$/;

/** Rebuilds the containers along `path` and lets `change` replace the last one. */
function changeParent(document: Json, path: readonly string[], change: (parent: Container, key: string) => Json): Json {
  const key = path[0]!;
  if (typeof document !== "object" || document === null) throw unapplicable(`path /${path.join("/")} does not exist`);
  if (path.length === 1) return change(document, key);
  const member = memberOf(document, key);
  if (member === undefined) throw unapplicable(`path /${path.join("/")} does not exist`);
  return withMember(document, key, changeParent(member, path.slice(1), change));
}

function withMember(container: Container, key: string, value: Json): Json {
  if (isList(container)) return container.with(Number(key), value);
  const copy: Record<string, Json> = { ...container };
  define(copy, key, value);
  return copy;
}

function isList(container: Container): container is readonly Json[] {
  return Array.isArray(container);
}

function add(document: Json, path: readonly string[], value: Json): Json {
  if (path.length === 0) return value;
  return changeParent(document, path, (parent, key) =>
    isList(parent) ? parent.toSpliced(insertionIndex(parent, key), 0, value) : withMember(parent, key, value),
  );
}

function insertionIndex(list: readonly Json[], key: string): number {
  if (key === "-") return list.length;
  if (!INDEX.test(key) || Number(key) > list.length) throw unapplicable(`index ${key} is out of bounds`);
  return Number(key);
}

function remove(document: Json, path: readonly string[]): Json {
  if (path.length === 0) throw unapplicable("cannot remove the whole document");
  return changeParent(document, path, (parent, key) => {
    if (memberOf(parent, key) === undefined) throw unapplicable(`unable to remove nonexistent key: ${key}`);
    if (isList(parent)) return parent.toSpliced(Number(key), 1);
    const { [key]: _removed, ...rest } = parent;
    return rest;
  });
}

function replace(document: Json, path: readonly string[], value: Json): Json {
  if (path.length === 0) return value;
  return changeParent(document, path, (parent, key) => {
    if (memberOf(parent, key) === undefined) throw unapplicable(`replace operation does not apply: missing key ${key}`);
    return withMember(parent, key, value);
  });
}

/** Upstream tells clients nothing but its stock sentence; ours keeps the reason as the cause. */
function unapplicable(why: string): ApiError {
  return new ApiError(ApiError.generic(422).status, { cause: new Error(why) });
}
