import { apiVersionOf, normalize, type Unstructured } from "@tsukube/api";
import type { ResourceDefinition } from "../registry/definition.ts";
import { type FieldManagerDeps, fieldManagerOf } from "./field-managers.ts";

/** Whom upstream's API server says it is where it writes. */
const SERVER = "kube-apiserver";

interface Manager {
  readonly manager?: string;
  /** "" is the main endpoint. */
  readonly subresource?: string;
}

/**
 * What this server puts in place of `live`, with what changed as its own in managedFields (KEP-555): as after an update that a part
 * of upstream's server sends.
 * @param sent What of `next` it asks for, where it is given more.
 */
export function updatedByServer(
  deps: FieldManagerDeps,
  definition: ResourceDefinition,
  live: Unstructured | undefined,
  next: Unstructured,
  { manager = SERVER, subresource = "", sent = next }: Manager & { readonly sent?: Unstructured } = {},
): Unstructured {
  const owned = fieldManagerOf(definition, subresource, deps).update(live, sent, manager);
  const { managedFields } = owned.metadata ?? {};
  return managedFields === undefined ? next : { ...next, metadata: { ...next.metadata, managedFields } };
}

/** `live` with a status of which `manager` owns what is said here: as after an apply that a part of upstream's server sends. */
export function statusAppliedByServer(
  deps: FieldManagerDeps,
  definition: ResourceDefinition,
  live: Unstructured,
  status: object,
  manager: string,
): Unstructured {
  const { kind, schema } = definition;
  const { name = "" } = live.metadata ?? {};
  const patch: Unstructured = { kind, apiVersion: apiVersionOf(definition), metadata: { name }, status };
  const applied = fieldManagerOf(definition, "status", deps).apply(live, patch, manager, true);
  return normalize<Unstructured>(applied, schema).object;
}
