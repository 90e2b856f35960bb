import { decodeUnstructured, type KubeObject } from "@tsukube/api";
import { createHttpTransport, lines, type Transport } from "@tsukube/client";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock, systemRandom } from "@tsukube/host";
import { createAuthorityKeys, createSigningKey, openAuthority } from "@tsukube/host/certificates";
import { MemoryStore } from "@tsukube/store";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startApiServer } from "../server.ts";

const lifetime = new Lifetime();
const paths = { configMaps: "/api/v1/namespaces/default/configmaps" };
let remote: Transport;
let local: Transport;

beforeAll(async () => {
  const ca = await createAuthorityKeys("ca", realClock, systemRandom);
  const authority = await openAuthority(ca, realClock, systemRandom);
  const serving = await authority.issue({ commonName: "s", sans: ["127.0.0.1"], usages: ["server"] });
  const server = await startApiServer({
    openStore: async () => new MemoryStore({ clock: realClock }),
    clock: realClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: createMetrics(),
    serviceAccountKey: await createSigningKey(),
    serviceCidr: "10.160.0.0/16",
    nodePorts: { first: 30000, last: 32767 },
    advertise: { address: "127.0.0.1", port: 6443 },
    tls: { ...serving, clientCa: ca.cert },
  });
  lifetime.own("server", server);
  const port = await server.listen("127.0.0.1", 0);
  const who = { commonName: "admin", organizations: ["system:masters"] };
  const clientCertificate = await authority.issue({ ...who, usages: ["client"] });
  remote = createHttpTransport({ server: `https://127.0.0.1:${port}`, ca: ca.cert, clientCertificate }, realClock);
  lifetime.own("transport", remote);
  local = server.transport({ name: "admin", groups: who.organizations, extra: {} });
});
afterAll(() => lifetime.close());

async function send(method: string, path: string, body: object): Promise<void> {
  const headers = {
    "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json",
    "content-length": String(JSON.stringify(body).length),
  };
  const answer = await remote.request({ method, path, headers, body: Buffer.from(JSON.stringify(body)) });
  const pieces: Uint8Array[] = [];
  for await (const piece of answer.body as AsyncIterable<Uint8Array>) pieces.push(piece);
  if (answer.status >= 300) throw new Error(Buffer.concat(pieces).toString());
}

interface Event {
  readonly type: string;
  readonly object: {
    readonly metadata: { readonly name: string; readonly resourceVersion?: string };
    readonly data?: Readonly<Record<string, string>>;
  };
}

/** Reads `count` events; `meanwhile` runs when the first one has come. */
async function events(transport: Transport, query: string, count: number, meanwhile: () => Promise<void>) {
  const end = new AbortController();
  const path = `${paths.configMaps}?watch=1&${query}`;
  const { body } = await transport.request({ method: "GET", path, headers: {}, signal: end.signal });
  const seen: Event[] = [];
  let rest = Buffer.alloc(0);
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    rest = Buffer.concat([rest, piece]);
    for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
      seen.push(decodeUnstructured<Event>(rest.subarray(0, at)).object);
      rest = rest.subarray(at + 1);
      if (seen.length === 1) void meanwhile();
    }
    if (seen.length >= count) break;
  }
  end.abort();
  return seen;
}

/** Of the events until the end or until number `last`: their numbers, and the resourceVersion of the newest. */
async function numbersOf(
  watch: AsyncIterator<Uint8Array>,
  last: number,
  first?: Uint8Array,
): Promise<readonly [number[], string]> {
  const numbers: number[] = [];
  let version = "0";
  let rest = Buffer.alloc(0);
  let next: IteratorResult<Uint8Array> = first === undefined ? await watch.next() : { value: first };
  for (; next.done !== true; next = await watch.next()) {
    rest = Buffer.concat([rest, next.value]);
    for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
      const { object } = decodeUnstructured<Event>(rest.subarray(0, at)).object;
      rest = rest.subarray(at + 1);
      numbers.push(Number(object.data?.["i"]));
      version = object.metadata.resourceVersion ?? "";
    }
    if (numbers.at(-1) === last) break;
  }
  await watch.return?.();
  return [numbers, version];
}

const shown = ({ type, object }: Event): string => `${type} ${object.metadata.name}`;

describe.each(["over the wire", "in process"])("a watch %s", (where) => {
  const transport = (): Transport => (where === "in process" ? local : remote);
  const prefix = where === "in process" ? "l" : "r";
  const configMap = (name: string, data: Readonly<Record<string, string>> = {}): object => ({
    metadata: { name: `${prefix}-${name}`, labels: { test: prefix } },
    data,
  });

  test("of one object by name begins with it and hears of it alone", async () => {
    await send("POST", paths.configMaps, configMap("one"));
    await send("POST", paths.configMaps, configMap("one-more"));
    const seen = await events(transport(), `fieldSelector=metadata.name%3D${prefix}-one`, 3, async () => {
      await send("PATCH", `${paths.configMaps}/${prefix}-one-more`, { data: { a: "b" } });
      await send("PATCH", `${paths.configMaps}/${prefix}-one`, { data: { a: "b" } });
      await send("DELETE", `${paths.configMaps}/${prefix}-one`, {});
    });
    expect(seen.map(shown)).toEqual([`ADDED ${prefix}-one`, `MODIFIED ${prefix}-one`, `DELETED ${prefix}-one`]);
  });

  test("brings many large events whole and in order, however the client reads", async () => {
    const name = `${prefix}-large`;
    await send("POST", paths.configMaps, configMap("large"));
    const seen = await events(transport(), `fieldSelector=metadata.name%3D${name}`, 31, async () => {
      for (let i = 0; i < 30; i += 1)
        await send("PATCH", `${paths.configMaps}/${name}`, {
          data: { i: String(i), filler: `${i % 10}`.repeat(90_000) },
        });
    });
    expect(seen.slice(1).map(({ object }) => object.data?.["i"])).toEqual(Array.from({ length: 30 }, (_, i) => `${i}`));
    expect(seen.slice(1).every(({ object }, i) => object.data?.["filler"] === `${i % 10}`.repeat(90_000))).toBe(true);
  });

  test("that is too far behind ends, and goes on from what was read last without a gap", async () => {
    const name = `${prefix}-slow`;
    const last = 100;
    await send("POST", paths.configMaps, configMap("slow", { i: "0" }));
    const watch = async (query: string): Promise<AsyncIterator<Uint8Array>> => {
      const path = `${paths.configMaps}?watch=1&fieldSelector=metadata.name%3D${name}${query}`;
      const { body } = await transport().request({ method: "GET", path, headers: {} });
      return (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    };
    const slow = await watch("");
    const first = await slow.next();
    for (let i = 1; i <= last; i += 1)
      await send("PATCH", `${paths.configMaps}/${name}`, { data: { i: String(i), filler: "x".repeat(300_000) } });
    const [before, version] = await numbersOf(slow, last, first.value);
    expect(before.at(-1) ?? 0).toBeLessThan(last); // it was not kept for whoever does not read
    const [after] = await numbersOf(await watch(`&resourceVersion=${version}`), last);
    expect([...before, ...after]).toEqual(Array.from({ length: last + 1 }, (_, i) => i));
  });

  test("begins with a state of many chunks", async () => {
    for (let i = 0; i < 12; i += 1)
      await send("POST", paths.configMaps, configMap(`bulk-${i}`, { filler: "x".repeat(90_000) }));
    const seen = await events(transport(), `labelSelector=test%3D${prefix}`, 12, async () => {});
    const bulk = seen.filter(({ object }) => object.metadata.name.startsWith(`${prefix}-bulk`));
    expect(bulk.length).toBeGreaterThanOrEqual(10);
    expect(bulk.every(({ object }) => object.data?.["filler"]?.length === 90_000)).toBe(true);
  });
});

test("metadata that is taken from what is stored is that of the object, with its revision, live or not", async () => {
  const annotations = { quote: 'x"y', umlaut: "ä" };
  await send("POST", paths.configMaps, {
    metadata: { name: "told", annotations, finalizers: ["example.com/f"] },
    data: { k: "v" },
  });
  const end = new AbortController();
  const told = async (accept: string) => {
    const path = `${paths.configMaps}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&fieldSelector=metadata.name=told`;
    const { body } = await local.request({ method: "GET", path, headers: { accept }, signal: end.signal });
    return lines(body);
  };
  const streams = [
    await told("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"),
    await told("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1beta1"),
    await told("application/json"),
  ];
  const next = async (stream: AsyncIterator<Uint8Array>) =>
    decodeUnstructured<{ type: string; object: object }>((await stream.next()).value).object;
  const both = async () => {
    const [lean, decoded, whole] = await Promise.all(streams.map(next));
    const { metadata } = (whole?.object ?? {}) as KubeObject;
    expect(lean).toEqual({
      type: whole?.type,
      object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata },
    });
    expect(decoded).toEqual({ type: whole?.type, object: { ...lean?.object, apiVersion: "meta.k8s.io/v1beta1" } });
    return [whole?.type, metadata?.generation, metadata?.deletionTimestamp !== undefined];
  };
  expect((await both())[0]).toBe("ADDED");
  await send("PATCH", `${paths.configMaps}/told`, { data: { k: "w" } });
  expect((await both())[0]).toBe("MODIFIED");
  await send("DELETE", `${paths.configMaps}/told`, {});
  expect(await both()).toEqual(["MODIFIED", undefined, true]);
  await send("PATCH", `${paths.configMaps}/told`, { metadata: { finalizers: null } });
  expect((await both())[0]).toBe("DELETED");
  end.abort();
});
