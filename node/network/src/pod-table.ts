import type { Lease } from "./leases.ts";
import { dropStrayLoopback } from "./stray-loopback.ts";

interface TableOptions {
  readonly table: string;
  readonly podCidr: string;
  readonly bridge: string;
}

/**
 * The nftables script of a pod network: masquerades what leaves it, and leads host ports to their pods. It replaces the whole
 * table in one transaction. Host ports come before Services (priority -101), as with upstream's portmap plugin.
 */
export function podTable(options: TableOptions, leases: readonly Lease[]): string {
  const { table, podCidr, bridge } = options;
  const ports = leases.flatMap((lease) => lease.ports.map((port) => ({ ...port, address: lease.address })));
  const jumps = ports.map(({ protocol, hostIp, hostPort, address, containerPort }) => {
    const where = hostIp === "" || hostIp === "0.0.0.0" ? "fib daddr type local" : `ip daddr ${hostIp}`;
    return `    ${where} ${protocol} dport ${hostPort} dnat to ${address}:${containerPort}`;
  });
  return `${[
    `table ip ${table} {}`,
    `delete table ip ${table}`,
    `table ip ${table} {`,
    "  chain hostports {",
    ...jumps,
    "  }",
    ...dropStrayLoopback([bridge]),
    "  chain prerouting {",
    "    type nat hook prerouting priority -101;",
    "    jump hostports",
    "  }",
    "  chain output {",
    "    type nat hook output priority -101;",
    "    jump hostports",
    "  }",
    "  chain postrouting {",
    "    type nat hook postrouting priority 99;",
    `    ip saddr ${podCidr} ip daddr != ${podCidr} oifname != "${bridge}" masquerade`,
    // clients on localhost must see the answer come back
    `    ip saddr 127.0.0.0/8 oifname "${bridge}" masquerade`,
    "  }",
    "  chain forward {",
    "    type filter hook forward priority 0; policy accept;",
    `    iifname "${bridge}" accept`,
    `    oifname "${bridge}" accept`,
    "  }",
    "}",
  ].join("\n")}\n`;
}

/** The script that removes it. */
export function removePodTable(table: string): string {
  return `table ip ${table} {}\ndelete table ip ${table}\n`;
}
