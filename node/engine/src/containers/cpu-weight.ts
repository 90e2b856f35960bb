import { weightOfShares } from "@tsukube/kernel";

/**
 * Pure: limits of the runtime's configuration with the weight that version 2 of control groups has instead of shares. Runtimes
 * disagree on what weight shares are; the groups above have it by one formula.
 */
export function withCpuWeight<T extends object>(resources: T, cgroupVersion: 1 | 2): T {
  const { cpu, unified } = resources as { cpu?: { shares?: number }; unified?: Readonly<Record<string, string>> };
  if (cgroupVersion === 1 || !(Number(cpu?.shares) > 0)) return resources;
  const { shares = 0, ...rest } = cpu ?? {};
  return { ...resources, cpu: rest, unified: { "cpu.weight": String(weightOfShares(shares)), ...unified } };
}
