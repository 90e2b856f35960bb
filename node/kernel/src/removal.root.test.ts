import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { diskUsage } from "./disk-usage.ts";
import { systemMounts } from "./mounts.ts";
import { removeMounted, removeTree } from "./removal.ts";
import { scratchFolder } from "./scratch.ts";

describe.skipIf(process.getuid?.() !== 0)("what is mounted below a folder that is removed (needs root)", () => {
  let scratch: ReturnType<typeof scratchFolder>;
  let kept: string;
  beforeEach(() => {
    scratch = scratchFolder("removal");
    kept = `${scratch.path}/kept`;
    mkdirSync(`${kept}/folder`, { recursive: true });
    writeFileSync(`${kept}/folder/file`, "data");
  });
  afterEach(() => scratch.remove());

  const pod = (state = "state"): string => {
    const target = `${scratch.path}/${state}/pod/volumes/v`;
    mkdirSync(target, { recursive: true });
    systemMounts.bind(kept, target);
    return `${scratch.path}/${state}/pod`;
  };
  const data = (): string => readFileSync(`${kept}/folder/file`, "utf8");

  test.each([
    ["a link to it", "link"],
    ["a link above it that leads through another", "other/data"],
  ])("is found and kept, by %s", async (_, through) => {
    pod("data/state");
    symlinkSync(`${scratch.path}/data/state`, `${scratch.path}/link`);
    symlinkSync(scratch.path, `${scratch.path}/other`);
    const folder = through === "link" ? `${scratch.path}/link/pod` : `${scratch.path}/other/data/state/pod`;
    expect(systemMounts.below(folder)).toEqual([`${folder}/volumes/v`]);
    expect(systemMounts.below(`${folder}/missing/more`)).toEqual([]);
    await removeMounted(folder, systemMounts);
    expect([existsSync(folder), data()]).toEqual([false, "data"]);
  });

  test("is refused where it stays mounted", async () => {
    const folder = pod();
    await expect(removeTree(folder)).rejects.toThrow(`"${folder}/volumes/v" is mounted, expected nothing to be`);
    await expect(removeTree(`${folder}/volumes/v`)).rejects.toThrow("is mounted");
    expect(data()).toBe("data");
  });

  test("is not entered where it was mounted meanwhile, from the same file system too", async () => {
    const folder = pod();
    await expect(removeTree(folder, { below: () => [] })).rejects.toThrow(`"${folder}/volumes/v" is mounted`);
    expect(data()).toBe("data");
  });

  test("is counted and goes where it is deeper than any path that the kernel takes", async () => {
    const folder = `${scratch.path}/deep`;
    mkdirSync(`${folder}/beside`, { recursive: true });
    const script = "i=0; while [ $i -lt 60 ]; do mkdir $1 && cd -P $1 && echo x > file || exit 1; i=$((i+1)); done";
    const made = spawnSync("sh", ["-c", script, "sh", "d".repeat(200)], { cwd: folder });
    expect(made.stderr.toString()).toBe("");
    const { stdout } = spawnSync("du", ["-s", "--block-size=1", folder]);
    expect(await diskUsage(folder)).toBe(Number(stdout.toString().split("\t", 1)[0]));
    await removeTree(folder);
    expect(existsSync(folder)).toBe(false);
  });

  test("all else goes, whatever its name, and what links lead to stays", async () => {
    const folder = `${scratch.path}/plain`;
    mkdirSync(`${folder}/a/b`, { recursive: true });
    for (const name of [Buffer.from("file"), Buffer.from([0xff, 0xfe])])
      writeFileSync(Buffer.concat([Buffer.from(`${folder}/a/b/`), name]), "");
    symlinkSync(kept, `${folder}/a/link`);
    symlinkSync("/nowhere", `${folder}/dangling`);
    symlinkSync(kept, `${scratch.path}/root`);
    for (const path of [folder, `${scratch.path}/root`, `${kept}/folder/file/below`, `${scratch.path}/missing`])
      await removeTree(path);
    expect([existsSync(folder), existsSync(`${scratch.path}/root`), data()]).toEqual([false, false, "data"]);
  });
});
