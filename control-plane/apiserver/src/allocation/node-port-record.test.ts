import { decodeJson, schemaOf, type Unstructured } from "@tsukube/api";
import type { RangeAllocation } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { CachedObject } from "../storage/cached-object.ts";
import { upstreamForm } from "../storage/upstream-form.ts";
import { NODE_PORT_RECORD, notedPorts, noting } from "./node-port-record.ts";

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
