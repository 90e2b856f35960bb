import { createHash } from "node:crypto";
import type { Frontend } from "./frontends.ts";

/** Set in the packet mark of connections to masquerade; the bits below hold the number of the chosen backend. */
export const MASQUERADE_BIT = 0x4000_0000;

/**
 * The nftables table as data. Choosing a backend is two map lookups whatever the number of Services: a frontend leads to the
 * chain of its number of backends, which draws a number below it, and (frontend, number) leads to the backend. A Service of
 * three backends and one of five draw from chains of their own, so weights are exact. Never an anonymous set per Service: the
 * kernel's cost of those is quadratic.
 */
export interface Ruleset {
  /** `address . protocol . port` to the chain that draws. */
  readonly services: ReadonlyMap<string, string>;
  /** `protocol . port` to the chain that draws. */
  readonly nodePorts: ReadonlyMap<string, string>;
  /** `address . protocol . port . mark` to `address . port`. */
  readonly backends: ReadonlyMap<string, string>;
  /** `protocol . port . mark` to `address . port`. */
  readonly nodeBackends: ReadonlyMap<string, string>;
  /** `address . address` of every backend: a pod that reaches itself through a Service must be masqueraded. */
  readonly hairpins: ReadonlySet<string>;
  /** Chains that draw, by name: their one or two statements. */
  readonly drawChains: ReadonlyMap<string, string>;
  /** Frontends with session affinity, by chain name. */
  readonly affinities: ReadonlyMap<string, Affinity>;
}

export interface Affinity {
  readonly protocol: Frontend["protocol"];
  readonly seconds: number;
  readonly mark: number;
  /** "address:port". */
  readonly backends: readonly string[];
}

/** Pure. Frontends without backends are left out: what reaches their address is rejected by the table's filter. */
export function rulesetOf(frontends: readonly Frontend[]): Ruleset {
  const services = new Map<string, string>();
  const nodePorts = new Map<string, string>();
  const backends = new Map<string, string>();
  const nodeBackends = new Map<string, string>();
  const hairpins = new Set<string>();
  const drawChains = new Map<string, string>();
  const affinities = new Map<string, Affinity>();
  for (const frontend of frontends) {
    const count = frontend.backends.length;
    if (count === 0) continue;
    const atNode = frontend.address === undefined;
    const key = `${atNode ? "" : `${frontend.address} . `}${frontend.protocol} . ${frontend.port}`;
    const mark = frontend.masquerade ? MASQUERADE_BIT : 0;
    for (const backend of frontend.backends) {
      const address = backend.slice(0, backend.indexOf(":"));
      hairpins.add(`${address} . ${address}`);
    }
    if (frontend.affinitySeconds > 0) {
      const chain = `sticky-${createHash("sha256").update(key).digest("hex").slice(0, 12)}`;
      affinities.set(chain, {
        protocol: frontend.protocol,
        seconds: frontend.affinitySeconds,
        mark,
        backends: frontend.backends,
      });
      (atNode ? nodePorts : services).set(key, chain);
      continue;
    }
    const chain = `${atNode ? "node" : "service"}-${frontend.masquerade ? "masq-" : ""}${count}`;
    drawChains.set(chain, drawRule(atNode, count, mark));
    (atNode ? nodePorts : services).set(key, chain);
    frontend.backends.forEach((backend, index) => {
      (atNode ? nodeBackends : backends).set(`${key} . ${hex(mark + index)}`, backend.replace(":", " . "));
    });
  }
  return { services, nodePorts, backends, nodeBackends, hairpins, drawChains, affinities };
}

function drawRule(atNode: boolean, count: number, mark: number): string {
  const draw = count === 1 ? hex(mark) : `numgen random mod ${count}${mark === 0 ? "" : ` offset ${mark}`}`;
  const key = atNode ? "meta l4proto . th dport . meta mark" : "ip daddr . meta l4proto . th dport . meta mark";
  return `meta mark set ${draw} dnat ip to ${key} map @${atNode ? "node-backends" : "backends"}`;
}

/** Fixed width, so that equal marks are equal text. */
export function hex(mark: number): string {
  return `0x${mark.toString(16).padStart(8, "0")}`;
}
