import type { Json } from "@tsukube/api";
import type { Scenario, Send } from "../exchange.ts";
import { collectionPath, labelOf, movedTo, type Sample, storedSamples } from "../samples.ts";
import { namespaceFor, PATCHES, settled } from "./lifecycle.ts";

/** Upstream's controllers in the server write into them in between. */
const WRITTEN_BY_SERVERS = /^(?:nodes|customresourcedefinitions|apiservices|flowschemas)$/;

type Tree = Readonly<Record<string, Json>>;

/** What several clients do to one object of every kind: managers that apply parts of it, and patches with every directive. */
export function sharedObjectScenarios(): readonly Scenario[] {
  const samples = storedSamples().filter(({ resource }) => !WRITTEN_BY_SERVERS.test(resource.resource));
  return samples.flatMap((sample) => [
    {
      name: `managers of one of ${labelOf(sample)}`,
      isOff: sample.isOff,
      run: (send: Send) => managed(send, sample),
    },
    {
      name: `directives for one of ${labelOf(sample)}`,
      isOff: sample.isOff,
      run: (send: Send) => directed(send, sample),
    },
  ]);
}

/** The object in a namespace of its own, and where it is. */
async function placed(send: Send, sample: Sample, prefix: string) {
  const { resource } = sample;
  const namespace = resource.namespaced ? await namespaceFor(send, `${prefix}-${labelOf(sample)}`) : "";
  const { object } = movedTo(sample, namespace);
  const collection = collectionPath(resource, namespace);
  return { object, collection, path: `${collection}/${object.metadata?.name}` };
}

async function managed(send: Send, sample: Sample): Promise<void> {
  const { object, collection, path } = await placed(send, sample, "shared");
  if (object.metadata?.name === undefined) return; // nobody applies what has no name
  const { metadata: _metadata, status: _status, ...content } = object as unknown as Tree & { readonly status?: Json };
  const metadata = { name: object.metadata.name };
  const { apiVersion, kind, ...parts } = content as Tree;
  const apply = (manager: string, part: Tree, more = "", labels?: Tree) =>
    send({
      method: "PATCH",
      path: `${path}?fieldManager=${manager}${more}`,
      type: PATCHES.apply,
      body: { apiVersion, kind, metadata: { ...metadata, ...(labels !== undefined && { labels }) }, ...part },
      note: `${manager}: ${JSON.stringify(part).slice(0, 80)}`,
    });
  const half = halved(parts, 0) as Tree;
  const other = halved(parts, 1) as Tree;
  await send({ method: "DELETE", path: `${path}?gracePeriodSeconds=0` });
  await apply("one", parts, "", { a: "1", b: "1" });
  await apply("two", half, "", { b: "1", c: "1" });
  await apply("two", other, "", { b: "2" });
  await apply("two", other, "&force=true", { b: "2" });
  await apply("one", half);
  await apply("one", {});
  await apply("two", parts, "&force=true");
  await apply("one", parts, "&force=true");
  await send({ method: "PATCH", path: `${path}?fieldManager=three`, type: PATCHES.merge, body: other });
  await send({ method: "PATCH", path: `${path}?fieldManager=four`, type: PATCHES.strategic, body: half });
  const live = await send({ method: "GET", path });
  await send({ method: "PUT", path: `${path}?fieldManager=five`, body: live.object, note: "as it is" });
  await apply("two", {});
  await apply("one", {});
  await apply("one", parts);
  await send({ method: "GET", path: `${collection}?fieldSelector=metadata.name%3D${metadata.name}` });
  await send({ method: "DELETE", path: `${path}?gracePeriodSeconds=0` });
}

/** Every other member of each object, from the first or the second on, and of each list the first or last element. */
function halved(value: Json, from: 0 | 1): Json {
  if (Array.isArray(value)) {
    const item = (value as readonly Json[]).at(-from);
    return item === undefined ? [] : [item];
  }
  if (!isTree(value)) return value;
  const members = Object.entries(value);
  const kept = members.filter((_member, index) => members.length === 1 || index % 2 === from);
  return Object.fromEntries(kept.map(([name, member]) => [name, halved(member, from)]));
}

async function directed(send: Send, sample: Sample): Promise<void> {
  const { object, collection } = await placed(send, sample, "directed");
  const made = await send({ method: "POST", path: collection, body: object });
  const name = made.object.metadata?.name;
  if (name === undefined) return;
  const path = `${collection}/${name}`;
  await settled(sample.resource);
  const live = (await send({ method: "GET", path })).object as unknown as Tree;
  const { metadata: _metadata, apiVersion: _version, kind: _kind, status: _status, ...content } = live;
  for (const [at, value] of containersIn(content, []).slice(0, MOST))
    for (const patch of patchesOf(at.at(-1)!, value)) {
      const body = at.slice(0, -1).reduceRight<Json>((inner, member) => ({ [member]: inner }), patch);
      await send({ method: "PATCH", path: `${path}?dryRun=All`, type: PATCHES.strategic, body: body as object });
    }
  await send({ method: "DELETE", path: `${path}?gracePeriodSeconds=0` });
}

const MOST = 24;

/** Lists and maps that are members of objects, those within lists left out. */
function containersIn(value: Tree, at: readonly string[]): [readonly string[], Json][] {
  const found: [readonly string[], Json][] = [];
  for (const [name, member] of Object.entries(value)) {
    const here = [...at, name];
    if (Array.isArray(member)) found.push([here, member]);
    else if (isTree(member)) found.push([here, member], ...containersIn(member, here));
  }
  return found;
}

/** Members of the object that has a list or an object under this name. */
function patchesOf(name: string, value: Json): readonly Tree[] {
  if (!Array.isArray(value)) {
    const [first] = Object.entries(value as Tree).filter(([, member]) => member !== null);
    if (first === undefined) return [{ [name]: null }, { [name]: {} }];
    const [key, member] = first;
    return [
      { [name]: null },
      { [name]: {} },
      { [name]: { [key]: null } },
      { [name]: { $patch: "replace", [key]: member } },
      { [name]: { $patch: "delete" } },
      { [name]: { $retainKeys: [key], [key]: member } },
    ];
  }
  const items = value as readonly Json[];
  const [first] = items;
  if (first === undefined) return [{ [name]: null }, { [name]: [{}] }, { [name]: ["x"] }];
  if (!isTree(first))
    return [
      { [name]: null },
      { [name]: [] },
      { [name]: [first, first] },
      { [name]: [null] },
      { [`$deleteFromPrimitiveList/${name}`]: [first] },
      { [`$setElementOrder/${name}`]: items.toReversed(), [name]: [first] },
      { [`$setElementOrder/${name}`]: items.toReversed() },
    ];
  return [
    { [name]: null },
    { [name]: [] },
    { [name]: [first] },
    { [name]: [first, first] },
    { [name]: [{}] },
    { [name]: [{ ...first, $patch: "delete" }] },
    { [name]: [{ $patch: "replace" }] },
    { [name]: [first, { $patch: "replace" }] },
    { [name]: [{ ...first, $retainKeys: Object.keys(first) }] },
    { [`$setElementOrder/${name}`]: items.map(scalarsOf), [name]: [first] },
    { [`$setElementOrder/${name}`]: items.map(scalarsOf).toReversed() },
  ];
}

/** What elements may be told by. */
function scalarsOf(item: Json): Tree {
  return Object.fromEntries(Object.entries(item as Tree).filter(([, member]) => typeof member !== "object"));
}

function isTree(value: Json): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
