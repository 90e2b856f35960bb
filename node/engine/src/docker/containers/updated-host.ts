import { availableParallelism } from "node:os";
import { TsukubeError } from "@tsukube/foundation";
import { checkResources, checkRestartPolicy } from "./checked-wishes.ts";
import type { HostConfigDocument } from "./documents.ts";

/** Limits and restart policy of a container after what `docker update` asks for. @throws {TsukubeError} `invalid`. */
export function updatedHost(before: HostConfigDocument, wish: HostConfigDocument): HostConfigDocument {
  const changes = Object.fromEntries(
    Object.entries(wish).filter(([key, value]) => isSaid(key, value)),
  ) as HostConfigDocument;
  const { NanoCpus, CpuQuota, CpuPeriod } = changes;
  const { NanoCpus: formerNano = 0, CpuQuota: formerQuota = 0 } = before;
  const cpu = NanoCpus && formerQuota === 0 ? {} : (CpuQuota || CpuPeriod) && formerNano > 0 ? { NanoCpus: 0 } : {};
  const updated = { ...before, ...changes, ...cpu };
  const { Memory = 0, MemorySwap = 0 } = updated;
  if (changes.Memory && !changes.MemorySwap && MemorySwap > 0 && Memory > MemorySwap)
    throw new TsukubeError(
      "invalid",
      "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
    );
  checkResources(updated, availableParallelism());
  checkRestartPolicy(updated);
  return updated;
}

function isSaid(key: string, value: unknown): boolean {
  if (key === "RestartPolicy" && !(value as { readonly Name?: string } | null)?.Name) return false;
  return value != null && value !== 0 && value !== "";
}
