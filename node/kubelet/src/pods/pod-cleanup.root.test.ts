import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { silentLogger } from "@tsukube/foundation";
import { systemMounts } from "@tsukube/kernel";
import { scratchFolder } from "@tsukube/kernel/scratch";
import { describe, expect, onTestFinished, test } from "vitest";
import { removeOrphans } from "./pod-cleanup.ts";

describe.skipIf(process.getuid?.() !== 0)("folders of pods that are gone (need root)", () => {
  test("go at the start without what is mounted in them, and those of others stay", async () => {
    const { path, remove } = scratchFolder("orphans");
    onTestFinished(remove);
    const [kept, rootDirectory] = [join(path, "kept"), join(path, "link")];
    mkdirSync(kept);
    writeFileSync(join(kept, "file"), "data");
    for (const uid of ["gone", "here"]) mkdirSync(join(path, "state/pods", uid, "volumes/v"), { recursive: true });
    symlinkSync(join(path, "state"), rootDirectory);
    for (const uid of ["gone", "here"]) systemMounts.bind(kept, join(rootDirectory, "pods", uid, "volumes/v"));
    await removeOrphans({ rootDirectory, mounts: systemMounts, logger: silentLogger }, (uid) => uid === "here");
    expect(readdirSync(join(rootDirectory, "pods"))).toEqual(["here"]);
    expect(readFileSync(join(rootDirectory, "pods/here/volumes/v/file"), "utf8")).toBe("data");
  });
});
