import { readFileSync } from "node:fs";
import type { LinuxContainerSecurityContext } from "@tsukube/node-contracts/cri";
import defaults from "../../facts/container-defaults.json" with { type: "json" };

export interface CapabilitySets {
  readonly bounding: readonly string[];
  readonly permitted: readonly string[];
  readonly effective: readonly string[];
  readonly inheritable: readonly string[];
  readonly ambient: readonly string[];
}

interface Facts {
  readonly capabilities: { readonly default: readonly string[]; readonly allByNumber: readonly string[] };
}
function facts(): Facts["capabilities"] {
  return (defaults as Facts).capabilities;
}

/** What a container may have: the default set, then ALL, then each added, then each dropped; never more than the host's. */
export function capabilitiesOf(
  security: LinuxContainerSecurityContext | undefined,
  bounding: ReadonlySet<string>,
): CapabilitySets {
  const named = (names: readonly string[] | undefined): string[] =>
    (names ?? [])
      .map((name) => name.toUpperCase())
      .map((name) => (name === "ALL" || name.startsWith("CAP_") ? name : `CAP_${name}`));
  const add = named(security?.capabilities?.addCapabilities);
  const drop = named(security?.capabilities?.dropCapabilities);
  let set = new Set(security?.privileged === true || add.includes("ALL") ? bounding : facts().default);
  if (drop.includes("ALL") && security?.privileged !== true) set = new Set();
  for (const name of add) if (name !== "ALL") set.add(name);
  if (security?.privileged !== true) for (const name of drop) set.delete(name);
  const all = [...set].filter((name) => bounding.has(name)).sort();
  const ambient = named(security?.capabilities?.addAmbientCapabilities).filter((name) => all.includes(name));
  return { bounding: all, permitted: all, effective: all, inheritable: ambient, ambient };
}

/** The bounding set of this process (proc(5), CapBnd). */
export function boundingCapabilities(status: string = readFileSync("/proc/self/status", "utf8")): ReadonlySet<string> {
  const mask = BigInt(`0x${/CapBnd:\s*([0-9a-f]+)/.exec(status)?.[1] ?? "0"}`);
  return new Set(facts().allByNumber.filter((_, number) => (mask >> BigInt(number)) & 1n));
}
