import { addressAt, parseIp, parseIpNetwork, withPort } from "@tsukube/foundation/ip-network";
import type { Lease, LeasedPort } from "./leases.ts";
import { dropStrayLoopback } from "./stray-loopback.ts";

interface TableOptions {
  readonly table: string;
  readonly podCidr: string;
  readonly bridge: string;
  /** Where pods have IPv6 as well. */
  readonly ipv6?: { readonly podCidr: string };
}

/** A host port, and the address of the pod that it leads to. */
interface Jump extends LeasedPort {
  readonly address: string;
}

/**
 * The nftables script of a pod network: masquerades what leaves it, and leads host ports to their pods. It replaces the whole
 * tables, one of each family, in one transaction. Host ports come before Services (priority -101), as with upstream's portmap
 * plugin.
 */
export function podTable(options: TableOptions, leases: readonly Lease[]): string {
  const { ipv6, podCidr } = options;
  const jumps = (addressOf: (lease: Lease) => string): readonly Jump[] =>
    leases.flatMap((lease) => lease.ports.map((port) => ({ ...port, address: addressOf(lease) })));
  const four = table4(
    options,
    jumps(({ address }) => address),
  );
  if (ipv6 === undefined) return four;
  const network = ipv6.podCidr;
  return (
    four +
    table6(
      options,
      network,
      jumps(({ address }) => siblingOf(address, podCidr, network)),
    )
  );
}

function table4({ table, podCidr, bridge }: TableOptions, jumps: readonly Jump[]): string {
  return tableOf(`ip ${table}`, bridge, [
    ...hostPorts(
      jumps.filter(({ hostIp }) => !hostIp.includes(":")),
      "ip",
      "fib daddr type local",
    ),
    ...dropStrayLoopback([bridge]),
    "  chain postrouting {",
    "    type nat hook postrouting priority 99;",
    `    ip saddr ${podCidr} ip daddr != ${podCidr} oifname != "${bridge}" masquerade`,
    // clients on localhost must see the answer come back
    `    ip saddr 127.0.0.0/8 oifname "${bridge}" masquerade`,
    "  }",
  ]);
}

function table6({ table, bridge }: TableOptions, podCidr: string, jumps: readonly Jump[]): string {
  return tableOf(`ip6 ${table}`, bridge, [
    ...hostPorts(
      jumps.filter(({ hostIp }) => hostIp === "" || hostIp.includes(":")),
      "ip6",
      "ip6 daddr != ::1 fib daddr type local",
    ),
    "  chain postrouting {",
    "    type nat hook postrouting priority 99;",
    `    ip6 saddr ${podCidr} ip6 daddr != ${podCidr} oifname != "${bridge}" masquerade`,
    "  }",
    // pods of one node talk through the gateway on purpose: nobody may tell them of the short way
    "  chain redirects {",
    "    type filter hook output priority 0;",
    `    oifname "${bridge}" icmpv6 type nd-redirect drop`,
    "  }",
  ]);
}

function hostPorts(jumps: readonly Jump[], ip: "ip" | "ip6", anywhere: string): readonly string[] {
  const rules = jumps.map(({ protocol, hostIp, hostPort, address, containerPort }) => {
    const where = ["", "0.0.0.0", "::"].includes(hostIp) ? anywhere : `${ip} daddr ${hostIp}`;
    return `    ${where} ${protocol} dport ${hostPort} dnat to ${withPort(address, containerPort)}`;
  });
  return ["  chain hostports {", ...rules, "  }"];
}

function tableOf(table: string, bridge: string, chains: readonly string[]): string {
  return `${[
    `table ${table} {}`,
    `delete table ${table}`,
    `table ${table} {`,
    ...chains,
    "  chain prerouting {",
    "    type nat hook prerouting priority -101;",
    "    jump hostports",
    "  }",
    "  chain output {",
    "    type nat hook output priority -101;",
    "    jump hostports",
    "  }",
    "  chain forward {",
    "    type filter hook forward priority 0; policy accept;",
    `    iifname "${bridge}" accept`,
    `    oifname "${bridge}" accept`,
    "  }",
    "}",
  ].join("\n")}\n`;
}

/** The IPv6 address of the pod that has an IPv4 one: as far from the first of its network. */
export function siblingOf(address: string, podCidr: string, network: string): string {
  const [four, six] = [parseIpNetwork(podCidr)!, parseIpNetwork(network)!];
  return addressAt(six, parseIp(address)!.value - four.base);
}

/** The script that removes it. @param hasIpv6 Whether there is one of IPv6, too. */
export function removePodTable(table: string, hasIpv6 = false): string {
  const tables = [`ip ${table}`, ...(hasIpv6 ? [`ip6 ${table}`] : [])];
  return tables.map((each) => `table ${each} {}\ndelete table ${each}\n`).join("");
}
