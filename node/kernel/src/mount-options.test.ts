import { expect, test } from "vitest";
import { mountOptions } from "./mount-options.ts";

test.each([
  [[], 0, ""],
  [["ro", "nosuid", "nodev", "noexec"], 1 | 2 | 4 | 8, ""],
  [["noatime,nodiratime", "sync", "dirsync"], 1024 | 2048 | 16 | 128, ""],
  [["relatime", "strictatime", "lazytime"], (1 << 21) | (1 << 24) | (1 << 25), ""],
  [["ro", "nosuid", "rw", "async"], 2, ""],
  [["discard", "errors=remount-ro", "ro"], 1, "discard,errors=remount-ro"],
  [["defaults", "", "nofail", "x-systemd.automount"], 0, ""],
])("the options %j of mount(8) are flags and data of mount(2)", (options, flags, data) => {
  expect(mountOptions(options)).toEqual({ flags, data });
});
