import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { unpackArchive } from "./archives.ts";

test.skipIf(process.getuid?.() !== 0).each(["gzip", "zstd", "xz", "bzip2"])(
  "ADD unpacks an archive that %s compressed, and copies what is no archive",
  async (program) => {
    const folder = mkdtempSync(join(tmpdir(), "tsukube-archives-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "file"), "content");
    const compress = (input: Buffer): Buffer =>
      program === "zstd" ? zstdCompressSync(input) : execFileSync(program, ["-c"], { input });
    writeFileSync(join(folder, "archive"), compress(execFileSync("tar", ["-C", folder, "-c", "file"])));
    writeFileSync(join(folder, "text"), compress(Buffer.from("a text")));
    expect(await unpackArchive(join(folder, "archive"), folder, "/out")).toBe(true);
    expect(readFileSync(join(folder, "out/file"), "utf8")).toBe("content");
    expect(await unpackArchive(join(folder, "text"), folder, "/other")).toBe(false);
    expect(readdirSync(folder).sort()).toEqual(["archive", "file", "out", "text"]);
  },
);
