import type { Unstructured } from "@tsukube/api";
import type { ManagedFieldsEntry } from "@tsukube/api/types/meta-v1";
import { type Leaf, leavesOf, type Step, textOf } from "./leaves.ts";

/** An object as it was from a revision on. */
export interface ObjectVersion {
  readonly revision: number;
  /** ms since the epoch; undefined when the store does not know it any more. */
  readonly time: number | undefined;
  readonly object: Unstructured;
}

/** Who gave a field the value that it has. */
export interface Blame {
  readonly path: string;
  readonly value: string;
  /** The manager, with the subresource through which it wrote: "kube-scheduler/status"; "?" when nobody says. */
  readonly who: string;
  /** ms since the epoch; undefined: not known. */
  readonly time: number | undefined;
  /** undefined: before what is remembered. */
  readonly revision: number | undefined;
}

/**
 * Who changed what when. History says at which revision a value came; the entry of managedFields that changed with it says whose write
 * that was. What is older than history is told from managedFields alone.
 * @param versions Oldest first, at least one.
 * @param isWhole Whether the first is how the object was made.
 */
export function blame(versions: readonly ObjectVersion[], isWhole: boolean): readonly Blame[] {
  let known = new Map<string, Blame>();
  let before: ObjectVersion | undefined;
  for (const version of versions) {
    const next = new Map<string, Blame>();
    for (const [path, leaf] of leavesOf(version.object)) {
      const value = textOf(leaf.value);
      const last = known.get(path);
      if (last?.value === value) next.set(path, last);
      else next.set(path, { path, value, ...origin(leaf, version, before, isWhole) });
    }
    known = next;
    before = version;
  }
  return [...known.values()];
}

function origin(
  leaf: Leaf,
  version: ObjectVersion,
  before: ObjectVersion | undefined,
  isWhole: boolean,
): Pick<Blame, "who" | "time" | "revision"> {
  const entries = entriesOf(version.object);
  if (before === undefined && !isWhole) {
    const owner = newest(entries.filter((entry) => owns(entry.fieldsV1, leaf.steps)));
    return { who: nameOf(owner), time: timeOf(owner), revision: undefined };
  }
  const old = new Set(entriesOf(before?.object).map((entry) => JSON.stringify(entry)));
  const changed = entries.filter((entry) => !old.has(JSON.stringify(entry)));
  const owners = changed.filter((entry) => owns(entry.fieldsV1, leaf.steps));
  const writer = newest(owners) ?? newest(changed);
  return { who: nameOf(writer), time: version.time ?? timeOf(writer), revision: version.revision };
}

function entriesOf(object: Unstructured | undefined): readonly ManagedFieldsEntry[] {
  return (object?.metadata?.managedFields ?? []) as readonly ManagedFieldsEntry[];
}

function nameOf(entry: ManagedFieldsEntry | undefined): string {
  if (entry === undefined) return "?";
  const { manager = "?", subresource = "" } = entry;
  return subresource === "" ? manager : `${manager}/${subresource}`;
}

function timeOf(entry: ManagedFieldsEntry | undefined): number | undefined {
  return entry?.time === undefined || entry.time === null ? undefined : Date.parse(String(entry.time));
}

function newest(entries: readonly ManagedFieldsEntry[]): ManagedFieldsEntry | undefined {
  return [...entries].sort((a, b) => (timeOf(b) ?? 0) - (timeOf(a) ?? 0))[0];
}

type FieldsV1 = { readonly [step: string]: FieldsV1 };

/** Whether a set of fields (KEP-555) has the one that `steps` lead to. A set that ends before owns all below. */
function owns(fields: unknown, steps: readonly Step[]): boolean {
  let at = fields as FieldsV1 | undefined | null;
  for (const step of steps) {
    if (at === undefined || at === null) return false;
    if (Object.keys(at).every((key) => key === ".")) return true;
    at = "field" in step ? at[`f:${step.field}`] : itemIn(at, step);
  }
  return at !== undefined && at !== null;
}

function itemIn(fields: FieldsV1, { index, item }: Extract<Step, { index: number }>): FieldsV1 | undefined {
  for (const [key, below] of Object.entries(fields)) {
    if (key === `i:${index}` || key === `v:${JSON.stringify(item)}`) return below;
    if (!key.startsWith("k:")) continue;
    const wanted = Object.entries(JSON.parse(key.slice(2)) as Readonly<Record<string, unknown>>);
    const own = item as Readonly<Record<string, unknown>> | null;
    if (wanted.every(([name, value]) => String(own?.[name]) === String(value))) return below;
  }
  return undefined;
}
