import { decodeJson, schemaOf, type Unstructured } from "@tsukube/api";
import { silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock } from "@tsukube/host";
import { MemoryStore } from "@tsukube/store";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Registry } from "../registry/registry.ts";
import { encodeStored, ObjectStore } from "./object-store.ts";
import { StorageMetrics } from "./storage-metrics.ts";
import { WatchCache } from "./watch-cache.ts";

const schema = schemaOf({ group: "", version: "v1", kind: "Pod" })!;
const pods = new Registry().get("", "v1", "pods")!;

const TEXT = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 5 }),
  fc.constantFrom('"', "\\", "<&>", "\u2028", "é", "{}"),
);
const LABELS = fc.dictionary(TEXT, TEXT, { maxKeys: 2 });
const MEMBERS = fc.record(
  {
    metadata: fc.record({ labels: LABELS, annotations: LABELS }),
    spec: fc.record({ nodeSelector: LABELS, containers: fc.array(fc.record({ name: TEXT, args: fc.array(TEXT) })) }),
    status: fc.record({
      message: TEXT,
      conditions: fc.array(fc.record({ type: TEXT, status: TEXT }), { maxLength: 2 }),
    }),
  },
  { requiredKeys: [] },
);

test("what is written anew over the bytes before is what is written without them", async () => {
  const memory = new MemoryStore({ clock: realClock });
  const decode = (_key: string, bytes: Uint8Array): Unstructured => decodeJson<Unstructured>(bytes, schema).object;
  const cache = await WatchCache.open(async () => memory, { decode, clock: realClock, logger: silentLogger });
  const store = new ObjectStore(cache, new StorageMetrics(createMetrics(), realClock));
  let count = 0;
  const key = (): string => store.keyOf(pods, "n", `pod-${count}`);
  const run = fc.asyncProperty(fc.array(MEMBERS, { minLength: 1, maxLength: 5 }), async (steps) => {
    count += 1;
    const identity = { namespace: "n", name: `pod-${count}`, uid: `u-${count}` };
    let shared = 0;
    for (const { metadata, ...members } of steps) {
      let wanted: Unstructured = {};
      await store.update(pods, key(), async (live) => {
        const own = metadata === undefined ? live?.metadata : metadata;
        wanted = { kind: "Pod", apiVersion: "v1", ...live, ...members, metadata: { ...own, ...identity } };
        return { type: "put", object: wanted };
      });
      shared += cache.get(key())!.sharedTexts(wanted).size;
      expect(Buffer.from(cache.get(key())!.stored).toString()).toBe(
        Buffer.from(encodeStored(pods, wanted).value).toString(),
      );
    }
    const some = steps.some(({ spec, status }) => spec !== undefined || status !== undefined);
    expect(shared > 0).toBe(some);
  });
  await fc.assert(run, { numRuns: 200 });
  await cache.close();
});
