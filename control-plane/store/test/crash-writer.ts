/** A program for the crash test: writes to the store given until it is killed, and says what was acknowledged, one line each. */
import { writeSync } from "node:fs";
import { realClock } from "@tsukube/host";
import { lmdbStore } from "../src/index.ts";

const KEYS = 50;
const WRITERS = 8;
const store = await lmdbStore({ path: process.argv[2]!, clock: realClock })(() => {});
let next = store.revision * 1000;
writeSync(1, "ready\n");

async function writer(): Promise<never> {
  for (;;) {
    const number = ++next;
    const key = `/k/${number % KEYS}`;
    const remove = number % 7 === 0;
    const value = Buffer.from(`${number}:${"x".repeat(number % 3000)}`);
    const revision = await store.commit([
      remove ? { type: "delete", key, expected: "any" } : { type: "put", key, value, expected: "any" },
      { type: "put", key: `/pair/${number}`, value: Buffer.from(key), expected: "absent" },
    ]);
    writeSync(1, `${revision} ${key} ${remove ? "-" : number}\n`);
    if (number % 100 === 0) await store.compact(revision - 50);
  }
}

await Promise.all(Array.from({ length: WRITERS }, writer));
