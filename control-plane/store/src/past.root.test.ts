import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VirtualClock } from "@tsukube/testing";
import { afterAll, expect, test } from "vitest";
import { lmdbStore } from "./lmdb-store.ts";
import { openPast, versionsOf } from "./past.ts";
import type { Mutation } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "tsukube-past-"));
afterAll(() => rmSync(folder, { recursive: true }));
const put = (key: string, value: string): Mutation => ({
  type: "put",
  key,
  value: Buffer.from(value),
  expected: "any",
});

test("the past is read as it was, by revision and by time, as far as history reaches", async () => {
  const path = join(folder, "store.mdb");
  const clock = new VirtualClock();
  const began = clock.now();
  const minute = 60_000;
  const store = await lmdbStore({ path, clock, historyMs: 10 * minute })(() => {});
  for (let i = 1; i <= 20; i += 1) {
    await store.commit([put("/a", String(i)), put(`/b/${i}`, "x")]);
    if (i === 15) await store.commit([{ type: "delete", key: "/b/14", expected: "any" }]);
    await clock.advance(minute);
  }
  await store.close();

  const past = openPast(path);
  expect(past.revision).toBe(21);
  expect(past.oldest).toBeGreaterThan(5);
  expect(past.oldest).toBeLessThan(12);
  const at = (await past.revisionAt(began + 14.5 * minute)) - 1; // two commits in that minute
  expect((await past.get("/a", at))?.value.toString()).toBe("15");
  expect((await past.get("/b/14", at))?.value.toString()).toBe("x");
  expect(await past.get("/b/14", at + 1)).toBeUndefined();
  expect((await past.range("/b/", at)).length).toBe(15);
  expect(past.timeOf(at)).toBe(began + 14 * minute);
  expect(await past.revisionAt(began + 60 * minute)).toBe(21);
  const values = (await versionsOf(past, "/a")).map(({ value }) => Number(value.toString()));
  expect(values).toEqual(Array.from({ length: values.length }, (_, i) => 20 - i));
  expect(values.length).toBeGreaterThanOrEqual(10);
  await expect(past.get("/a", 1)).rejects.toMatchObject({ code: "compacted" });
  await expect(past.get("/a", 22)).rejects.toMatchObject({ code: "future" });
  await expect(past.revisionAt(began)).rejects.toThrow(/history begins at 2025-01-01T00:/);
  await past.close();
  expect(() => openPast(join(folder, "none"))).toThrow(/no such file/);
});
