import { expect, test } from "vitest";
import { unneeded } from "./runtime-view.ts";

test("of the mounts of a machine the runtime's view has the system's and those in which its files lie", () => {
  const mounts = [
    "/",
    "/proc",
    "/sys",
    "/sys/fs/cgroup/pids",
    "/run",
    "/run/x/bundles/c1/rootfs",
    "/data",
    "/data/disk",
  ];
  expect(unneeded(mounts, ["/run/x", "/usr/bin/crun"])).toEqual(["/data/disk", "/data", "/run/x/bundles/c1/rootfs"]);
});

test("a folder whose name only begins like one of the system is none of it", () => {
  expect(unneeded(["/", "/system", "/procession"], ["/run/x"])).toEqual(["/procession", "/system"]);
});
