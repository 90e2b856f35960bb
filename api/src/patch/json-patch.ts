import type { Json } from "../object.ts";
import { ApiError } from "../status/api-error.ts";
import { jsonEqual } from "./json-equal.ts";
import { parsePointer } from "./json-pointer.ts";
import { define, isContainer, isRecord } from "./merge-patch.ts";

/** More operations than this are refused with 413. */
export const MAX_JSON_PATCH_OPERATIONS = 10_000;
/** Bytes that the copies of one patch may add. */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;

/** What a patch made itself. */
type Own = Json[] | Record<string, Json>;

/**
 * Applies an RFC 6902 patch. `document` is never changed; untouched parts are shared with the result.
 * @throws {ApiError} 400 if `patch` is no list of operations, 413 for too many, 422 (upstream's stock sentence, the
 * reason is the cause) if an operation cannot be applied or a test fails.
 */
export function jsonPatch(document: Json, patch: Json): Json {
  const operations = operationsOf(patch);
  const patching = new Patching();
  return operations.reduce((result, operation) => patching.apply(result, operation), document);
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

/** One patch on its way. Containers that it made it changes in place: of many operations on one list each would copy that otherwise. */
class Patching {
  readonly #own = new WeakSet<object>();
  /** Of what was copied, and is in several places since: nothing of it is changed in place. */
  readonly #sizes = new Map<Json, number>();
  #copied = 0;

  apply(document: Json, operation: Operation): Json {
    const path = segmentsOf(operation.path);
    switch (operation.op) {
      case "add":
        return this.#add(document, path, operation.value ?? null);
      case "remove":
        return this.#remove(document, path);
      case "replace":
        return this.#replace(document, path, operation.value ?? null);
      case "move": {
        const from = fromOf(operation);
        const value = get(document, from);
        return this.#add(this.#remove(document, from), path, value);
      }
      case "copy":
        return this.#add(document, path, this.#counted(get(document, fromOf(operation))));
      case "test":
        return test(document, path, operation);
      default:
        throw unapplicable(`unexpected kind: ${operation.op}`);
    }
  }

  #add(document: Json, path: readonly string[], value: Json): Json {
    return this.#changeParent(document, path, (parent, key) => {
      if (!isList(parent)) return define(parent, key, value);
      parent.splice(key === "-" ? parent.length : within(key, parent.length + 1, parent.length), 0, value);
    });
  }

  #remove(document: Json, path: readonly string[]): Json {
    return this.#changeParent(document, path, (parent, key) => {
      if (isList(parent)) return void parent.splice(indexOf(parent, key), 1);
      if (!Object.hasOwn(parent, key)) throw unapplicable(`unable to remove nonexistent key: ${key}`);
      delete parent[key];
    });
  }

  /** A member that is not there is added: upstream holds only elements of lists to be there. */
  #replace(document: Json, path: readonly string[], value: Json): Json {
    if (path.length > 0) return this.#changeParent(document, path, (parent, key) => put(parent, key, value));
    if (!isContainer(value)) throw unapplicable("replace operation value must be object or array");
    return value;
  }

  /** Lets `change` have the last container along `path`. @param at How far along it `document` is. */
  #changeParent(document: Json, path: readonly string[], change: (parent: Own, key: string) => void, at = 0): Json {
    const key = path[at];
    if (key === undefined || !isContainer(document)) throw unapplicable(`path /${path.join("/")} does not exist`);
    const own = this.#ownOf(document);
    if (at === path.length - 1) change(own, key);
    else put(own, key, this.#changeParent(get(own, [key]), path, change, at + 1));
    return own;
  }

  #ownOf(container: object): Own {
    if (this.#own.has(container)) return container as Own;
    const own = (Array.isArray(container) ? [...container] : { ...container }) as Own;
    this.#own.add(own);
    return own;
  }

  /** A patch of a few lines may copy what was copied before, and so on: what it adds is counted as if nothing were shared. */
  #counted(value: Json): Json {
    this.#copied += this.#sizeOf(value);
    if (this.#copied <= MAX_COPIED_BYTES) return value;
    const why = `the accumulated size increase of copy is ${this.#copied}, exceeding the limit ${MAX_COPIED_BYTES}`;
    throw unapplicable(`Unable to complete the copy, ${why}`);
  }

  /** About as many bytes as its JSON has. */
  #sizeOf(value: Json): number {
    if (typeof value === "string") return value.length + 2;
    if (!isContainer(value)) return String(value).length;
    let size = this.#sizes.get(value);
    if (size === undefined) {
      size = 2;
      for (const [name, member] of Object.entries(value))
        size += 1 + this.#sizeOf(member) + (Array.isArray(value) ? 0 : name.length + 3);
      this.#sizes.set(value, size);
      this.#own.delete(value);
    }
    return size;
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

function put(container: Own, key: string, value: Json): void {
  if (isList(container)) container[indexOf(container, key)] = value;
  else define(container, key, value);
}

function isList<T>(container: T): container is T & Json[] {
  return Array.isArray(container);
}

/** Upstream tells clients nothing but its stock sentence; ours keeps the reason as the cause. */
function unapplicable(why: string): ApiError {
  return new ApiError(ApiError.generic(422).status, { cause: new Error(why) });
}
