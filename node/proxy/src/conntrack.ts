import type { IpFamily } from "@tsukube/foundation/ip-network";
import { run } from "@tsukube/kernel";
import type { Frontend } from "./frontends.ts";
import { addressOf } from "./ruleset.ts";

/** A UDP frontend whose tracked flows lead to a backend that is gone, or nowhere. */
export interface StaleFlow {
  readonly family: IpFamily;
  readonly address: string | undefined;
  readonly port: number;
  /** Address of the backend; undefined: flows that were tracked while there was no backend. */
  readonly backend: string | undefined;
}

/**
 * UDP has no end of connection: a client that keeps sending from one port keeps its dead backend for ever, unless the flow is
 * forgotten. Pure.
 */
export function staleFlows(before: readonly Frontend[], after: readonly Frontend[]): readonly StaleFlow[] {
  const keyOf = (frontend: Frontend): string => `${frontend.family} ${frontend.address ?? ""}:${frontend.port}`;
  const now = new Map(
    after.filter((frontend) => frontend.protocol === "udp").map((frontend) => [keyOf(frontend), frontend]),
  );
  const out: StaleFlow[] = [];
  for (const old of before) {
    if (old.protocol !== "udp") continue;
    const current = now.get(keyOf(old));
    const { family, address, port } = old;
    for (const backend of old.backends) {
      if (current?.backends.includes(backend) !== true)
        out.push({ family, address, port, backend: addressOf(backend) });
    }
    if (old.backends.length === 0 && (current?.backends.length ?? 0) > 0)
      out.push({ family, address, port, backend: undefined });
  }
  return out;
}

/** Forgets tracked flows; there may be none. */
export async function forgetFlows(flows: readonly StaleFlow[]): Promise<void> {
  for (const { family, address, port, backend } of flows) {
    const where = address === undefined ? [] : ["--orig-dst", address];
    const to = backend === undefined ? [] : ["--dst-nat", backend];
    await run(
      "conntrack",
      ["-D", "-f", family.toLowerCase(), "-p", "udp", ...where, "--orig-port-dst", String(port), ...to],
      { accept: [0, 1] },
    );
  }
}
