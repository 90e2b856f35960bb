import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "@tsukube/host";
import { seededRandom } from "@tsukube/testing";
import { expect, test } from "vitest";
import { type DiskCall, FOLLOWED, parseTrace } from "../test/disk-trace.ts";
import { entriesIn } from "./lmdb-blocks.ts";
import { decodeMeta, headAt, showKey } from "./lmdb-format.ts";
import { readAll } from "./lmdb-reader.ts";

const STRACE = "/usr/bin/strace";
/** What is on the disk when power fails after `moment`: what was synced for sure, and of the rest what chance left. */
function imageAt(calls: readonly DiskCall[], moment: number, keep: () => boolean): Buffer {
  const image = Buffer.alloc(8 * 1024 * 1024);
  let end = 0;
  const syncs = calls.filter(({ event, ended }) => event.type === "sync" && ended <= moment);
  for (const { event, ended } of calls) {
    if (event.type !== "write" || event.began > moment) continue;
    const isDone = ended <= moment;
    const isSynced = syncs.some(({ event: sync }) => sync.type === "sync" && sync.began >= ended);
    if (!(isDone && (event.durable || isSynced)) && !keep()) continue;
    event.data.copy(image, event.at);
    end = Math.max(end, event.at + event.data.length);
  }
  return image.subarray(0, end);
}

interface Found {
  readonly revision: number;
  readonly values: ReadonlyMap<string, number>;
}

/** Reads an image as a start would. @throws when it is damaged; LMDB may also end the whole process then. */
function read(folder: string, image: Buffer, number: number): Found {
  const path = join(folder, `image-${number}`);
  writeFileSync(path, image);
  let revision = 0;
  const values = new Map<string, number>();
  readAll(path, (frame) => {
    if (frame.type === "meta") revision = decodeMeta(Buffer.from(frame.value)).revision;
    if (frame.type === "entries")
      for (const place of entriesIn(Buffer.from(frame.block))) {
        const key = place.block.subarray(place.key, place.value);
        values.set(showKey(key), headAt(place).revision);
      }
  });
  for (const file of [path, `${path}-lock`]) rmSync(file, { force: true });
  return { revision, values };
}

test.skipIf(!existsSync(STRACE))(
  "whenever power fails, whatever of the unsynced writes survives: nothing was acknowledged, read or watched that is gone (needs strace)",
  { timeout: 120_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "tsukube-power-"));
    try {
      const path = join(folder, "data.mdb");
      const program = join(import.meta.dirname, "../test/power-writer.ts");
      const trace = join(folder, "trace");
      const flags = ["-f", "-y", "-xx", "-s", "4194304", "-e", `trace=${FOLLOWED}`, "-o", trace];
      await run(STRACE, [...flags, process.execPath, program, path]);
      const calls = parseTrace(readFileSync(trace, "latin1"), path);
      const said = calls.flatMap(({ event, ended }) =>
        event.type === "said"
          ? event.text
              .trim()
              .split("\n")
              .map((line) => ({ line, ended }))
          : [],
      );
      expect(said.filter(({ line }) => line.startsWith("done"))).toHaveLength(48);
      expect(calls.filter(({ event }) => event.type === "sync").length).toBeGreaterThan(10);
      // the trace is whole: replayed, it is the file
      const last = imageAt(calls, Number.POSITIVE_INFINITY, () => true);
      expect(last.equals(readFileSync(path).subarray(0, last.length))).toBe(true);

      const random = seededRandom(1);
      let images = 0;
      let newest = 0;
      const moments = [
        ...new Set(calls.flatMap(({ ended, event }) => (event.type === "said" ? [ended] : [event.began, ended]))),
      ];
      for (const moment of moments) {
        const heard = said.filter(({ ended }) => ended <= moment).map(({ line }) => Number(line.split(" ")[1]));
        const promised = Math.max(0, ...heard);
        for (const keep of [() => false, () => true, () => random.float() < 0.5]) {
          const image = imageAt(calls, moment, keep);
          if (image.length === 0) {
            expect(promised).toBe(0);
            continue;
          }
          const found = read(folder, image, images);
          images += 1;
          expect(found.revision, `at line ${moment}`).toBeGreaterThanOrEqual(promised);
          // both halves of each transaction, or none
          const logs = [...found.values].filter(([key]) => key.startsWith("/log/"));
          expect(logs.length).toBe(found.revision);
          newest = Math.max(newest, found.revision);
        }
      }
      expect(images).toBeGreaterThan(30);
      expect(newest).toBe(48);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
