import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { describeOld, oldStoreFiles } from "./old-store-files.ts";
import { storeFile } from "./store-file.ts";

test("what an upgrade or a restore left beside the store is told with its size and how to be rid of it, and nothing else", () => {
  const state = mkdtempSync(join(tmpdir(), "tsukube-old-store-"));
  const paths = { name: "test", state, runtime: join(state, "run") };
  try {
    expect(oldStoreFiles(paths)).toEqual([]);
    const file = storeFile(paths);
    mkdirSync(dirname(file));
    for (const name of ["", "-lock", ".format-2", ".format-2-lock", ".replaced", ".copy", ".reading-7"])
      writeFileSync(`${file}${name}`, "x".repeat(5000));
    expect(oldStoreFiles(paths).map(describeOld)).toEqual([
      `${file}.format-2 (5 KiB) is the store in format 2, as it was before an upgrade; when you will not go back: rm ${file}.format-2`,
      `${file}.replaced (5 KiB) is the store as it was before a snapshot was restored; when you will not go back: rm ${file}.replaced`,
    ]);
  } finally {
    rmSync(state, { recursive: true });
  }
});
