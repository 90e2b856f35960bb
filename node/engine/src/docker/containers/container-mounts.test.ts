import { expect, test } from "vitest";
import type { VolumeStore } from "../volumes/volume-store.ts";
import { parseBind, resolveMounts } from "./container-mounts.ts";
import type { DockerContainer } from "./container-record.ts";

test("a bind names a folder of the host, a volume, or nothing but where a new volume appears", () => {
  expect(parseBind("/a/../b:/c:ro,rslave")).toMatchObject({
    ...{ type: "bind", source: "/b", destination: "/c", readonly: true, propagation: "rslave" },
  });
  expect(parseBind("data:/d/")).toMatchObject({ type: "volume", name: "data", destination: "/d", readonly: false });
  expect(parseBind("/only")).toMatchObject({ type: "volume", destination: "/only" });
  expect(parseBind("/only")).not.toHaveProperty("name");
});

test.each([
  ["/a:b", "mount path must be absolute"],
  ["/a:/b:what", "invalid mode: what"],
  ["/a:/", "destination can't be '/'"],
  ["./a:/b", "includes invalid characters for a local volume name"],
  ["a::b", "invalid volume specification"],
])("%s is refused: %s", (bind, message) => {
  expect(() => parseBind(bind)).toThrow(message);
});

test.each([
  [true, { ReadOnlyNonRecursive: true }],
  [true, { Propagation: "rslave" }],
  [false, {}],
])("to be read-only (%s) with all below it is too much to ask of a bind with %j", async (ReadOnly, more) => {
  const BindOptions = { ...more, ReadOnlyForceRecursive: true };
  const Mounts = [{ Type: "bind", Source: "/", Target: "/d", ReadOnly, BindOptions }];
  const resolved = resolveMounts({ HostConfig: { Mounts } }, {}, {} as VolumeStore, () => ({}) as DockerContainer);
  await expect(resolved).rejects.toMatchObject({ code: "invalid", message: expect.stringContaining("Recursive") });
});
