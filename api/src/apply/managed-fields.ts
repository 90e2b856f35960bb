import type { ManagedFieldsEntry } from "../../generated/types/meta-v1.ts";
import type { Json } from "../object.ts";
import { canonicalFields, FieldSet } from "./field-set.ts";
import type { Managers, OwnedFields } from "./updater.ts";

export type Operation = "Apply" | "Update";

/** Who an entry of managedFields belongs to. Updates through another version or subresource are other managers. */
export interface ManagerIdentity {
  readonly manager: string;
  readonly operation: Operation;
  /** "" for appliers, who keep their entry when they move to another version. */
  readonly apiVersion: string;
  readonly subresource: string;
}

/** Decoded managedFields: owners by identifier, and when each last changed (RFC 3339, absent where unknown). */
export interface Managed {
  readonly managers: Managers;
  readonly times: ReadonlyMap<string, string>;
}

export const NO_MANAGERS: Managed = { managers: new Map(), times: new Map() };

const SEPARATOR = "\n"; // in managers' names alone, which are refused then

export function managerId({ manager, operation, apiVersion, subresource }: ManagerIdentity): string {
  return [operation, manager, operation === "Apply" ? "" : apiVersion, subresource].join(SEPARATOR);
}

export function managerIdentity(id: string): ManagerIdentity {
  const [operation, ...parts] = id.split(SEPARATOR);
  const [apiVersion = "", subresource = ""] = parts.splice(-2);
  return { manager: parts.join(SEPARATOR), operation: operation as Operation, apiVersion, subresource };
}

/** @returns undefined if an entry of a request has no version, or fields that are no FieldsV1. */
export function decodeSentFields(entries: readonly ManagedFieldsEntry[] | undefined): Managed | undefined {
  const canonical: ManagedFieldsEntry[] = [];
  for (const entry of entries ?? []) {
    const fieldsV1 = canonicalOf(entry.fieldsV1 as Json | undefined);
    if (fieldsV1 === undefined || !entry.apiVersion) return undefined;
    canonical.push({ ...entry, fieldsV1 });
  }
  return decodeManagedFields(canonical);
}

/** What is wrong with entries as Kubernetes reads them strictly; undefined: nothing. */
export function managedFieldsProblem(entries: readonly ManagedFieldsEntry[]): string | undefined {
  for (const [index, { operation, apiVersion, fieldsType, fieldsV1 }] of entries.entries()) {
    if (operation !== "Apply" && operation !== "Update") return "operation must be `Apply` or `Update`";
    if (!apiVersion) return "apiVersion must not be empty";
    if (!fieldsType) return `missing fieldsType in managed fields entry ${index}`;
    if (fieldsType !== "FieldsV1")
      return `invalid fieldsType ${JSON.stringify(fieldsType)} in managed fields entry ${index}`;
    if (canonicalOf(fieldsV1 as Json | undefined) === undefined)
      return `error decoding versioned set of managed fields entry ${index}`;
  }
  return undefined;
}

const MOST_FORMS = 256;
const MOST_FORM_LENGTH = 16_384;
/** What was made of FieldsV1, by their text: objects of one shape are sent with the same ones again and again. */
const forms = new Map<string, { readonly [key: string]: Json }>();

function canonicalOf(fields: Json | undefined): { readonly [key: string]: Json } | undefined {
  const text = JSON.stringify(fields) ?? "";
  const known = forms.get(text);
  if (known !== undefined) return known;
  const form = canonicalFields(fields);
  if (form === undefined || text.length > MOST_FORM_LENGTH) return form;
  if (forms.size >= MOST_FORMS) forms.clear();
  forms.set(text, form);
  return form;
}

/** @returns undefined if an entry has an unknown operation or fields type. */
export function decodeManagedFields(entries: readonly ManagedFieldsEntry[] | undefined): Managed | undefined {
  const managers = new Map<string, OwnedFields>();
  const times = new Map<string, string>();
  for (const entry of entries ?? []) {
    const { manager = "", operation, apiVersion = "", subresource = "", time, fieldsType, fieldsV1 } = entry;
    if ((operation !== "Apply" && operation !== "Update") || fieldsType !== "FieldsV1") return undefined;
    const id = managerId({ manager, operation, apiVersion, subresource });
    managers.set(id, { set: FieldSet.parse(fieldsV1 as Json), apiVersion, applied: operation === "Apply" });
    if (time !== undefined && time !== null) times.set(id, time);
  }
  return { managers, times };
}

/** True for `[]` and `[{}]`, by which clients clear managedFields. */
export function isReset(entries: readonly ManagedFieldsEntry[] | undefined): boolean {
  return entries?.length === 0 || (entries?.length === 1 && Object.keys(entries[0]!).length === 0);
}

/** The entries of an object, in upstream's order: operation, time, manager, version, subresource. */
export function encodeManagedFields({ managers, times }: Managed): readonly ManagedFieldsEntry[] {
  return [...managers].map(([id, owned]) => encodeEntry(id, owned, times.get(id))).sort(compareEntries);
}

function encodeEntry(id: string, owned: OwnedFields, time: string | undefined): ManagedFieldsEntry {
  const { manager, operation, subresource } = managerIdentity(id);
  return {
    manager,
    operation,
    apiVersion: owned.apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: "FieldsV1",
    fieldsV1: owned.set.toFieldsV1(),
    ...(subresource === "" ? {} : { subresource }),
  };
}

const ORDER = ["operation", "time", "manager", "apiVersion", "subresource"] as const;

function compareEntries(left: ManagedFieldsEntry, right: ManagedFieldsEntry): number {
  for (const key of ORDER) {
    const [a, b] = [left[key] ?? "", right[key] ?? ""];
    if (a !== b) return a < b ? -1 : 1;
  }
  return 0;
}

const MAX_UPDATERS = 10;
const ANCIENT = "ancient-changes";

/** Squashes the oldest updaters of a version into "ancient-changes" until at most ten entries are left. */
export function capUpdaters(managed: Managed): Managed {
  const managers = new Map(managed.managers);
  const times = new Map(managed.times);
  const updaters = [...managers.keys()].filter((id) => !managers.get(id)!.applied).sort(byAge(times));
  const firstOfVersion = new Map<string, string>();
  let count = updaters.length;
  for (const id of updaters) {
    if (count <= MAX_UPDATERS) break;
    const owned = managers.get(id)!;
    const { apiVersion } = owned;
    const bucket = managerId({ manager: ANCIENT, operation: "Update", apiVersion, subresource: "" });
    const earlier = firstOfVersion.get(apiVersion);
    if (earlier === undefined) {
      firstOfVersion.set(apiVersion, id);
      continue;
    }
    const set = (managers.get(bucket) ?? managers.get(earlier)!).set.union(owned.set);
    if (!managers.has(bucket)) managers.delete(earlier);
    managers.delete(id);
    managers.set(bucket, { ...owned, set });
    const time = times.get(id);
    if (time !== undefined) times.set(bucket, time);
    count--;
  }
  return { managers, times };
}

function byAge(times: ReadonlyMap<string, string>): (a: string, b: string) => number {
  return (a, b) => {
    const [left, right] = [times.get(a) ?? "", times.get(b) ?? ""];
    return left === right ? (a < b ? -1 : 1) : left < right ? -1 : 1;
  };
}
