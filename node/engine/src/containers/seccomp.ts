import { readFileSync } from "node:fs";
import { arch, release } from "node:os";
import type { SecurityProfile } from "@tsukube/node-contracts/cri";
import facts from "../../facts/seccomp.json" with { type: "json" };

interface Condition {
  readonly arches?: readonly string[];
  readonly caps?: readonly string[];
  readonly minKernel?: string;
}
interface Rule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly object[];
  readonly includes?: Condition;
  readonly excludes?: Condition;
}
interface Facts {
  readonly archMap: readonly (readonly string[])[];
  readonly docker: DockerProfile;
}

/** The seccomp section for a profile; undefined when the container runs without one. */
export function seccompOf(profile: SecurityProfile | undefined, capabilities: readonly string[]): object | undefined {
  if (profile === undefined || profile.profileType === "Unconfined") return undefined;
  if (profile.profileType === "Localhost")
    return JSON.parse(readFileSync(profile.localhostRef ?? "", "utf8")) as object;
  return fromDockerProfile((facts as unknown as Facts).docker, capabilities);
}

/** A profile in Docker's form: rules may depend on the machine, the kernel and the capabilities. */
export interface DockerProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly rules: readonly Rule[];
}

/** The section of the runtime's configuration that a profile in Docker's form makes. */
export function fromDockerProfile(profile: DockerProfile, capabilities: readonly string[]): object {
  const loaded = facts as unknown as Facts;
  const machine = arch() === "arm64" ? "arm64" : "amd64";
  const architectures = loaded.archMap.find(
    ([first]) => first === (machine === "arm64" ? "SCMP_ARCH_AARCH64" : "SCMP_ARCH_X86_64"),
  );
  const { defaultAction, defaultErrnoRet, rules } = profile;
  const syscalls = rules
    .filter(
      (rule) =>
        holds(rule.includes, capabilities, machine, true) && !holds(rule.excludes, capabilities, machine, false),
    )
    .map(({ includes: _, excludes: __, ...rule }) => rule);
  return { defaultAction, ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }), architectures, syscalls };
}

/** Includes demand every condition given; excludes apply when any does. */
function holds(
  condition: Condition | undefined,
  capabilities: readonly string[],
  machine: string,
  every: boolean,
): boolean {
  if (condition === undefined) return every;
  const results: boolean[] = [];
  if (condition.arches !== undefined) results.push(condition.arches.includes(machine));
  if (condition.caps !== undefined) results.push(condition.caps.every((name) => capabilities.includes(name)));
  if (condition.minKernel !== undefined) results.push(isKernelFrom(condition.minKernel, release()));
  return every ? results.every(Boolean) : results.some(Boolean);
}

/** @param least "4.8". @param kernel Such as "4.19.0-21-amd64". */
export function isKernelFrom(least: string, kernel: string): boolean {
  const [major = 0, minor = 0] = kernel.split(".").map((part) => Number.parseInt(part, 10));
  const [leastMajor = 0, leastMinor = 0] = least.split(".").map(Number);
  return major === leastMajor ? minor >= leastMinor : major > leastMajor;
}
