import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VirtualClock } from "@tsukube/testing";
import { afterAll } from "vitest";
import { storeConformance } from "./conformance.ts";
import { lmdbStore } from "./lmdb-store.ts";

const folder = mkdtempSync(join(tmpdir(), "tsukube-lmdb-"));
afterAll(() => rmSync(folder, { recursive: true }));
let made = 0;

storeConformance("lmdb", async () => {
  const clock = new VirtualClock();
  const path = join(folder, String(made++), "store.lmdb");
  const store = await lmdbStore({ path, clock })(() => {});
  return { store, now: () => clock.now(), advance: (ms) => clock.advance(ms) };
});
