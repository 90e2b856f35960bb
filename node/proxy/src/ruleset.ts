import { createHash } from "node:crypto";
import type { IpFamily } from "@tsukube/foundation/ip-network";
import type { Frontend } from "./frontends.ts";

/** Names of tables and packets of a family in nftables. */
export const NFT_FAMILY = { IPv4: "ip", IPv6: "ip6" } as const;

/** Set in the packet mark of connections to masquerade; the bits below hold the number of the chosen backend. */
export const MASQUERADE_BIT = 0x4000_0000;

/**
 * The nftables table of one family as data. Choosing a backend is two map lookups whatever the number of Services: a frontend leads to the
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
export function rulesetOf(frontends: readonly Frontend[], family: IpFamily): Ruleset {
  const services = new Map<string, string>();
  const nodePorts = new Map<string, string>();
  const backends = new Map<string, string>();
  const nodeBackends = new Map<string, string>();
  const hairpins = new Set<string>();
  const drawChains = new Map<string, string>();
  const affinities = new Map<string, Affinity>();
  for (const frontend of frontends) {
    if (frontend.family !== family) continue;
    const count = frontend.backends.length;
    if (count === 0) continue;
    const atNode = frontend.address === undefined;
    const key = `${atNode ? "" : `${frontend.address} . `}${frontend.protocol} . ${frontend.port}`;
    const mark = frontend.masquerade ? MASQUERADE_BIT : 0;
    for (const backend of frontend.backends) {
      const address = addressOf(backend);
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
    drawChains.set(chain, drawRule(family, atNode, count, mark));
    (atNode ? nodePorts : services).set(key, chain);
    frontend.backends.forEach((backend, index) => {
      (atNode ? nodeBackends : backends).set(
        `${key} . ${hex(mark + index)}`,
        `${addressOf(backend)} . ${portOf(backend)}`,
      );
    });
  }
  return { services, nodePorts, backends, nodeBackends, hairpins, drawChains, affinities };
}

/** Of "10.64.0.2:80" or "[fd00::2]:80". */
export function addressOf(backend: string): string {
  return backend.slice(0, backend.lastIndexOf(":")).replaceAll(/[[\]]/g, "");
}

function portOf(backend: string): string {
  return backend.slice(backend.lastIndexOf(":") + 1);
}

function drawRule(family: IpFamily, atNode: boolean, count: number, mark: number): string {
  const ip = NFT_FAMILY[family];
  const draw = count === 1 ? hex(mark) : `numgen random mod ${count}${mark === 0 ? "" : ` offset ${mark}`}`;
  const key = atNode ? "meta l4proto . th dport . meta mark" : `${ip} daddr . meta l4proto . th dport . meta mark`;
  return `meta mark set ${draw} dnat ${ip} to ${key} map @${atNode ? "node-backends" : "backends"}`;
}

/** Fixed width, so that equal marks are equal text. */
export function hex(mark: number): string {
  return `0x${mark.toString(16).padStart(8, "0")}`;
}
