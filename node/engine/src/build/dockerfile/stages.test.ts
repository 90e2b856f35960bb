import { expect, test } from "vitest";
import { parseDockerfile, stageNamed } from "./stages.ts";

const parse = (text: string) => parseDockerfile(text, "Dockerfile");

test("stages have names and numbers, and ARGs may stand before them", () => {
  const { globals, stages } = parse("ARG V=1\nFROM a:$V AS One\nRUN x\nFROM --platform=linux/arm64 one\nUSER u");
  expect(globals.map(({ args }) => args)).toEqual(["V=1"]);
  expect(stages.map(({ name, base, platform }) => [name, base, platform])).toEqual([
    ["one", "a:$V", undefined],
    [undefined, "one", "linux/arm64"],
  ]);
  expect(stageNamed(stages, "ONE")?.index).toBe(0);
  expect(stageNamed(stages, "1")?.index).toBe(1);
  expect(stageNamed(stages, "1", 1)).toBeUndefined();
});

test.each([
  ["RUN x", "RUN stands before the first FROM"],
  ["# nothing", "it has no FROM"],
  ["FROM a b", "expected FROM IMAGE or FROM IMAGE AS NAME"],
  ["FROM a AS 1x", "cannot name a stage"],
  ["FROM a AS b\nFROM a AS B", 'a stage before has the name "B"'],
])("%j is refused", (text, problem) => {
  expect(() => parse(text)).toThrow(problem);
});
