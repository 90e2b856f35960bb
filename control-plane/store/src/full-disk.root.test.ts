import { mkdtempSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "@tsukube/host";
import { expect, test } from "vitest";
import { saveFile } from "./snapshots.ts";

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

      expect(() => writeFileSync(join(folder, "ballast"), Buffer.alloc(4 << 20))).toThrow("ENOSPC");
      const before = readdirSync(folder);
      const snapshot = join(folder, "snapshot");
      const about = { cluster: "full", time: "2025-01-01T00:00:00Z" };
      await expect(saveFile(join(folder, "store.lmdb"), snapshot, about)).rejects.toThrow(
        `Cannot save "${snapshot}": no space left on its file system; make room there`,
      );
      expect(readdirSync(folder)).toEqual(before);
    } finally {
      await run("umount", ["-l", folder]);
      rmdirSync(folder);
    }
  },
);
