import type { Network, PublishedPort } from "@tsukube/node-contracts";
import { NAME_PORT } from "./network-records.ts";
import { dropStrayLoopback } from "./stray-loopback.ts";

export interface ContainerTable {
  readonly table: string;
  /** Whether neighbours of this machine may send to containers: for who comes by an uplink, which asks for nothing else than what is published. */
  readonly isOpen?: boolean;
  readonly networks: readonly Network[];
  readonly ports: readonly PublishedPort[];
}

/**
 * The nftables script of container networks, which replaces the whole table: masquerades what leaves a network, keeps networks
 * apart, leads host ports to containers. It comes before pods' host ports and Services.
 */
export function containerTable({ table, networks, ports, isOpen = false }: ContainerTable): string {
  return `${[
    `table ip ${table} {}`,
    `delete table ip ${table}`,
    `table ip ${table} {`,
    "  chain hostports {",
    ...ports.map(portRule),
    "  }",
    ...dropStrayLoopback(networks.map(({ bridge }) => bridge)),
    "  chain prerouting {",
    "    type nat hook prerouting priority -102;",
    "    jump hostports",
    "  }",
    "  chain output {",
    "    type nat hook output priority -102;",
    "    jump hostports",
    "  }",
    "  chain postrouting {",
    "    type nat hook postrouting priority 99;",
    ...networks.flatMap(masquerades),
    "  }",
    "  chain forward {",
    "    type filter hook forward priority -1; policy accept;",
    "    ct state established,related accept",
    ...isolation(networks, isOpen),
    "  }",
    "}",
  ].join("\n")}\n`;
}

/** The script for a container's network namespace that makes 127.0.0.11 lead to who answers names at its gateway. */
export function nameTable(gateway: string): string {
  return `${[
    "table ip tsukube-names {}",
    "delete table ip tsukube-names",
    "table ip tsukube-names {",
    ...dropStrayLoopback(),
    "  chain output {",
    "    type nat hook output priority -100;",
    ...["udp", "tcp"].map((protocol) => `    ip daddr 127.0.0.11 ${protocol} dport 53 dnat to ${gateway}:${NAME_PORT}`),
    "  }",
    "  chain postrouting {",
    "    type nat hook postrouting priority 100;",
    `    ip daddr ${gateway} ip saddr 127.0.0.0/8 masquerade`,
    "  }",
    "}",
  ].join("\n")}\n`;
}

/** The script that removes it. */
export function removeContainerTable(table: string): string {
  return `table ip ${table} {}\ndelete table ip ${table}\n`;
}

function portRule({ protocol, hostAddress, hostPort, containerAddress, containerPort }: PublishedPort): string {
  const where = hostAddress === "" || hostAddress === "0.0.0.0" ? "fib daddr type local" : `ip daddr ${hostAddress}`;
  return `    ${where} ${protocol} dport ${hostPort} dnat to ${containerAddress}:${containerPort}`;
}

function masquerades({ subnet, bridge, internal }: Network): readonly string[] {
  return [
    // clients on localhost, and a container that reaches itself by a port of the host, must see the answer come back
    `    ip saddr 127.0.0.0/8 oifname "${bridge}" masquerade`,
    `    ip saddr ${subnet} ip daddr ${subnet} ct status dnat masquerade`,
    ...(internal ? [] : [`    ip saddr ${subnet} ip daddr != ${subnet} oifname != "${bridge}" masquerade`]),
  ];
}

/** A container is reached from its own networks, and from everywhere by what it publishes. */
function isolation(networks: readonly Network[], isOpen: boolean): readonly string[] {
  const internal = networks.filter((network) => network.internal);
  const bridges = networks.map(({ bridge }) => `"${bridge}"`).join(", ");
  const others = isOpen ? `iifname { ${bridges} } ` : "";
  return [
    ...internal.flatMap(({ bridge }) => [
      `    iifname "${bridge}" oifname != "${bridge}" drop`,
      `    oifname "${bridge}" iifname != "${bridge}" drop`,
    ]),
    "    ct status dnat accept", // a published port is for everyone
    ...networks.map(({ bridge }) => `    iifname "${bridge}" oifname "${bridge}" accept`),
    ...(networks.length > 0 ? [`    ${others}oifname { ${bridges} } drop`] : []),
  ];
}
