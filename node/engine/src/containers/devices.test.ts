import { expect, test } from "vitest";
import { devicesOf } from "./devices.ts";

test("a container has the devices that it asks for, under its own name for them", () => {
  const devices = [{ hostPath: "/dev/null", containerPath: "/dev/nothing", permissions: "rw" }];
  expect(devicesOf({ devices })).toMatchObject([{ type: "c", path: "/dev/nothing", major: 1, minor: 3, access: "rw" }]);
  expect(devicesOf({})).toEqual([]);
});

test("what is no device is an error", () => {
  for (const hostPath of ["/dev/none-such", "/etc/passwd"])
    expect(() => devicesOf({ devices: [{ hostPath }] })).toThrow(
      `Cannot give device "${hostPath}": error gathering device information`,
    );
});

test("a privileged container has the host's devices, but no terminals of others", () => {
  const all = devicesOf({ linux: { securityContext: { privileged: true } } });
  expect(all).toContainEqual(expect.objectContaining({ path: "/dev/null", type: "c", major: 1, minor: 3 }));
  expect(all.filter(({ path }) => path.startsWith("/dev/pts") || path.startsWith("/dev/shm"))).toEqual([]);
});
