import { closeSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, onTestFinished, test } from "vitest";
import { openMountView } from "./mount-views.ts";
import { systemMounts } from "./mounts.ts";
import { run } from "./programs.ts";

test.skipIf(process.getuid?.() !== 0)(
  "a view of the mounts is changed for who enters it alone, and does not keep busy what it is without (needs root)",
  async () => {
    const folder = mkdtempSync(`${tmpdir()}/view-`);
    onTestFinished(() => {
      for (const point of systemMounts.below(folder)) systemMounts.unmount(point);
      rmSync(folder, { recursive: true });
    });
    const [kept, hidden, without] = ["kept", "hidden", "without"].map((name) => `${folder}/${name}`) as [
      string,
      string,
      string,
    ];
    for (const point of [kept, hidden, without]) {
      mkdirSync(point);
      systemMounts.tmpfs(point, {});
      writeFileSync(`${point}/file`, "");
    }
    const view = await openMountView([`umount ${hidden}`], [without]);
    onTestFinished(() => closeSync(view));
    const seen = await run("nsenter", [`--mount=/proc/${process.pid}/fd/${view}`, "ls", kept, hidden, without]);
    expect(seen.stdout).toBe(`${hidden}:\n\n${kept}:\nfile\n\n${without}:\n`);
    expect((await run("ls", [hidden])).stdout).toBe("file\n");
    systemMounts.unmount(without);
    rmdirSync(without);
  },
);

test.skipIf(process.getuid?.() !== 0)("a view that cannot be made is an error (needs root)", async () => {
  await expect(openMountView(["false"], [])).rejects.toMatchObject({ code: "failed" });
});
