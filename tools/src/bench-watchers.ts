import type { GroupVersionResource, KubeObject } from "@tsukube/api";
import { createClient } from "@tsukube/client";
import { realClock } from "@tsukube/host";
import { MemoryStore } from "@tsukube/store";
import { startCluster } from "@tsukube/testing";
import { hammer } from "./bench-hammer.ts";
import type { Measured } from "./bench-scenarios.ts";

const WATCHERS = 10_000;
/** With and without watchers take turns, so short that each has some in which the machine does nothing else. */
const TURNS = 80;
const TURN_MS = 40;
const WRITERS = 16;
/** How many hear of a write that concerns somebody, and of how many such writes. */
const AUDIENCES = [100, WATCHERS] as const;
const NEWS = 20;

/** Something that is written to and watched. */
interface Place {
  /** @param writer Each writes to something of its own, which nobody watches. */
  write(writer: number, key: string): Promise<unknown>;
  /** Watches what nobody writes to. */
  watchQuiet(index: number, signal: AbortSignal): Promise<AsyncIterable<unknown>>;
  watchNews(signal: AbortSignal): Promise<AsyncIterable<unknown>>;
  /** Changes what {@link watchNews} watches, once. */
  tell(key: string): Promise<unknown>;
  close(): Promise<void>;
}

/** What a write costs while ten thousand watch something else, and what it costs for each who hears of it. */
export async function watchers(): Promise<readonly Measured[]> {
  return [
    ...(await costs("store", async () => storePlace())),
    ...(await costs("ConfigMaps by name", () => apiPlace(CONFIG_MAPS, "metadata.name", configMap))),
    ...(await costs("pods by node", () => apiPlace(PODS, "spec.nodeName", pod))),
  ];
}

async function costs(name: string, open: () => Promise<Place>): Promise<readonly Measured[]> {
  const [alone, watched] = [await open(), await open()];
  const stop = new AbortController();
  try {
    for (let index = 0; index < WATCHERS; index += 1) hear(await watched.watchQuiet(index, stop.signal), () => {});
    const [without, beside] = await inTurns(alone, watched);
    const heard: Measured[] = [];
    for (const size of AUDIENCES)
      heard.push({
        what: `${name}: an event for ${size}, each`,
        value: await costOfHearing(watched, size),
        unit: "µs CPU",
      });
    return [
      { what: `${name}: a write, nobody watches`, value: without, unit: "µs CPU" },
      { what: `${name}: a write, ${WATCHERS} watch others`, value: beside, unit: "µs CPU" },
      { what: `${name}: cost of those`, value: (beside / without - 1) * 100, unit: "%", goal: "< 5" },
      ...heard,
    ];
  } finally {
    stop.abort();
    await Promise.all([alone.close(), watched.close()]);
  }
}

/** Microseconds of CPU a write: the least of the turns of each, as whatever else the machine does only adds to it. */
async function inTurns(alone: Place, watched: Place): Promise<readonly [number, number]> {
  let [without, beside] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let turn = 0; turn < TURNS; turn += 1) {
    without = Math.min(without, await costOfWrites(alone, turn));
    beside = Math.min(beside, await costOfWrites(watched, turn));
  }
  return [without, beside];
}

async function costOfWrites(place: Place, turn: number): Promise<number> {
  let writes = 0;
  const cost = await cpuOf(async () => {
    writes = await hammer(WRITERS, (key) => place.write(Number(key.split("/")[2]), `${key}/${turn}`), TURN_MS);
  });
  return cost / writes;
}

/** Microseconds of CPU an event that somebody hears of, with its part of the writes. */
async function costOfHearing(place: Place, size: number): Promise<number> {
  const stop = new AbortController();
  let missing = 0;
  let all = (): void => {};
  const heard = (): void => {
    missing -= 1;
    if (missing === 0) all();
  };
  for (let index = 0; index < size; index += 1) hear(await place.watchNews(stop.signal), heard);
  const tell = async (count: number, what: string): Promise<void> => {
    for (let index = 0; index < count; index += 1) {
      const { promise, resolve } = Promise.withResolvers<void>();
      missing = size;
      all = resolve;
      await place.tell(`${what}-${size}-${index}`);
      await promise;
    }
  };
  await tell(3, "warm");
  const cost = await cpuOf(() => tell(NEWS, "news"));
  stop.abort();
  return cost / (NEWS * size);
}

async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function hear(events: AsyncIterable<unknown>, heard: () => void): void {
  void (async () => {
    for await (const event of events) if (!isProgress(event)) heard();
  })().catch(() => {}); // its end
}

function isProgress(event: unknown): boolean {
  return (event as { readonly type?: string }).type === "progress";
}

function storePlace(): Place {
  const store = new MemoryStore({ clock: realClock });
  const put = (key: string) => store.commit([{ type: "put", key, value: Buffer.alloc(1024, key), expected: "any" }]);
  return {
    write: (writer) => put(`/busy/${writer}`),
    watchQuiet: async (index, signal) => store.watch(`/quiet/${index}/`, store.revision, signal),
    watchNews: async (signal) => store.watch("/news/", store.revision, signal),
    tell: () => put("/news/today"),
    close: () => store.close(),
  };
}

const CONFIG_MAPS = { group: "", version: "v1", resource: "configmaps" };
const ACCOUNTS = { group: "", version: "v1", resource: "serviceaccounts" };
const PODS = { group: "", version: "v1", resource: "pods" };
const FILLER = "x".repeat(700);

function configMap(name: string): KubeObject {
  return { metadata: { name, annotations: { filler: FILLER } } } as KubeObject;
}

/** On a node of its name. */
function pod(name: string): KubeObject {
  const spec = { nodeName: name, automountServiceAccountToken: false, containers: [{ name: "c", image: "i" }] };
  return { ...configMap(name), spec } as KubeObject;
}

async function apiPlace(
  resource: GroupVersionResource,
  field: string,
  object: (name: string) => KubeObject,
): Promise<Place> {
  const cluster = await startCluster();
  const client = createClient(cluster.transport, { userAgent: "bench" });
  // no controller makes it here, and pods want it
  await client.resource(ACCOUNTS, "default").create({ metadata: { name: "default" } });
  const objects = client.resource(resource, "default");
  for (let writer = 0; writer < WRITERS; writer += 1) await objects.create(object(`busy-${writer}`));
  let { metadata } = await objects.create(object("news"));
  const patch = (name: string, value: string) =>
    objects.patch(name, { type: "merge", body: { metadata: { annotations: { value } } } });
  const watch = async (name: string, signal: AbortSignal): Promise<AsyncIterable<unknown>> => {
    const query = `watch=1&fieldSelector=${field}%3D${name}&resourceVersion=${metadata?.resourceVersion}`;
    const path = `/api/v1/namespaces/default/${resource.resource}?${query}`;
    const { status, body } = await cluster.transport.request({ method: "GET", path, headers: {}, signal });
    if (status !== 200) throw new Error(`Cannot watch "${path}": status ${status}, expected 200`);
    return body as AsyncIterable<unknown>;
  };
  return {
    write: (writer, key) => patch(`busy-${writer}`, key),
    watchQuiet: (index, signal) => watch(`quiet-${index}`, signal),
    watchNews: async (signal) => watch("news", signal),
    async tell(key) {
      ({ metadata } = await patch("news", key));
    },
    close: () => cluster.close(),
  };
}
