import { isDeepStrictEqual } from "node:util";
import { realClock } from "@tsukube/host";
import type { Api, Item, Resource } from "./api.ts";

/** Not stored: each server says how it is itself. */
const NOT_STORED = /\/componentstatuses$/;
/** How often what differs is looked at again: controllers write meanwhile, and a list of the one is a moment older. */
const LOOKS = 20;

export interface Compared {
  /** Objects that both show alike. */
  readonly alike: number;
  readonly differences: readonly string[];
}

/** Every object of every kind that either of two servers of one store shows. */
export async function compare(one: Api, other: Api): Promise<Compared> {
  const [ours, theirs] = [await stored(one), await stored(other)];
  const differences = [...missing(one, ours, theirs), ...missing(other, theirs, ours)];
  let alike = 0;
  for (const resource of ours.filter(({ path }) => theirs.some((same) => same.path === path))) {
    const result = await compareOne(one, other, resource);
    alike += result.alike;
    differences.push(...result.differences);
  }
  return { alike, differences };
}

/** What a server shows, by path and name. */
export type View = ReadonlyMap<string, Item>;

/** @param after What the server before showed: definitions are served a moment after a server is ready. */
export async function viewOf(server: Api, after: View = new Map()): Promise<View> {
  const expected = new Set([...after.keys()].map((where) => where.split(" ")[0]));
  for (let look = 1; ; look += 1) {
    const resources = await stored(server);
    const isWhole = [...expected].every((path) => resources.some((resource) => resource.path === path));
    if (!isWhole && look < LOOKS) {
      await realClock.sleep(250);
      continue;
    }
    const lists = await Promise.all(resources.map((resource) => server.list(resource)));
    const items = lists.map((list, index) =>
      [...list].map(([name, item]) => [`${resources[index]?.path} ${name}`, item] as const),
    );
    return new Map(items.flat());
  }
}

/** What the next server of a store shows otherwise than the one before did, where it was not written since. */
export function compareViews(before: View, after: View): Compared & { readonly written: readonly string[] } {
  const differences: string[] = [];
  const written: string[] = [];
  let alike = 0;
  for (const [where, item] of before) {
    const twin = after.get(where);
    if (isDeepStrictEqual(item, twin)) alike += 1;
    else if (twin !== undefined && twin.metadata.resourceVersion !== item.metadata.resourceVersion) written.push(where);
    else differences.push(`${where}\n  before: ${JSON.stringify(item)}\n  after: ${JSON.stringify(twin)}`);
  }
  return { alike, differences, written };
}

async function stored(server: Api): Promise<readonly Resource[]> {
  return (await server.resources()).filter(({ path }) => !NOT_STORED.test(path));
}

function missing(server: Api, has: readonly Resource[], other: readonly Resource[]): readonly string[] {
  const there = new Set(other.map(({ path }) => path));
  return has.filter(({ path }) => !there.has(path)).map(({ path }) => `${path}: only ${server.name} serves it`);
}

async function compareOne(one: Api, other: Api, resource: Resource): Promise<Compared> {
  for (let look = 1; ; look += 1) {
    const [here, there] = await Promise.all([one.list(resource), other.list(resource)]);
    const names = [...new Set([...here.keys(), ...there.keys()])];
    const different = names.filter((name) => !isDeepStrictEqual(here.get(name), there.get(name)));
    if (different.length === 0 || look === LOOKS)
      return {
        alike: names.length - different.length,
        differences: different.map((name) => {
          const [a, b] = [JSON.stringify(here.get(name)), JSON.stringify(there.get(name))];
          return `${resource.path} ${name}\n  ${one.name}: ${a}\n  ${other.name}: ${b}`;
        }),
      };
    await realClock.sleep(250);
  }
}
