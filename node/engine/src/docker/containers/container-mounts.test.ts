import { expect, test } from "vitest";
import { parseBind } from "./container-mounts.ts";

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
