import { withPort } from "@tsukube/foundation/ip-network";
import type { Network, PublishedPort } from "@tsukube/node-contracts";
import { NAME_PORT } from "./network-records.ts";
import { dropStrayLoopback } from "./stray-loopback.ts";

export interface ContainerTable {
  readonly table: string;
  /** Whether neighbours of this machine may send to containers: for who comes by an uplink, which asks for nothing else than what is published. */
  readonly isOpen?: boolean;
  readonly networks: readonly Network[];
  readonly ports: readonly PublishedPort[];
  /** There is a table of IPv6 to remove where no network has it. */
  readonly hadIpv6?: boolean;
}

type Family = "ip" | "ip6";

/**
 * The nftables script of container networks, which replaces the whole tables, one of each family: masquerades what leaves a network,
 * keeps networks apart, leads host ports to containers. It comes before pods' host ports and Services.
 */
export function containerTable(options: ContainerTable): string {
  const { table, networks, ports, hadIpv6 = false } = options;
  const isSix = ({ containerAddress }: PublishedPort): boolean => containerAddress.includes(":");
  const four = tableOf("ip", options, [
    ...hostPorts(ports.filter((port) => !isSix(port)).map(portRule)),
    ...dropStrayLoopback(networks.map(({ bridge }) => bridge)),
    ...postrouting(networks.flatMap(masquerades)),
  ]);
  const sixes = networks.filter(({ ipv6 }) => ipv6 !== undefined);
  if (sixes.length === 0) return hadIpv6 ? four + removeContainerTable("ip6", table) : four;
  const six = tableOf("ip6", { ...options, networks: sixes }, [
    ...hostPorts(ports.filter(isSix).map(ipv6PortRule)),
    ...postrouting(sixes.flatMap(ipv6Masquerades)),
    // a container that reaches another by a port of the host does so through the gateway: nobody may tell it of the short way
    "  chain redirects {",
    "    type filter hook output priority 0;",
    ...sixes.map(({ bridge }) => `    oifname "${bridge}" icmpv6 type nd-redirect drop`),
    "  }",
  ]);
  return four + six;
}

function tableOf(
  family: Family,
  { table, networks, isOpen = false }: ContainerTable,
  chains: readonly string[],
): string {
  return `${[
    `table ${family} ${table} {}`,
    `delete table ${family} ${table}`,
    `table ${family} ${table} {`,
    ...chains,
    "  chain prerouting {",
    "    type nat hook prerouting priority -102;",
    "    jump hostports",
    "  }",
    "  chain output {",
    "    type nat hook output priority -102;",
    "    jump hostports",
    "  }",
    "  chain forward {",
    "    type filter hook forward priority -1; policy accept;",
    "    ct state established,related accept",
    ...isolation(networks, isOpen),
    "  }",
    "}",
  ].join("\n")}\n`;
}

function hostPorts(rules: readonly string[]): readonly string[] {
  return ["  chain hostports {", ...rules, "  }"];
}

function postrouting(rules: readonly string[]): readonly string[] {
  return ["  chain postrouting {", "    type nat hook postrouting priority 99;", ...rules, "  }"];
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

/** The script that removes that of a family. */
export function removeContainerTable(family: Family, table: string): string {
  return `table ${family} ${table} {}\ndelete table ${family} ${table}\n`;
}

function portRule({ protocol, hostAddress, hostPort, containerAddress, containerPort }: PublishedPort): string {
  const where = hostAddress === "" || hostAddress === "0.0.0.0" ? "fib daddr type local" : `ip daddr ${hostAddress}`;
  return `    ${where} ${protocol} dport ${hostPort} dnat to ${containerAddress}:${containerPort}`;
}

/** The kernel leads nobody from ::1 to elsewhere. */
function ipv6PortRule({ protocol, hostAddress, hostPort, containerAddress, containerPort }: PublishedPort): string {
  const where = hostAddress === "::" ? "ip6 daddr != ::1 fib daddr type local" : `ip6 daddr ${hostAddress}`;
  return `    ${where} ${protocol} dport ${hostPort} dnat to ${withPort(containerAddress, containerPort)}`;
}

function ipv6Masquerades({ ipv6, bridge, internal, isRouted }: Network): readonly string[] {
  const subnet = ipv6?.subnet ?? "";
  return [
    `    ip6 saddr ${subnet} ip6 daddr ${subnet} ct status dnat masquerade`,
    ...(internal || isRouted
      ? []
      : [`    ip6 saddr ${subnet} ip6 daddr != ${subnet} oifname != "${bridge}" masquerade`]),
  ];
}

function masquerades({ subnet, bridge, internal, isRouted }: Network): readonly string[] {
  return [
    // clients on localhost, and a container that reaches itself by a port of the host, must see the answer come back
    `    ip saddr 127.0.0.0/8 oifname "${bridge}" masquerade`,
    `    ip saddr ${subnet} ip daddr ${subnet} ct status dnat masquerade`,
    ...(internal || isRouted ? [] : [`    ip saddr ${subnet} ip daddr != ${subnet} oifname != "${bridge}" masquerade`]),
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
    ...networks.map(
      ({ bridge, isIsolated }) =>
        `    iifname "${bridge}" oifname "${bridge}" ${isIsolated === true ? "drop" : "accept"}`,
    ),
    ...(networks.length > 0 ? [`    ${others}oifname { ${bridges} } drop`] : []),
  ];
}
