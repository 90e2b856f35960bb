import { arch } from "node:os";
import { expect, test } from "vitest";
import facts from "../../facts/seccomp.json" with { type: "json" };
import { isKernelFrom, seccompOf } from "./seccomp.ts";

interface Rule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly object[];
}

interface Section {
  readonly defaultAction: string;
  readonly architectures: readonly string[];
  readonly syscalls: readonly Rule[];
}

/** What a section says of each system call, however its rules are put together. */
function said({ syscalls }: Section): readonly string[] {
  const each = syscalls.flatMap(({ names, ...rule }) =>
    names.map((name) => JSON.stringify([name, rule.action, rule.errnoRet, rule.args ?? []])),
  );
  return [...new Set(each)].sort();
}

const DEFAULT = { profileType: "RuntimeDefault" } as never;

test("with the default capabilities the default profile is Docker's", () => {
  const machine = arch() === "arm64" ? "aarch64" : "x86_64";
  const section = seccompOf(DEFAULT, facts.defaultCapabilities) as Section;
  const recorded = facts.flat[machine] as unknown as Section;
  expect([section.defaultAction, section.architectures]).toEqual([recorded.defaultAction, recorded.architectures]);
  expect(said(section)).toEqual(said(recorded));
});

test("a capability allows what it is for, and its rules end those for who has it not", () => {
  const allowed = (capabilities: readonly string[]) => {
    const { syscalls } = seccompOf(DEFAULT, capabilities) as Section;
    return new Set(syscalls.filter(({ action }) => action === "SCMP_ACT_ALLOW").flatMap(({ names }) => names));
  };
  expect(["mount", "bpf"].map((name) => allowed(facts.defaultCapabilities).has(name))).toEqual([false, false]);
  expect(["mount", "bpf"].map((name) => allowed(["CAP_SYS_ADMIN"]).has(name))).toEqual([true, true]);
});

test.each([
  ["4.8", "4.8.0", true],
  ["4.8", "4.19.0-21-amd64", true],
  ["4.8", "5.15.0", true],
  ["4.8", "4.4.0", false],
  ["5.10", "5.4.0", false],
])("a rule for kernels from %s on is for %s: %s", (least, release, expected) => {
  expect(isKernelFrom(least, release)).toBe(expected);
});
