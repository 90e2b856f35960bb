import { expect, test } from "vitest";
import { type MountSources, parseBind, resolveMounts } from "./container-mounts.ts";
import type { MountDocument } from "./documents.ts";

const SOURCES = { imageNamed: async (name: string) => `id of ${name}` } as MountSources;
const resolved = async (Mounts: readonly MountDocument[]) =>
  (await resolveMounts({ HostConfig: { Mounts } }, {}, SOURCES)).mounts;

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
  await expect(resolved([{ Type: "bind", Source: "/", Target: "/d", ReadOnly, BindOptions }])).rejects.toMatchObject({
    code: "invalid",
    message: expect.stringContaining("Recursive"),
  });
});

test("an image is mounted to be read, as a whole or a part of it", async () => {
  const image = { type: "image", source: "", readonly: true, propagation: "rprivate", mode: "" };
  const [whole, part] = await resolved([
    { Type: "image", Source: "app:1", Target: "/whole", ReadOnly: false },
    { Type: "image", Source: "app:1", Target: "/part", ImageOptions: { Subpath: "a/b" } },
  ]);
  expect(whole).toEqual({ ...image, destination: "/whole", image: { id: "id of app:1", name: "app:1" } });
  expect(part).toMatchObject({ ...image, subpath: "a/b" });
});

test.each([
  [{ Type: "image" }, "field Source must not be empty"],
  [
    { Type: "image", Source: "a", ImageOptions: { Subpath: "../b" } },
    "subpath must be a relative path within the volume",
  ],
  [{ Type: "volume", VolumeOptions: { Subpath: "a" } }, "must not set Subpath when using anonymous volumes"],
  [{ Type: "tmpfs", Source: "a" }, "field Source must not be specified"],
  [{ Type: "tmpfs", BindOptions: {} }, "field BindOptions must not be specified"],
  [{ Type: "npipe" }, "mount type unknown"],
])("the mount %j is refused: %s", async (mount, why) => {
  const message = `invalid mount config for type "${mount.Type}": ${why}`;
  await expect(resolved([{ ...mount, Target: "/d" }])).rejects.toMatchObject({ code: "invalid", message });
});
