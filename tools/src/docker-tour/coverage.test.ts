import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { endpoints } from "@tsukube/engine/endpoints";
import { expect, test } from "vitest";
import { callsIn } from "./arguments.ts";
import { COMPOSE, ENDPOINTS, RUN_FLAGS, VERBS } from "./coverage.ts";
import { STEPS } from "./steps.ts";

const ROOT = dirname(dirname(dirname(import.meta.dirname)));
const tests = globSync(["e2e/src/*.test.ts", "node/engine/src/**/*.test.ts"], { cwd: ROOT });
const read = (paths: readonly string[]) => paths.map((path) => readFileSync(join(ROOT, path), "utf8")).join("\n");
const sources = read(tests);
const words = sources.replace(/[\s"',[\]`]+/g, " ");
/** Flags that literals begin with: "-it" is "-i" and "-t". */
const given = [...read(tests.filter((path) => path.startsWith("e2e/src/docker"))).matchAll(/["`](-[^"`]*)["`]/g)]
  .flatMap(([, literal = ""]) => literal.split(" ").filter((word) => word.startsWith("-")))
  .flatMap((word) => (/^-[a-zA-Z]+$/.test(word) ? [...word.slice(1)].map((letter) => `-${letter}`) : [word]));

test("each endpoint of Docker's API is told with its test", () => {
  expect(Object.keys(ENDPOINTS).sort()).toEqual([...new Set(endpoints())].sort());
});

test.each(Object.entries(ENDPOINTS))("%s has the test that is told: %s", (_, said) => {
  expect(
    words
      .split(said)
      .slice(1)
      .some((rest) => !/^[\w-]/.test(rest)),
  ).toBe(true);
});

const calls = STEPS.flatMap(callsIn);

test("a step is the calls of docker in it, with the flags before the image", () => {
  expect(
    callsIn("echo -n x | docker run --rm -it -e A='-v b' --cpus=1 B sh -c 'docker ps -a | -p' && docker network ls -q"),
  ).toEqual([
    { verb: "run", flags: ["--rm", "-i", "-t", "-e", "--cpus"] },
    { verb: "network ls", flags: ["-q"] },
  ]);
  expect(callsIn("host docker run -d B")).toEqual([]);
});

test.each(VERBS)("the tour has a step with docker %s", (verb) => {
  expect(calls.map((call) => call.verb)).toContain(verb);
});

test.each(RUN_FLAGS)("the tour has a step with run %s, and a test looks at its effect", (flag) => {
  expect(calls.filter(({ verb }) => verb === "run" || verb === "create").flatMap(({ flags }) => flags)).toContain(flag);
  expect(given).toContain(flag);
});

test.each(COMPOSE)("a test has %s", (said) => {
  expect(sources).toContain(said);
});
