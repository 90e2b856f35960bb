import type { IpFamily } from "@tsukube/foundation/ip-network";
import { type Affinity, hex, MASQUERADE_BIT, NFT_FAMILY, type Ruleset } from "./ruleset.ts";

/** Of the table of one family. */
export interface TableOptions {
  readonly family: IpFamily;
  /** "tsukube-default". */
  readonly table: string;
  readonly serviceCidr: string;
  /** The pods' bridge: localhost's node ports leave through it. */
  readonly bridge: string;
}

/** The script that replaces the whole table in one transaction. Connections that exist keep their backend. */
export function fullScript(options: TableOptions, rules: Ruleset): string {
  const { family } = options;
  const [ip, table] = [NFT_FAMILY[family], tableOf(options)];
  const type = family === "IPv4" ? "ipv4_addr" : "ipv6_addr";
  // localhost leads to a pod by route_localnet, which IPv4 alone has
  const isNode = family === "IPv4" ? "fib daddr type local" : "ip6 daddr != ::1 fib daddr type local";
  const fromLocalhost = family === "IPv4" ? [`    ip saddr 127.0.0.0/8 oifname "${options.bridge}" masquerade`] : [];
  const lines = [
    `table ${table} {}`,
    `delete table ${table}`,
    `table ${table} {`,
    `  map services { type ${type} . inet_proto . inet_service : verdict; }`,
    "  map node-ports { type inet_proto . inet_service : verdict; }",
    `  map backends { type ${type} . inet_proto . inet_service . mark : ${type} . inet_service; }`,
    `  map node-backends { type inet_proto . inet_service . mark : ${type} . inet_service; }`,
    `  set hairpins { type ${type} . ${type}; }`,
    "  chain dispatch {",
    `    ${ip} daddr . meta l4proto . th dport vmap @services`,
    `    ${isNode} meta l4proto . th dport vmap @node-ports`,
    "  }",
    "  chain prerouting {",
    "    type nat hook prerouting priority -100;",
    "    jump dispatch",
    "  }",
    "  chain output {",
    "    type nat hook output priority -100;",
    "    jump dispatch",
    "  }",
    "  chain postrouting {",
    "    type nat hook postrouting priority 100;",
    `    meta mark & ${hex(MASQUERADE_BIT)} != 0 ct status dnat masquerade`,
    `    ${ip} saddr . ${ip} daddr @hairpins masquerade`,
    ...fromLocalhost,
    "  }",
    // whatever still goes to a Service address here has no backend: answer, instead of letting it run into a time-out
    "  chain reject-unserved {",
    `    ${ip} daddr ${options.serviceCidr} meta l4proto tcp reject with tcp reset`,
    `    ${ip} daddr ${options.serviceCidr} reject`,
    "  }",
    "  chain filter-forward {",
    "    type filter hook forward priority 0;",
    "    jump reject-unserved",
    "  }",
    "  chain filter-output {",
    "    type filter hook output priority 0;",
    "    jump reject-unserved",
    "  }",
    "}",
  ];
  return `${[...lines, ...changes(options, EMPTY, rules)].join("\n")}\n`;
}

/** The script that turns the table from one ruleset into another in one transaction; undefined when they are equal. */
export function incrementalScript(options: TableOptions, before: Ruleset, after: Ruleset): string | undefined {
  const lines = changes(options, before, after);
  return lines.length === 0 ? undefined : `${lines.join("\n")}\n`;
}

export function removeScript(options: Pick<TableOptions, "family" | "table">): string {
  const table = tableOf(options);
  return `table ${table} {}\ndelete table ${table}\n`;
}

/** "ip tsukube-default". */
function tableOf({ family, table }: Pick<TableOptions, "family" | "table">): string {
  return `${NFT_FAMILY[family]} ${table}`;
}

const EMPTY: Ruleset = {
  services: new Map(),
  nodePorts: new Map(),
  backends: new Map(),
  nodeBackends: new Map(),
  hairpins: new Set(),
  drawChains: new Map(),
  affinities: new Map(),
};

/** Order matters inside the transaction: chains exist before elements lead to them, and elements are gone before their chains. */
function changes(options: Pick<TableOptions, "family" | "table">, before: Ruleset, after: Ruleset): string[] {
  const table = tableOf(options);
  const out: string[] = [];
  const dead: string[] = [];
  for (const [chain, rule] of after.drawChains) {
    if (!before.drawChains.has(chain)) out.push(`add chain ${table} ${chain}`, `add rule ${table} ${chain} ${rule}`);
  }
  for (const [chain, affinity] of after.affinities) {
    const old = before.affinities.get(chain);
    if (old === undefined || !sameAffinity(old, affinity))
      addAffinity(out, dead, { table, family: options.family }, chain, old, affinity);
  }
  const goto = (chain: string): string => `goto ${chain}`;
  elements(out, table, "services", before.services, after.services, goto);
  elements(out, table, "node-ports", before.nodePorts, after.nodePorts, goto);
  elements(out, table, "backends", before.backends, after.backends);
  elements(out, table, "node-backends", before.nodeBackends, after.nodeBackends);
  hairpins(out, table, before.hairpins, after.hairpins);
  for (const chain of before.drawChains.keys()) {
    if (!after.drawChains.has(chain)) dead.push(`delete chain ${table} ${chain}`);
  }
  for (const [chain, affinity] of before.affinities) {
    if (!after.affinities.has(chain)) removeAffinity(dead, table, chain, affinity);
  }
  return [...out, ...dead];
}

function elements(
  out: string[],
  table: string,
  map: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  render: (value: string) => string = (value) => value,
): void {
  const gone = [...before].filter(([key, value]) => after.get(key) !== value).map(([key]) => key);
  const fresh = [...after]
    .filter(([key, value]) => before.get(key) !== value)
    .map(([key, value]) => `${key} : ${render(value)}`);
  if (gone.length > 0) out.push(`delete element ${table} ${map} { ${gone.join(", ")} }`);
  if (fresh.length > 0) out.push(`add element ${table} ${map} { ${fresh.join(", ")} }`);
}

function hairpins(out: string[], table: string, before: ReadonlySet<string>, after: ReadonlySet<string>): void {
  const gone = [...before].filter((key) => !after.has(key));
  const fresh = [...after].filter((key) => !before.has(key));
  if (gone.length > 0) out.push(`delete element ${table} hairpins { ${gone.join(", ")} }`);
  if (fresh.length > 0) out.push(`add element ${table} hairpins { ${fresh.join(", ")} }`);
}

function sameAffinity(a: Affinity, b: Affinity): boolean {
  return a.seconds === b.seconds && a.mark === b.mark && a.backends.join() === b.backends.join();
}

/**
 * One chain per frontend and one set of clients per backend. A client found in a set goes there again and its time starts
 * anew; others draw. Sets of backends that stay are kept, so that a change of one backend moves nobody else's clients.
 */
function addAffinity(
  out: string[],
  dead: string[],
  { table, family }: Pick<TableOptions, "family" | "table">,
  chain: string,
  old: Affinity | undefined,
  affinity: Affinity,
): void {
  const [ip, type] = [NFT_FAMILY[family], family === "IPv4" ? "ipv4_addr" : "ipv6_addr"];
  const keeps = new Set(old?.seconds === affinity.seconds ? old.backends : []);
  if (old === undefined) out.push(`add chain ${table} ${chain}`);
  else out.push(`flush chain ${table} ${chain}`);
  for (const backend of old?.backends ?? []) {
    out.push(`flush chain ${table} ${stickyName(chain, backend)}`);
    if (!affinity.backends.includes(backend)) forget(dead, table, chain, backend);
  }
  for (const backend of affinity.backends) {
    const name = stickyName(chain, backend);
    const known = old?.backends.includes(backend) === true;
    if (known && !keeps.has(backend)) out.push(`delete set ${table} ${name}`);
    if (!known || !keeps.has(backend)) {
      out.push(`add set ${table} ${name} { type ${type}; flags dynamic,timeout; timeout ${affinity.seconds}s; }`);
    }
    if (!known) out.push(`add chain ${table} ${name}`);
    out.push(
      `add rule ${table} ${name} meta l4proto ${affinity.protocol} update @${name} { ${ip} saddr } meta mark set ${hex(affinity.mark)} dnat to ${backend}`,
    );
    out.push(`add rule ${table} ${chain} ${ip} saddr @${name} goto ${name}`);
  }
  const names = affinity.backends.map((backend) => stickyName(chain, backend));
  const draws = names.map((name, index) => `${index} : goto ${name}`);
  const draw =
    draws.length === 1 ? `goto ${names[0]}` : `numgen random mod ${draws.length} vmap { ${draws.join(", ")} }`;
  out.push(`add rule ${table} ${chain} ${draw}`);
}

function removeAffinity(dead: string[], table: string, chain: string, affinity: Affinity): void {
  dead.push(`flush chain ${table} ${chain}`, `delete chain ${table} ${chain}`);
  for (const backend of affinity.backends) {
    dead.push(`flush chain ${table} ${stickyName(chain, backend)}`);
    forget(dead, table, chain, backend);
  }
}

function forget(dead: string[], table: string, chain: string, backend: string): void {
  const name = stickyName(chain, backend);
  dead.push(`delete chain ${table} ${name}`, `delete set ${table} ${name}`);
}

function stickyName(chain: string, backend: string): string {
  return `${chain}-${backend.replaceAll(/[.:[\]]/g, "-")}`;
}
