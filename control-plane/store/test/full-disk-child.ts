/**
 * Fills a small file system with a store, frees space, writes on, and opens the store again; prints what happened as JSON.
 * A process of its own, because a failed commit must not end it. Argument: the folder where the file system is mounted.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "@tsukube/foundation";
import { realClock } from "@tsukube/host";
import { lmdbStore, type Mutation } from "../src/index.ts";

const folder = process.argv[2]!;
const path = join(folder, "store.lmdb");
const ballast = join(folder, "ballast");
writeFileSync(ballast, Buffer.alloc(2 * 1024 * 1024));
const store = await lmdbStore({ path, clock: realClock })(() => {});
const put = (i: number) =>
  store.commit([{ type: "put", key: `/${i}`, value: Buffer.alloc(10_000, i), expected: "absent" }]);

let written = 0;
let refused: string | undefined;
while (refused === undefined && written < 1000) {
  await put(written).then(
    () => (written += 1),
    (error: unknown) => (refused = codeOf(error) ?? String(error)),
  );
}
// whoever tries again and again is refused each time, and ends nothing
let others = 0;
for (let i = 0; i < 50; i += 1) {
  const size = 10_000 + 500 * i;
  const put: Mutation = { type: "put", key: `/other/${i}`, value: Buffer.alloc(size, i), expected: "absent" };
  await store.commit([put]).catch((error: unknown) => (others += codeOf(error) === "read-only" ? 1 : 0));
}
const readable = (await store.range("/")).records.length;
const { revision } = store;
rmSync(ballast);
const after = await put(5000);
await store.close();
let reopened = 0;
const again = await lmdbStore({ path, clock: realClock })(() => {
  reopened += 1;
});
await again.close();
process.stdout.write(JSON.stringify({ written, refused, others, readable, revision, after, reopened }));
