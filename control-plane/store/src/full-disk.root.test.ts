import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realClock } from "@tsukube/host";
import { expect, test } from "vitest";
import { lmdbStore } from "./lmdb-store.ts";
import { StoreError } from "./store.ts";

test("a full disk refuses writes, loses nothing, and writes go on when there is space", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-full-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]);
  try {
    const path = join(folder, "store.lmdb");
    const ballast = join(folder, "ballast");
    writeFileSync(ballast, Buffer.alloc(2 * 1024 * 1024));
    const store = await lmdbStore({ path, clock: realClock })(() => {});
    const put = (i: number) =>
      store.commit([{ type: "put", key: `/${i}`, value: Buffer.alloc(10_000, i), expected: "absent" }]);
    let count = 0;
    let refused: unknown;
    for (; refused === undefined && count < 1000; count += 1) {
      await put(count).catch((error: unknown) => {
        refused = error;
      });
    }
    expect(refused).toBeInstanceOf(StoreError);
    expect(refused).toMatchObject({ code: "read-only" });
    const kept = count - 1;
    expect(store.revision).toBe(kept);
    expect((await store.range("/")).records).toHaveLength(kept);
    rmSync(ballast);
    expect(await put(5000)).toBe(kept + 1);
    await store.close();
    let read = 0;
    const again = await lmdbStore({ path, clock: realClock })(() => {
      read += 1;
    });
    await again.close();
    expect(read).toBe(kept + 1);
  } finally {
    execFileSync("umount", ["-l", folder]);
    rmdirSync(folder);
  }
});
