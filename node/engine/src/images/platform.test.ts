import { expect, test } from "vitest";
import { OWN_PLATFORM, parsePlatform } from "./platform.ts";

test.each([
  ["linux/amd64", { os: "linux", architecture: "amd64" }],
  ["linux/arm64/v8", { os: "linux", architecture: "arm64", variant: "v8" }],
  ["Linux/AArch64", { os: "linux", architecture: "arm64" }],
  ["arm64", { os: "linux", architecture: "arm64" }],
  ["armhf", { os: "linux", architecture: "arm", variant: "v7" }],
  ["linux", { os: "linux", architecture: OWN_PLATFORM.architecture }],
])("platform %s", (text, platform) => {
  expect(parsePlatform(text)).toEqual(platform);
});

test.each(["", "linux/", "linux/amd64/v1/x", "linux/am d64"])("no platform: %j", (text) => {
  expect(() => parsePlatform(text)).toThrow(/expected one such as linux\/amd64/);
});
