import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { realClock } from "@tsukube/host";
import { expect, test } from "vitest";
import { show } from "../test/shown.ts";
import { lmdbStore } from "./lmdb-store.ts";
import type { StoredRecord } from "./store.ts";

const ROUNDS = Number(process.env["TSUKUBE_CRASH_ROUNDS"] ?? 10);
/** Then another one begins: each round reads all of it. */
const ROUNDS_A_FILE = 50;
const WRITER = fileURLToPath(new URL("../test/crash-writer.ts", import.meta.url));

interface Acknowledged {
  readonly revision: number;
  readonly value: string;
}

/** Starts the writer, kills it `ms` after it is ready, and adds what it acknowledged to the model. */
async function writeUntilKilled(path: string, ms: number, model: Map<string, Acknowledged>): Promise<number> {
  const child = spawn(process.execPath, [WRITER, path], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => {
    if (out === "") setTimeout(() => child.kill("SIGKILL"), ms);
    out += chunk;
  });
  await new Promise((resolve) => child.once("close", resolve));
  const lines = out.split("\n").slice(1, -1); // the first says "ready", the last may be cut
  for (const line of lines) {
    const [revision, key, value] = line.split(" ") as [string, string, string];
    const known = model.get(key);
    if (known === undefined || known.revision < Number(revision)) model.set(key, { revision: Number(revision), value });
  }
  return lines.length;
}

test("a file that another process has open is not opened, and that process is named", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-held-"));
  const path = join(folder, "store.lmdb");
  const child = spawn(process.execPath, [WRITER, path], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "close");
  try {
    await once(child.stdout, "data");
    await expect(lmdbStore({ path, clock: realClock })(() => {})).rejects.toMatchObject({
      code: "unusable",
      message: expect.stringMatching(`"${path}": process ${child.pid} has it open, expected nobody`),
    });
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
  await (await lmdbStore({ path, clock: realClock })(() => {})).close();
  rmSync(folder, { recursive: true });
});

function compare(model: ReadonlyMap<string, Acknowledged>, records: ReadonlyMap<string, StoredRecord>): void {
  for (const [key, { revision, value }] of model) {
    const record = records.get(key);
    // a write that was durable but not acknowledged any more may have come after
    if (record !== undefined && record.revision > revision) continue;
    if (value === "-") expect(record, key).toBeUndefined();
    else if (record === undefined) expect([...records.keys()].length, `${key} is gone`).toBe(-1);
    else expect([record.revision, Buffer.from(record.value).toString().split(":")[0]]).toEqual([revision, value]);
  }
}

test("every acknowledged write survives kill -9", { timeout: 20_000 + ROUNDS * 5000 }, async ({ task }) => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-crash-"));
  let path = "";
  const model = new Map<string, Acknowledged>();
  let acknowledged = 0;
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      if (round % ROUNDS_A_FILE === 0) {
        path = join(folder, `store-${round}.lmdb`);
        model.clear();
      }
      acknowledged += await writeUntilKilled(path, Math.random() * 400, model);
      const records = new Map<string, StoredRecord>();
      const store = await lmdbStore({ path, clock: realClock })((record) => void records.set(record.key, record));
      // both halves of a transaction are there, at one revision
      for (const [key, record] of records) {
        if (!key.startsWith("/k/")) continue;
        const number = Buffer.from(record.value).toString().split(":")[0];
        expect(records.get(`/pair/${number}`)?.revision).toBe(record.revision);
      }
      const unacknowledgedDeletes = new Set<string>();
      for (const [key, record] of records) {
        if (!key.startsWith("/pair/") || Number(key.slice(6)) % 7 !== 0) continue;
        const target = Buffer.from(record.value).toString();
        if (record.revision > (model.get(target)?.revision ?? 0)) unacknowledgedDeletes.add(target);
      }
      for (const key of unacknowledgedDeletes) if (!records.has(key)) model.delete(key);
      compare(model, records);
      await store.close();
    }
    expect(acknowledged).toBeGreaterThan(ROUNDS);
    show(task, `killed ${ROUNDS} times, ${acknowledged} acknowledged writes`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
