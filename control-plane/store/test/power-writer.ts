/** A program for the power-loss test: writes to the store given, and says what was acknowledged, seen and read, one line each, at once. */
import { writeSync } from "node:fs";
import { realClock } from "@tsukube/host";
import { lmdbStore } from "../src/index.ts";

const ROUNDS = 12;
const WRITERS = 4;
const store = await lmdbStore({ path: process.argv[2]!, clock: realClock })(() => {});
const say = (what: string, revision: number): number => writeSync(1, `${what} ${revision}\n`);

const stop = new AbortController();
const watching = (async () => {
  for await (const event of store.watch("", 0, stop.signal))
    if (event.type === "put") say("seen", event.record.revision);
})();

async function writer(number: number): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const value = Buffer.alloc(300 + 700 * ((round * number) % 5), `${number}`);
    const writing = store.commit([
      { type: "put", key: `/k/${number}/${round % 3}`, value, expected: "any" },
      { type: "put", key: `/log/${number}/${round}`, value: Buffer.from(`${round}`), expected: "absent" },
    ]);
    const record = await store.get(`/k/${number}/${round % 3}`);
    if (record !== undefined) say("read", record.revision);
    say("done", await writing);
    if (round === 6 && number === 0) await store.compact(store.revision - 4);
  }
}

await Promise.all(Array.from({ length: WRITERS }, (_, i) => writer(i)));
stop.abort();
await watching;
await store.close();
