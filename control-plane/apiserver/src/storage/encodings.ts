import { encodeMessage, encodeMessageOfJson } from "@tsukube/api";
import type { ResourceDefinition } from "../registry/definition.ts";
import { type CachedObject, withRevision } from "./cached-object.ts";

/**
 * Bytes of messages that are kept at least, and half of those at most: lists of ten thousand pods are made once. Whoever lists more than
 * this over and over finds nothing kept.
 */
const KEPT_BYTES = 128 * 1024 * 1024;

/**
 * Protobuf messages of cached objects. An object of the cache never changes, so neither does its message; those that were asked
 * for last are kept: when the young ones have filled their bytes they are the old ones, and what was old is forgotten.
 */
export class Encodings {
  readonly #limit: number;
  #young = new Map<CachedObject, Uint8Array>();
  #old = new Map<CachedObject, Uint8Array>();
  #youngBytes = 0;

  constructor(limit = KEPT_BYTES) {
    this.#limit = limit;
  }

  /** The message without envelope. @param definition One that serves what is stored. */
  messageOf({ schema }: ResourceDefinition, cached: CachedObject): Uint8Array {
    const present = this.#young.get(cached);
    if (present !== undefined) return present;
    const message = this.#old.get(cached) ?? messageOf(schema, cached, cached.revision);
    this.#keep(cached, message);
    return message;
  }

  #keep(cached: CachedObject, message: Uint8Array): void {
    if (message.length > this.#limit) return;
    this.#young.set(cached, message);
    this.#youngBytes += message.length;
    if (this.#youngBytes <= this.#limit) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
  }
}

/** @param revision To show instead of the object's own, as of its deletion. */
export function messageOf(schema: ResourceDefinition["schema"], cached: CachedObject, revision: number): Uint8Array {
  const json = cached.json(revision);
  return encodeMessageOfJson(json, schema) ?? encodeMessage(withRevision(cached.object, revision), schema);
}
