import { expect, test } from "vitest";
import { runtimeWrapper } from "./runtime-wrapper.ts";

test("an ordinary machine needs no wrapper", () => {
  expect(runtimeWrapper("/usr/bin/crun", { hybridCgroups: false })).toBeUndefined();
});

test("on hybrid cgroups the version 2 mount is hidden, and mounts stay shared with the host", () => {
  const script = runtimeWrapper("/usr/bin/crun", { hybridCgroups: true });
  expect(script).toContain("umount /sys/fs/cgroup/unified");
  expect(script).toContain("--propagation unchanged");
  expect(script).not.toContain("pivot_root");
});

test("busybox runs the steps itself where there is one", () => {
  const script = runtimeWrapper("/usr/bin/crun", { hybridCgroups: true, busybox: true });
  expect(script).toMatch(/^#!\/bin\/sh\nexec unshare -m --propagation unchanged \/bin\/busybox sh -c /);
});

test("in a chroot its folder becomes the root before the runtime starts", () => {
  const script = runtimeWrapper("/usr/bin/crun", { hybridCgroups: true, oldRoot: "/run/x/outside" }) ?? "";
  expect(script.indexOf("pivot_root")).toBeGreaterThan(0);
  expect(script.indexOf("pivot_root")).toBeLessThan(script.indexOf("/usr/bin/crun"));
});
