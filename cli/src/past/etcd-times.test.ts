import type { StoredRecord } from "@tsukube/store";
import { StoreError } from "@tsukube/store";
import { expect, test } from "vitest";
import { etcdRevisionAt } from "./etcd-times.ts";

const SECOND = 1000;
const BEGAN = Date.UTC(2026, 0, 1);

/** An etcd whose Lease is made at revision 5 and renewed every tenth revision and second second; `oldest` is the first that is kept. */
function past(revision: number, oldest: number) {
  let reads = 0;
  return {
    revision,
    reads: () => reads,
    async get(_key: string, at: number): Promise<StoredRecord | undefined> {
      reads += 1;
      if (at < oldest) throw new StoreError("compacted", "gone");
      if (at < 5) return undefined;
      const turn = Math.floor((at - 5) / 10);
      const renewTime = new Date(BEGAN + turn * 2 * SECOND).toISOString();
      const value = Buffer.from(JSON.stringify({ kind: "Lease", spec: { renewTime } }));
      return { key: _key, value, index: Buffer.alloc(0), revision: 5 + turn * 10, createRevision: 5 };
    },
  };
}

test("the revision of a time is that of the last renewal before, found in few steps", async () => {
  const etcd = past(100_000, 0);
  expect(await etcdRevisionAt(etcd, BEGAN)).toBe(5);
  expect(await etcdRevisionAt(etcd, BEGAN + 1999)).toBe(5);
  expect(await etcdRevisionAt(etcd, BEGAN + 2000)).toBe(15);
  expect(await etcdRevisionAt(etcd, BEGAN + 201 * SECOND)).toBe(1005);
  expect(await etcdRevisionAt(etcd, BEGAN + 1e9)).toBe(99_995);
  expect(etcd.reads()).toBeLessThan(100);
});

test("before everything that is kept nothing can be told", async () => {
  await expect(etcdRevisionAt(past(1000, 0), BEGAN - 1)).rejects.toMatchObject({ code: "compacted" });
  await expect(etcdRevisionAt(past(4, 0), BEGAN)).rejects.toThrow(/expected a later time or a revision/);
  await expect(etcdRevisionAt(past(1000, 600), BEGAN + 20 * SECOND)).rejects.toMatchObject({ code: "compacted" });
  expect(await etcdRevisionAt(past(1000, 600), BEGAN + 121 * SECOND)).toBe(605);
});
