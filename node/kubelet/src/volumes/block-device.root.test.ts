import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Pod, PodSpec } from "@tsukube/api/types/core-v1";
import { run } from "@tsukube/host";
import { type Mounts, systemMounts } from "@tsukube/kernel";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { mountDevice } from "./block-device.ts";
import { claimedVolume } from "./claimed-volume.ts";
import type { VolumeSources } from "./volume-sources.ts";

const NEEDED = ["losetup", "blkid", "mkfs.ext4", "mkfs.ext2"];
const isThere = NEEDED.every((name) => ["/sbin", "/usr/sbin"].some((folder) => existsSync(join(folder, name))));

describe.skipIf(process.getuid?.() !== 0 || !isThere)("a local volume that is a block device (needs root)", () => {
  let base: string;
  let device: string;
  beforeEach(async () => {
    base = mkdtempSync(join(tmpdir(), "block-device-"));
    writeFileSync(join(base, "disk"), "");
    truncateSync(join(base, "disk"), 8 << 20);
    device = (await run("losetup", ["-f", "--show", join(base, "disk")])).stdout.trim();
  });
  afterEach(async () => {
    for (const path of systemMounts.below(base)) systemMounts.unmount(path);
    await run("losetup", ["-d", device]);
    rmSync(base, { recursive: true });
  });

  const use = (
    name: string,
    uses: Partial<PodSpec["containers"][number]>,
    volumeMode?: string,
    more: Partial<PodSpec> = {},
    { readOnly = false, mountOptions = [] as string[] } = {},
  ) => {
    const pod: Pod = {
      metadata: { name, namespace: "shop" },
      spec: { containers: [{ name: "app", ...uses }], ...more },
    };
    const claim = {
      metadata: { name: "data", uid: "u" },
      spec: { volumeName: "pv", ...(volumeMode !== undefined && { volumeMode }) },
      status: { phase: "Bound" },
    };
    const bound = {
      metadata: { name: "pv" },
      spec: { claimRef: { uid: "u" }, local: { path: device, fsType: "" }, mountOptions },
    };
    const sources = { claim: async () => claim, volume: async () => bound } as unknown as VolumeSources;
    const volume = { name: "v", persistentVolumeClaim: { claimName: "data", readOnly } };
    return claimedVolume(pod, volume, join(base, name), sources, { mounts: systemMounts });
  };
  const mounted = { volumeMounts: [{ name: "v", mountPath: "/v" }] };
  const mapped = { volumeDevices: [{ name: "v", devicePath: "/dev/v" }] };

  test("has a file system made once, which pods share", async () => {
    const found = await Promise.all([use("a", mounted), use("b", mounted), use("a", mounted)]);
    expect(found.map(({ path }) => path)).toEqual([join(base, "a"), join(base, "b"), join(base, "a")]);
    writeFileSync(join(base, "a/file"), "kept");
    expect(readFileSync(join(base, "b/file"), "utf8")).toBe("kept");
    for (const path of systemMounts.below(base)) systemMounts.unmount(path);
    await use("c", mounted, undefined, { securityContext: { fsGroup: 4321 } });
    expect([readFileSync(join(base, "c/file"), "utf8"), statSync(join(base, "c")).gid]).toEqual(["kept", 4321]);
  });

  test("is given as such where the claim says so, and used as the claim says or not at all", async () => {
    expect(await use("a", mapped, "Block")).toEqual({ path: "", device, readOnly: false });
    await expect(use("a", mounted, "Block")).rejects.toThrow(
      "volume v has volumeMode Block, but is specified in volumeMounts",
    );
    await expect(use("a", mapped)).rejects.toThrow(
      "volume v has volumeMode Filesystem, but is specified in volumeDevices",
    );
    await use("a", {});
    expect(systemMounts.below(base)).toEqual([]);
  });

  test.each(["has left", "is leaving"])("is not mounted for a pod that %s while it waits for its turn", async (how) => {
    const leaving = new AbortController();
    const mount: Mounts["mount"] = (...args) => {
      systemMounts.mount(...args);
      if (how === "is leaving") leaving.abort();
      else rmSync(join(base, "b"), { recursive: true });
    };
    const of = (name: string) => ({
      device,
      target: join(base, name),
      type: "ext4",
      options: [],
      signal: leaving.signal,
    });
    const first = mountDevice(of("a"), { ...systemMounts, mount });
    await expect(mountDevice(of("b"), systemMounts)).rejects.toThrow(/^Cannot mount /);
    await first;
    expect(existsSync(join(base, "b"))).toBe(how === "is leaving");
    expect(systemMounts.below(base)).toEqual([join(base, "a")]);
  });

  const optionsAt = (name: string): readonly string[] => {
    const line = readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .find((each) => each.includes(` ${join(base, name)} `));
    return [...new Set((line ?? "").split(" ").flatMap((word) => word.split(",")))];
  };

  test("is mounted with the options of its volume, and read-only where the claim is", async () => {
    await use("a", mounted, undefined, {}, { mountOptions: ["noatime,nosuid", "nodev", "noexec", "sync", "discard"] });
    expect(optionsAt("a")).toEqual(
      expect.arrayContaining(["rw", "noatime", "nosuid", "nodev", "noexec", "sync", "discard"]),
    );
    writeFileSync(join(base, "a/file"), "kept");
    const grouped = { securityContext: { fsGroup: 4321 } };
    await use("b", mounted, undefined, grouped, { readOnly: true, mountOptions: ["nosuid"] }); // beside one that writes
    expect(optionsAt("b")).toEqual(expect.arrayContaining(["ro", "nosuid"]));
    expect(() => writeFileSync(join(base, "b/file"), "")).toThrow("EROFS");
    for (const path of systemMounts.below(base)) systemMounts.unmount(path);
    await use("c", mounted, undefined, grouped, { readOnly: true });
    expect(() => writeFileSync(join(base, "c/file"), "")).toThrow("EROFS");
    expect([readFileSync(join(base, "c/file"), "utf8"), statSync(join(base, "c")).gid]).toEqual(["kept", 0]);
    expect(optionsAt("c")).not.toContain("rw");
    await use("d", mounted, undefined, {}, { mountOptions: ["noatime"] }); // writes beside one that reads
    writeFileSync(join(base, "d/file"), "written");
    expect(optionsAt("d")).toEqual(expect.arrayContaining(["rw", "noatime"]));
    expect(() => writeFileSync(join(base, "c/file"), "")).toThrow("EROFS");
    expect(readFileSync(join(base, "c/file"), "utf8")).toBe("written");
  });

  test.each([
    ["at its begin", 5000],
    ["in the middle", 4 << 20],
    ["at its end", (8 << 20) - 1],
  ])("keeps raw data %s", async (_, at) => {
    const disk = openSync(device, "r+");
    writeSync(disk, "x", at);
    fsyncSync(disk);
    closeSync(disk);
    await expect(use("a", mounted)).rejects.toThrow(
      `Cannot make a file system on device "${device}": there are unknown data on it, at byte ${at}, expected`,
    );
    expect(systemMounts.below(base)).toEqual([]);
  });

  test("gets no file system where it cannot be read, is in use, or is only to be read", async () => {
    await expect(use("a", mounted, undefined, {}, { readOnly: true })).rejects.toThrow("there is no file system on it");
    await expect(use("a", mounted, undefined, {}, { mountOptions: ["ro"] })).rejects.toThrow("read-only");
    const other = openSync(device, constants.O_RDONLY | constants.O_EXCL);
    await expect(use("a", mounted)).rejects.toThrow("EBUSY");
    closeSync(other);
    truncateSync(join(base, "disk"), 0); // what lies behind it is gone
    await expect(use("a", mounted)).rejects.toThrow(`Cannot make a file system on device "${device}": `);
  });

  test("says which program it misses", async () => {
    vi.stubEnv("PATH", join(base, "nothing"));
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(use("a", mounted)).rejects.toThrow(
      `Cannot use device "${device}": no program "blkid", expected it in PATH`,
    );
    vi.unstubAllEnvs();
  });

  test("keeps what is on it", async () => {
    await run("mkfs.ext2", ["-q", device]);
    await expect(use("a", mounted)).rejects.toThrow(
      `Cannot mount device "${device}": ext2 is on it, expected ext4 or nothing`,
    );
  });
});
