import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "@tsukube/host";
import { expect, test } from "vitest";

const isRoot = process.getuid?.() === 0;

test.skipIf(!isRoot)(
  "a full disk refuses writes, loses nothing, and writes go on when there is space (needs root)",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "tsukube-full-"));
    await run("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]);
    try {
      const child = join(import.meta.dirname, "../test/full-disk-child.ts");
      const { stdout } = await run(process.execPath, [child, folder]);
      const { written, refused, others, readable, revision, after, reopened } = JSON.parse(stdout) as Record<
        string,
        unknown
      >;
      expect(refused).toBe("read-only");
      expect(others).toBe(50);
      expect([readable, revision]).toEqual([written, written]);
      expect(after).toBe(Number(written) + 1);
      expect(reopened).toBe(Number(written) + 1);
    } finally {
      await run("umount", ["-l", folder]);
      rmdirSync(folder);
    }
  },
);
