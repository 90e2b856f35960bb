import { decodeJson, schemaOf, type Unstructured } from "@tsukube/api";
import type { RangeAllocation } from "@tsukube/api/types/core-v1";
import { silentLogger } from "@tsukube/foundation";
import { realClock } from "@tsukube/host";
import { MemoryStore, type OpenStore } from "@tsukube/store";
import { expect, test } from "vitest";
import { CachedObject } from "../storage/cached-object.ts";
import { upstreamForm } from "../storage/upstream-form.ts";
import { WatchCache } from "../storage/watch-cache.ts";
import { NODE_PORT_RECORD, notedPorts, noting, storedNodePorts } from "./node-port-record.ts";

const schema = schemaOf({ group: "", version: "v1", kind: "RangeAllocation" })!;
const range = { first: 30000, last: 32767 };

function cachedOf(mutation: ReturnType<typeof noting>): CachedObject {
  if (mutation.type !== "put") throw new Error("expected a put");
  const { key, value, index = new Uint8Array(0) } = mutation;
  return new CachedObject(
    { key, value, index, revision: 7, createRevision: 7 },
    (_key, bytes) => decodeJson<Unstructured>(bytes, schema, { collectProblems: false }).object,
  );
}

test("ports are the bits of one large number, the first port its lowest", () => {
  const cached = cachedOf(noting([30000, 30009, 32767], range, undefined));
  const { range: said, data } = cached.object as unknown as RangeAllocation;
  expect(said).toBe("30000-32767");
  const bytes = Buffer.from(data, "base64");
  expect([bytes.length, bytes.at(-1), bytes.at(-2), bytes[0]]).toEqual([346, 0b1, 0b10, 0b1000_0000]);
  expect([...notedPorts(cached)].sort()).toEqual([30000, 30009, 32767]);
  expect(noting([], range, cached).expected).toBe(7);
});

test("a record of another range is read by its own, and what has no place in the new one is left out", () => {
  const cached = cachedOf(noting([20000, 20130], { first: 20000, last: 20200 }, undefined));
  expect([...notedPorts(cached)]).toEqual([20000, 20130]);
  const next = cachedOf(noting(notedPorts(cached), { first: 20100, last: 20300 }, cached));
  expect([...notedPorts(next)]).toEqual([20130]);
});

test("in an etcd it lies as kube-apiserver keeps it", async () => {
  const written = noting([30001], range, undefined);
  if (written.type !== "put") throw new Error("expected a put");
  const stored = await upstreamForm.write(NODE_PORT_RECORD, written.value);
  expect(Buffer.from(stored).toString("latin1", 0, 4)).toBe("k8s\0");
  const read = await upstreamForm.read(NODE_PORT_RECORD, { value: stored, index: new Uint8Array(0) });
  expect(Buffer.from(read!.value)).toEqual(Buffer.from(written.value));
  // as upstream writes it: no metadata at all
  const bare = { kind: "RangeAllocation", apiVersion: "v1", range: "30000-32767", data: "Ag==" };
  const foreign = await upstreamForm.write(NODE_PORT_RECORD, Buffer.from(JSON.stringify(bare)));
  const shown = await upstreamForm.read(NODE_PORT_RECORD, { value: foreign, index: new Uint8Array(0) });
  const cached = cachedOf({ ...written, value: shown!.value, index: shown!.index });
  expect([...notedPorts(cached)]).toEqual([30001]);
});

test("the range that others noted is gone on with where others write too, and only there", async () => {
  class SharedStore extends MemoryStore {
    override readonly isShared: boolean = true;
  }
  const clock = realClock;
  for (const store of [new SharedStore({ clock }), new MemoryStore({ clock })]) {
    await store.commit([noting([29872], { first: 29872, last: 29999 }, undefined)]);
    const { records } = await store.range("");
    const open: OpenStore = async (visit) => {
      for (const record of records) visit(record);
      return store;
    };
    const decode = (_key: string, bytes: Uint8Array) =>
      decodeJson<Unstructured>(bytes, schema, { collectProblems: false }).object;
    const cache = await WatchCache.open(open, { decode, clock, logger: silentLogger });
    expect(storedNodePorts(cache)).toEqual(store.isShared ? { first: 29872, last: 29999 } : undefined);
    await cache.close();
  }
});
