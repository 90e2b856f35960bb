import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { systemMounts } from "@tsukube/kernel";
import { scratchFolder } from "@tsukube/kernel/scratch";
import type { Mount } from "@tsukube/node-contracts/cri";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EngineUnderTest } from "../engine-under-test.ts";
import type { ImageRecord } from "../images/image-store.ts";
import { OverlaySnapshotter } from "../images/overlay-snapshotter.ts";
import { mountVolumeImages } from "./volume-images.ts";

const IMAGE = "tsukube.local/busybox";

describe.skipIf(process.getuid?.() !== 0)("images as volumes (need root)", () => {
  let under: EngineUnderTest;
  beforeEach(() => {
    under = new EngineUnderTest();
  });
  afterEach(() => under.close());

  test("a container sees the image, or a part of it, cannot write or run what is there, and leaves nothing mounted", async () => {
    await under.start();
    const cri = under.dial();
    const sandbox = await under.sandbox(cri);
    const mounts: Mount[] = [
      { image: { image: IMAGE }, containerPath: "/whole" },
      { image: { image: IMAGE }, imageSubPath: "bin", containerPath: "/part" },
    ];
    const containerId = await under.run(cri, sandbox, ["sleep", "1000"], { mounts });
    const sh = async (command: string): Promise<string> => {
      const { stdout, stderr } = await cri.ExecSync({ containerId, cmd: ["sh", "-c", command] });
      return `${Buffer.from(stdout ?? [])}${Buffer.from(stderr ?? [])}`;
    };
    expect(await sh("cmp /bin/busybox /whole/bin/busybox && cmp /bin/busybox /part/busybox && echo same")).toBe(
      "same\n",
    );
    expect(await sh("touch /whole/new")).toMatch(/Read-only file system/);
    expect(await sh("/part/busybox true")).toMatch(/Permission denied/);
    const { status } = await cri.ContainerStatus({ containerId });
    expect(status?.mounts?.[1]).toMatchObject({ image: { image: IMAGE }, imageSubPath: "bin", hostPath: "" });
    await cri.RemovePodSandbox({ podSandboxId: sandbox });
    expect(systemMounts.below(`${under.folder}/run/bundles`)).toEqual([]);
  });

  test.each([
    [{ image: { image: "nobody/nothing:1" } }, /Cannot mount image "nobody\/nothing:1": not present/],
    [{ image: { image: IMAGE }, imageSubPath: "no/where" }, /Cannot mount "no\/where" of image .*: no such file/],
  ])("what is not there is said: %j", async (mount, message) => {
    await under.start();
    const cri = under.dial();
    const sandbox = await under.sandbox(cri);
    const mounts = [{ containerPath: "/x", ...mount }];
    await expect(under.run(cri, sandbox, ["true"], { mounts })).rejects.toThrow(message);
    expect(systemMounts.below(`${under.folder}/run/bundles`)).toEqual([]);
  });

  test("they are held before they are mounted, and before one that is not there is refused", async () => {
    const held: string[] = [];
    const looked: string[] = [];
    const deps = {
      findImage: async (name: string) =>
        name === "gone" ? undefined : ({ id: name, chain: [name] } as unknown as ImageRecord),
      snapshotter: { view: async () => void looked.push(held.join()) },
    };
    const scratch = scratchFolder("held");
    under.lifetime.add("folder", scratch.remove);
    const mounts = ["a", "b", "gone"].map((image) => ({ image: { image }, containerPath: `/${image}` }));
    const shown = mountVolumeImages({ mounts }, scratch.path, deps, held);
    await expect(shown).rejects.toThrow('Cannot mount image "gone"');
    expect([looked, held]).toEqual([
      ["a", "a,b"],
      ["a", "b"],
    ]);
  });

  test("layers are seen as one, whoever looks cannot change them", async () => {
    const scratch = scratchFolder("view");
    under.lifetime.add("folder", scratch.remove);
    const snapshotter = new OverlaySnapshotter(`${scratch.path}/layers`, systemMounts);
    const layer = (name: string) => ({ build: async (root: string) => writeFileSync(`${root}/${name}`, name) });
    await snapshotter.commit("sha256:1", [], layer("one"));
    await snapshotter.commit("sha256:2", ["sha256:1"], layer("two"));
    const target = `${scratch.path}/view`;
    mkdirSync(target);
    await snapshotter.view(["sha256:1", "sha256:2"], target);
    under.lifetime.add("view", () => systemMounts.unmount(target));
    expect(readdirSync(target).sort()).toEqual(["one", "two"]);
    expect(readFileSync(`${target}/one`, "utf8")).toBe("one");
    expect(() => writeFileSync(`${target}/one`, "")).toThrow(/EROFS/);
  });
});
