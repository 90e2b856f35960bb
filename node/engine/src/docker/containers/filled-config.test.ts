import { expect, test } from "vitest";
import { commandOf, filledConfig } from "./filled-config.ts";

const image = {
  Env: ["PATH=/bin", "A=image"],
  Entrypoint: ["serve"],
  Cmd: ["--all"],
  WorkingDir: "/srv",
  Labels: { from: "image", both: "image" },
  Healthcheck: { Test: ["CMD", "check"], Interval: 5e9 },
  Volumes: { "/data": {} },
};
const command = (asked: object): readonly string[] =>
  commandOf(filledConfig({ Image: "i", ...asked }, image, "0".repeat(64)));

test("what the client leaves out is the image's, and an entrypoint of its own drops the image's command", () => {
  expect(command({})).toEqual(["serve", "--all"]);
  expect(command({ Cmd: ["one"] })).toEqual(["serve", "one"]);
  expect(command({ Entrypoint: ["sh"] })).toEqual(["sh"]);
  expect(command({ Entrypoint: "sh", Cmd: "x" })).toEqual(["sh", "x"]);
  expect(command({ Entrypoint: [""], Cmd: ["x"] })).toEqual(["x"]);
  expect(() => commandOf(filledConfig({ Image: "i" }, {}, "0".repeat(64)))).toThrow("no command specified");
});

test("variables, labels and health checks are laid over the image's", () => {
  const config = filledConfig(
    { Image: "i", Env: ["A=own", "PATH"], Labels: { both: "own" }, Healthcheck: { Interval: 1e9 } },
    image,
    "abcdef0123456789".repeat(4),
  );
  expect(config.Env).toEqual(["A=own"]); // a name alone removes the image's
  expect(config.Labels).toEqual({ from: "image", both: "own" });
  expect(config.Healthcheck).toEqual({ Test: ["CMD", "check"], Interval: 1e9 });
  expect(config.Hostname).toBe("abcdef012345");
  expect(config.Volumes).toEqual({ "/data": {} });
});
