import { chmodSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Container, Pod, Volume } from "@tsukube/api/types/core-v1";
import type { Mounts } from "@tsukube/kernel";
import { afterEach, beforeEach, expect, test } from "vitest";
import { emptyDir, memoryLimitOf } from "./empty-dir.ts";
import type { VolumeDeps, VolumeSources } from "./volume-sources.ts";

const GI = 1024 ** 3;
const sources = { allocatable: { cpuMilli: 1000, memoryBytes: 8 * GI } } as unknown as VolumeSources;
let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "emptydir-"));
});
afterEach(() => rmSync(base, { recursive: true }));

/** Mount points in memory. */
function mounts(): Pick<Mounts, "isMounted" | "tmpfs"> & {
  readonly made: { target: string; sizeBytes?: number; mode?: string }[];
} {
  const made: { target: string; sizeBytes?: number; mode?: string }[] = [];
  return {
    made,
    isMounted: (target) => made.some((each) => each.target === target),
    tmpfs: (target, { sizeBytes = 0, mode = "" }) => void made.push({ target, sizeBytes, mode }),
  };
}

function podWith(limits: readonly (string | undefined)[], more: Partial<NonNullable<Pod["spec"]>> = {}): Pod {
  const containers = limits.map(
    (memory, index): Container => ({
      name: `c${index}`,
      ...(memory !== undefined && { resources: { limits: { memory } } }),
    }),
  );
  return { spec: { containers, ...more } };
}

function make(pod: Pod, volume: Volume, fake: ReturnType<typeof mounts>): Promise<string> {
  return emptyDir(pod, volume, join(base, "volumes", "v"), sources, { mounts: fake } as unknown as VolumeDeps);
}

test("a folder is open to all of the pod, and modes that containers change stay", async () => {
  const volume = { name: "v", emptyDir: {} };
  const path = await make(podWith([undefined]), volume, mounts());
  expect(statSync(path).mode & 0o7777).toBe(0o777);
  chmodSync(path, 0o700);
  await make(podWith([undefined]), volume, mounts());
  expect(statSync(path).mode & 0o7777).toBe(0o700);
});

test("with an fsGroup the folder passes its group on", async () => {
  const gid = process.getgid?.() ?? 0;
  const pod = podWith([undefined], { securityContext: { fsGroup: gid } });
  const path = await make(pod, { name: "v", emptyDir: {} }, mounts());
  expect(statSync(path).mode & 0o7777).toBe(0o2777);
  expect(statSync(path).gid).toBe(gid);
});

test("medium Memory is a tmpfs with its mode, mounted once", async () => {
  const fake = mounts();
  const volume = { name: "v", emptyDir: { medium: "Memory", sizeLimit: "64Mi" } };
  const path = await make(podWith([undefined]), volume, fake);
  await make(podWith([undefined]), volume, fake);
  expect(fake.made).toEqual([{ target: path, sizeBytes: 64 * 1024 ** 2, mode: "1777" }]);
  expect(statSync(path).mode & 0o7777).toBe(0o1777);
});

test("medium Memory with an fsGroup passes its group on, too", async () => {
  const pod = podWith([undefined], { securityContext: { fsGroup: process.getgid?.() ?? 0 } });
  const path = await make(pod, { name: "v", emptyDir: { medium: "Memory" } }, mounts());
  expect(statSync(path).mode & 0o7777).toBe(0o3777);
});

const asking = (...sizes: string[]): Pod => ({
  spec: {
    containers: sizes.map(
      (size): Container => ({ name: `c${size}`, resources: { requests: { [`hugepages-${size}`]: "4Mi" } } }),
    ),
  },
});

test.each([
  ["HugePages-1Gi", asking(), "pagesize=1G"],
  ["HugePages", asking("2Mi", "2Mi"), "pagesize=2M"],
])(
  "medium %s is a hugetlbfs of that page size, or of the one that containers ask for",
  async (medium, pod, options) => {
    const made: unknown[][] = [];
    const fake = { ...mounts(), mount: (...args: unknown[]) => void made.push(args) };
    const path = await make(pod, { name: "v", emptyDir: { medium } }, fake);
    expect(made).toEqual([["nodev", path, "hugetlbfs", 0, options]]);
  },
);

test("huge pages of no size, or of two, are refused, as is any other medium", async () => {
  const refused = (pod: Pod, medium: string) => make(pod, { name: "v", emptyDir: { medium } }, mounts());
  await expect(refused(asking(), "HugePages")).rejects.toThrow("containers ask for 0 page sizes, expected one");
  await expect(refused(asking("2Mi", "1Gi"), "HugePages")).rejects.toThrow("containers ask for 2 page sizes");
  await expect(refused(asking(), "Disk")).rejects.toThrow('medium "Disk" is not supported');
});

test.each([
  ["the node's memory when nothing else limits", podWith(["1Gi", undefined]), undefined, 8 * GI],
  ["what the containers may use together", podWith(["1Gi", "2Gi"]), undefined, 3 * GI],
  ["its own limit", podWith(["1Gi", "2Gi"]), "1Gi", GI],
  ["no more than the containers may use", podWith(["1Gi"]), "5Gi", GI],
  [
    "what the pod may use as a whole",
    podWith(["1Gi", undefined], { resources: { limits: { memory: "2Gi" } } }),
    undefined,
    2 * GI,
  ],
  [
    "an init container that may use more",
    podWith(["1Gi"], { initContainers: [{ name: "i", resources: { limits: { memory: "4Gi" } } }] }),
    undefined,
    4 * GI,
  ],
] as const)("a tmpfs is as large as: %s", (_what, pod, sizeLimit, bytes) => {
  const volume = { name: "v", emptyDir: { medium: "Memory", ...(sizeLimit !== undefined && { sizeLimit }) } };
  expect(memoryLimitOf(pod, volume, 8 * GI)).toBe(bytes);
});
