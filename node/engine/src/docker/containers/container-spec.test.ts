import { expect, test } from "vitest";
import type { OciSpec } from "../../containers/spec.ts";
import { canBeReadonlyBelow } from "./container-mounts.ts";
import type { DockerContainer, MountPoint } from "./container-record.ts";
import { adjustSpec, coreConfig, ignoredWishes, resourcesOf } from "./container-spec.ts";
import type { HostConfigDocument } from "./documents.ts";

const containerWith = (hostConfig: HostConfigDocument): DockerContainer => ({
  ...{ id: "c", name: "c", createdAt: 0, config: {}, hostConfig, imageId: "", imageName: "", command: ["true"] },
  ...{ mounts: [], endpoints: {} },
  state: {
    ...{ status: "created", exitCode: 0, error: "", isOomKilled: false, isStoppedByUser: false, restartCount: 0 },
  },
});

/** What the runtime is told of a container whose filter is `seccomp` where the core gives it one. */
function seccompOf(hostConfig: HostConfigDocument): unknown {
  const container = containerWith(hostConfig);
  const { profileType } = coreConfig(container, "", undefined).linux?.securityContext?.seccomp ?? {};
  const process = { args: [], env: [], cwd: "/" };
  const linux = { namespaces: [], resources: { devices: [] } };
  const seccomp = profileType === "RuntimeDefault" ? { seccomp: { defaultAction: "default" } } : {};
  const spec: OciSpec = { process, root: { path: "", readonly: false }, mounts: [], linux: { ...linux, ...seccomp } };
  return adjustSpec(spec, container, { canRaiseLimits: true, limiting: { cgroupVersion: 1, limitsSwap: true } }).linux
    .seccomp;
}

test("a container has the default filter, none, or that of its client, which privileged ones have too", () => {
  const own = `seccomp=${JSON.stringify({ defaultAction: "SCMP_ACT_LOG", syscalls: [] })}`;
  expect(seccompOf({})).toEqual({ defaultAction: "default" });
  expect(seccompOf({ SecurityOpt: ["seccomp=builtin"] })).toEqual({ defaultAction: "default" });
  expect(seccompOf({ SecurityOpt: ["seccomp=unconfined"] })).toBeUndefined();
  expect(seccompOf({ SecurityOpt: [own] })).toMatchObject({ defaultAction: "SCMP_ACT_LOG" });
  expect(seccompOf({ SecurityOpt: [own], Privileged: true })).toMatchObject({ defaultAction: "SCMP_ACT_LOG" });
});

test("what is mounted below a source is as read-only as the source, unless nobody wants that, or the kernel cannot", () => {
  const bind = { type: "bind", source: "/", destination: "/d", readonly: true, mode: "" } as const;
  const optionsOf = (more: Partial<MountPoint>) =>
    coreConfig({ ...containerWith({}), mounts: [{ ...bind, ...more }] }, "", undefined).mounts?.[0]?.mountOptions;
  expect([optionsOf({}), optionsOf({ type: "volume" })]).toEqual(Array(2).fill(canBeReadonlyBelow() ? ["rro"] : []));
  expect([optionsOf({ readonly: false }), optionsOf({ isReadonlyAlone: true })]).toEqual([[], []]);
  expect(optionsOf({ nonRecursive: true })).toEqual(["bind"]);
  expect(["5.11.22", "5.12.0-1", "6.1.0"].map(canBeReadonlyBelow)).toEqual([false, true, true]);
});

test("what groups of version 2 do not have is left out, and said", () => {
  const wish = { Memory: 64 << 20, MemorySwappiness: 0, OomKillDisable: true };
  const memoryOf = (cgroupVersion: 1 | 2) => resourcesOf(wish, { cgroupVersion, limitsSwap: false })["memory"];
  expect(memoryOf(1)).toEqual({ limit: 64 << 20, swappiness: 0, disableOOMKiller: true });
  expect(memoryOf(2)).toEqual({ limit: 64 << 20 });
  const told = (host: HostConfigDocument, version: 1 | 2) =>
    ignoredWishes(host, version).map((text) => text.split(".").at(-2));
  expect(told(wish, 2)).toEqual([" Memory swappiness discarded", " OomKillDisable discarded"]);
  expect([told(wish, 1), told({ MemorySwappiness: -1 }, 2)]).toEqual([[], []]);
});
