import { expect, test } from "vitest";
import type { ImageConfig } from "../images/image-document.ts";
import { scanDockerfile } from "./dockerfile/scan.ts";
import { type Configured, configure } from "./image-config.ts";
import type { Scope } from "./scope.ts";

function configured(text: string, config: ImageConfig = {}): ImageConfig {
  let state: Configured = { config, ownCmd: false };
  for (const instruction of scanDockerfile(text, "f").instructions) {
    const scope: Scope = {
      escapeChar: "\\",
      env: state.config.Env ?? [],
      args: new Map([["arg", "x"]]),
      given: { buildArgs: new Map(), globals: new Map() },
    };
    state = configure(state, instruction, scope);
  }
  return state.config;
}

test("commands are words, or a line for the shell", () => {
  expect(configured('CMD ["a","b"]').Cmd).toEqual(["a", "b"]);
  expect(configured("CMD a b").Cmd).toEqual(["/bin/sh", "-c", "a b"]);
  expect(configured('SHELL ["bash","-ec"]\nENTRYPOINT a').Entrypoint).toEqual(["bash", "-ec", "a"]);
});

test("an entrypoint drops the command of the base, not one of this file", () => {
  expect(configured('ENTRYPOINT ["a"]', { Cmd: ["base"] })).toEqual({ Entrypoint: ["a"] });
  expect(configured('CMD ["own"]\nENTRYPOINT ["a"]', { Cmd: ["base"] }).Cmd).toEqual(["own"]);
});

test("variables come from ENV, then ARG", () => {
  const { Env } = configured('ENV A=1 B="x y"\nENV C=$A-${B}-$arg A=2\nENV D the  rest', { Env: ["A=0", "Z=z"] });
  expect(Env).toEqual(["A=2", "Z=z", "B=x y", "C=1-x y-x", "D=the  rest"]);
});

test("paths of WORKDIR add up", () => {
  expect(configured("WORKDIR /a\nWORKDIR b/../c").WorkingDir).toBe("/a/c");
  expect(configured("WORKDIR x").WorkingDir).toBe("/x");
});

test("ports, volumes, labels, users, signals and triggers", () => {
  expect(configured("EXPOSE 80 53/UDP 7000-7001").ExposedPorts).toEqual({
    "80/tcp": {},
    "53/udp": {},
    "7000/tcp": {},
    "7001/tcp": {},
  });
  expect(configured('VOLUME ["/a b"]\nVOLUME /c /d').Volumes).toEqual({ "/a b": {}, "/c": {}, "/d": {} });
  expect(configured('LABEL a=b "c d"="e f"').Labels).toEqual({ a: "b", "c d": "e f" });
  expect(configured("USER $arg:y\nSTOPSIGNAL SIGINT\nONBUILD RUN x")).toEqual({
    User: "x:y",
    StopSignal: "SIGINT",
    OnBuild: ["RUN x"],
  });
});

test("health checks count in nanoseconds", () => {
  expect(configured("HEALTHCHECK --interval=1m30s --retries=3 CMD curl x").Healthcheck).toEqual({
    Test: ["CMD-SHELL", "curl x"],
    Interval: 90e9,
    Retries: 3,
  });
  expect(configured("HEALTHCHECK NONE").Healthcheck).toEqual({ Test: ["NONE"] });
});

test.each(["EXPOSE 70000", "ENV A", "SHELL a", "HEALTHCHECK x", "ONBUILD FROM x", "HEALTHCHECK --interval=5 CMD x"])(
  "%s is refused with its place",
  (text) => {
    expect(() => configured(text)).toThrow(/^f:1:1: /);
  },
);
