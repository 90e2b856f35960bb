import { decodeUnstructured, encodeUnstructuredText, encodeYaml, type Unstructured } from "@tsukube/api";
import { formatTime, TsukubeError } from "@tsukube/foundation";
import type { StoredRecord } from "@tsukube/store";
import { type Past, versionsOf } from "@tsukube/store/past";
import { blame } from "../past/blame.ts";
import { differences, type FieldChange, leavesOf, pathByPlaces, textOf } from "../past/leaves.ts";
import { revisionNamed } from "../past/moment.ts";
import { namedObject } from "../past/named-object.ts";
import { withPast } from "../past/open-past.ts";
import { keyOf, type StoredResource, storedResource } from "../past/stored-resource.ts";
import type { CommandContext } from "./context.ts";
import { table } from "./table.ts";

export interface GetOptions {
  readonly at?: string;
  readonly namespace: string;
  readonly allNamespaces: boolean;
  readonly output: "yaml" | "json" | "name" | "manifest";
  readonly showManagedFields: boolean;
}

/** Words of a command that name objects: a kind and perhaps a name, or both as "deployment/web". */
type Words = readonly (string | undefined)[];

/** Shows objects as they were. */
export async function getPast(context: CommandContext, words: Words, options: GetOptions): Promise<void> {
  const { kind = "", name } = namedObject(words);
  await withPast(context, async (past) => {
    const at = options.at === undefined ? past.revision : await revisionNamed(past, options.at, context.clock.now());
    const resource = await storedResource(past, at, kind);
    const objects =
      name === undefined
        ? (await past.range(prefixOf(resource, options), at)).map(objectOf)
        : [objectOf(await one(past, resource, options.namespace, name, at))];
    for (const [index, object] of objects.entries()) {
      if (options.output === "yaml" && index > 0) context.print("---");
      context.print(shown(object, resource, options));
    }
    if (objects.length === 0) context.progress.say(`No ${resource.resource} were there at revision ${at}.`);
  });
}

export interface DiffOptions {
  readonly from: string;
  readonly to?: string;
  readonly namespace?: string;
  readonly output: "text" | "json";
}

interface ObjectChange {
  readonly change: "added" | "deleted" | "changed";
  readonly key: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: number | undefined;
  readonly fields: readonly FieldChange[];
}

/** What changed between two moments: of all objects, of a kind, or of one. */
export async function diffPast(context: CommandContext, words: Words, options: DiffOptions): Promise<void> {
  const { kind, name } = namedObject(words);
  await withPast(context, async (past) => {
    const now = context.clock.now();
    const from = await revisionNamed(past, options.from, now);
    const to = options.to === undefined ? past.revision : await revisionNamed(past, options.to, now);
    const resource = kind === undefined ? undefined : await storedResource(past, Math.max(from, to), kind);
    const prefix = resource === undefined ? "/registry/" : prefixOf(resource, { namespace: options.namespace ?? "" });
    const changes = (await changesBetween(past, prefix, from, to)).filter(
      (change) =>
        (options.namespace === undefined || change.namespace === options.namespace) &&
        (name === undefined || change.name === name),
    );
    if (name !== undefined && changes.length === 0) await expectThere(past, prefix, name, from, to);
    if (options.output === "json") context.print(encodeUnstructuredText({ from, to, changes: changes as never }));
    else {
      for (const change of changes) printChange(context, change);
      const differ = changes.length === 1 ? "1 object differs" : `${changes.length} objects differ`;
      context.progress.say(`${differ} between revisions ${from} and ${to}.`);
    }
  });
}

/** Nothing differs, but it has to be there. @throws {TsukubeError} `not-found`. */
async function expectThere(past: Past, prefix: string, name: string, from: number, to: number): Promise<void> {
  if ((await past.range(prefix, to)).some(({ key }) => key.endsWith(`/${name}`))) return;
  throw new TsukubeError("not-found", `Cannot find "${name}": it was there neither at revision ${from} nor at ${to}`);
}

export interface BlameOptions {
  readonly namespace: string;
  readonly output: "text" | "json";
}

/** Who gave the fields of an object their values, and when. @param words May end in a field. */
export async function blamePast(context: CommandContext, words: Words, options: BlameOptions): Promise<void> {
  const { kind = "", name, rest: field } = namedObject(words, true);
  if (name === undefined) throw new TsukubeError("usage", `Cannot blame "${kind}": no name, expected "${kind}/NAME"`);
  await withPast(context, async (past) => {
    const resource = await storedResource(past, past.revision, kind);
    await one(past, resource, options.namespace, name, past.revision);
    const records = [...(await versionsOf(past, keyOf(resource, options.namespace, name)))].reverse();
    const versions = records.map((record) => ({
      revision: record.revision,
      time: past.timeOf(record.revision),
      object: objectOf(record),
    }));
    const wanted = field?.replace(/^\./, "") ?? "";
    const all = blame(versions, records[0]?.revision === records[0]?.createRevision);
    const leaves = leavesOf(versions.at(-1)?.object);
    const found = all.filter(({ path }) => isWithin(path, wanted) || isWithin(pathByPlaces(leaves.get(path)!), wanted));
    if (found.length === 0) {
      const near = nearest(
        all.map(({ path }) => path),
        wanted,
      );
      throw new TsukubeError(
        "not-found",
        `Cannot find field "${field}" of ${resource.resource} "${name}": not set, expected such as ${near}`,
      );
    }
    if (options.output === "json") context.print(JSON.stringify(found, undefined, 2));
    else {
      const rows = found.map(({ path, value, who, time, revision }) => [
        path,
        value.length > 60 ? `${value.slice(0, 57)}...` : value,
        who,
        time === undefined ? "?" : formatTime(time),
        revision === undefined ? "before" : String(revision),
      ]);
      for (const line of table([["FIELD", "VALUE", "WHO", "WHEN", "REVISION"], ...rows])) context.print(line);
    }
  });
}

function isWithin(path: string, field: string): boolean {
  return field === "" || path === field || (path.startsWith(field) && /[.[]/.test(path[field.length]!));
}

/** The path that begins as the wanted one for longest. */
function nearest(paths: readonly string[], wanted: string): string {
  const shared = (path: string): number => {
    let length = 0;
    while (length < wanted.length && path[length] === wanted[length]) length += 1;
    return length;
  };
  return paths.reduce((best, path) => (shared(path) > shared(best) ? path : best), "spec.replicas");
}

function prefixOf(
  { prefix, namespaced }: StoredResource,
  { namespace, allNamespaces = false }: { readonly namespace: string; readonly allNamespaces?: boolean },
): string {
  return namespaced && !allNamespaces && namespace !== "" ? `${prefix}${namespace}/` : prefix;
}

async function one(
  past: Past,
  resource: StoredResource,
  namespace: string,
  name: string,
  at: number,
): Promise<StoredRecord> {
  const record = await past.get(keyOf(resource, namespace, name), at);
  if (record !== undefined) return record;
  const where = resource.namespaced ? ` in namespace "${namespace}"` : "";
  throw new TsukubeError(
    "not-found",
    `Cannot find ${resource.resource} "${name}"${where} at revision ${at}: it was not there`,
  );
}

function objectOf(record: StoredRecord): Unstructured {
  const { object } = decodeUnstructured<Unstructured>(record.value, { collectProblems: false });
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(record.revision) } };
}

function shown(object: Unstructured, { resource }: StoredResource, options: GetOptions): string {
  const { managedFields, ...metadata } = object.metadata ?? {};
  if (options.output === "name") return `${resource}/${metadata.name}`;
  if (options.output === "manifest") return yamlOf(wishesOf(object));
  const whole = options.showManagedFields ? object : { ...object, metadata };
  return options.output === "json" ? encodeUnstructuredText(whole as never) : yamlOf(whole);
}

/** What people ask for, without what servers answered: to be applied again, whatever is there now. */
function wishesOf({ status: _, metadata, ...rest }: Unstructured): Unstructured {
  const { name, namespace, labels, annotations, finalizers, ownerReferences } = metadata ?? {};
  const wished = { name, namespace, labels, annotations, finalizers, ownerReferences };
  return { ...rest, metadata: Object.fromEntries(Object.entries(wished).filter(([, value]) => value !== undefined)) };
}

function yamlOf(object: Unstructured): string {
  return Buffer.from(encodeYaml(object, undefined)).toString().trimEnd();
}

async function changesBetween(past: Past, prefix: string, from: number, to: number): Promise<readonly ObjectChange[]> {
  const [before, after] = await Promise.all([past.range(prefix, from), past.range(prefix, to)]);
  const old = new Map(before.map((record) => [record.key, record]));
  const changes = after.flatMap((record): ObjectChange[] => {
    const was = old.get(record.key);
    old.delete(record.key);
    return was?.revision === record.revision ? [] : [changeOf(was, record)];
  });
  const gone = [...old.values()].map((record) => changeOf(record, undefined));
  return [...changes, ...gone].sort((a, b) => (a.key < b.key ? -1 : 1));
}

function changeOf(before: StoredRecord | undefined, after: StoredRecord | undefined): ObjectChange {
  const record = (after ?? before)!;
  const object = objectOf(record);
  const isAnew = before === undefined || after === undefined;
  return {
    change: before === undefined ? "added" : after === undefined ? "deleted" : "changed",
    key: record.key,
    kind: object.kind ?? "?",
    namespace: object.metadata?.namespace ?? "",
    name: object.metadata?.name ?? "",
    revision: after?.revision,
    fields: isAnew ? [] : differences(leavesOf(objectOf(before)), leavesOf(object)),
  };
}

const SIGNS = { added: "+", deleted: "-", changed: "~" } as const;

function printChange(
  { print }: CommandContext,
  { change, kind, namespace, name, revision, fields }: ObjectChange,
): void {
  const where = namespace === "" ? name : `${namespace}/${name}`;
  print(`${SIGNS[change]} ${kind} ${where}${revision === undefined ? "" : ` (revision ${revision})`}`);
  for (const { path, from, to } of fields) {
    if (from !== undefined) print(`    - ${path}: ${textOf(from)}`);
    if (to !== undefined) print(`    + ${path}: ${textOf(to)}`);
  }
}
