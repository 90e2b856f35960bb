import { expect, test } from "vitest";
import { helpOf, parseFlags } from "./flags.ts";

const FLAGS = {
  "etcd-servers": { takes: "URLS", help: "Where it is." },
  "allow-privileged": { help: "Always so." },
  profiling: { help: "Never.", only: ["false"] },
  v: { takes: "LEVEL", help: "What is logged." },
} as const;

test.each<[readonly string[], object]>([
  [["--etcd-servers=http://a", "--etcd_servers", "http://b=c"], { "etcd-servers": ["http://a", "http://b=c"] }],
  [["-v=4", "--allow-privileged", "-v", "5"], { v: ["4", "5"], "allow-privileged": ["true"] }],
  [["--allow-privileged=false", "--etcd-servers="], { "allow-privileged": ["false"], "etcd-servers": [""] }],
])("%j are flags as Go's programs have them", (args, given) => {
  expect(parseFlags("kube-apiserver", FLAGS, args)).toEqual(given);
});

test.each([
  [["--other=x"], 'Cannot start kube-apiserver: unknown flag "--other=x", expected one of those that --help lists'],
  [["serve"], 'unknown flag "serve"'],
  [["--constructor"], 'unknown flag "--constructor"'],
  [["--v"], "--v has no value, expected --v=LEVEL"],
  [["--profiling"], '--profiling is "true", expected false: nothing else is offered yet'],
  [["--later=1"], "Cannot start kube-apiserver: --later is not offered yet, expected it left out"],
])("%j is refused", (args, message) => {
  expect(() => parseFlags("kube-apiserver", FLAGS, args, ["later"])).toThrow(message);
});

test("help lists each flag on a line of its own", () => {
  expect(parseFlags("kube-apiserver", FLAGS, ["--v=1", "--help"])).toBeUndefined();
  const lines = helpOf("kube-apiserver", "About.", FLAGS).split("\n");
  for (const name of Object.keys(FLAGS))
    expect(lines.filter((line) => line.trim().startsWith(`--${name} `))).toHaveLength(1);
});
