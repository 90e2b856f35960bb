import { readdir } from "node:fs/promises";
import { TsukubeError } from "@tsukube/foundation";
import { readRecord, writeRecord } from "@tsukube/host";
import { type Commands, systemCommands } from "./commands.ts";
import { macOf } from "./mac-address.ts";

export interface BridgeOptions {
  /** Link name, such as "tsukube0". */
  readonly name: string;
  /** The bridge's own address, such as "10.64.0.1": gateway of the pods and endpoint of the API server. */
  readonly gateway: string;
  /** Length of the pod network's prefix. */
  readonly prefixLength: number;
  /** The same of IPv6, where it is wanted. */
  readonly ipv6?: { readonly gateway: string; readonly prefixLength: number };
  /** Packets between its ports meet the rules of nftables, too. */
  readonly isFiltered?: boolean;
  /** Where the sysctls that were changed are recorded with their former values. */
  readonly sysctlRecord: string;
}

/**
 * Makes the pods' bridge, idempotently. Sysctls: forwarding; `route_localnet` on the bridge alone, for NodePorts on
 * localhost; no ICMP redirects, because pods of one node talk through the gateway on purpose (see pod-network.ts).
 */
export async function ensureBridge(options: BridgeOptions, commands: Commands = systemCommands): Promise<void> {
  const { name, gateway, prefixLength, ipv6, isFiltered = false } = options;
  if (ipv6 !== undefined) await expectIpv6(commands);
  if (isFiltered) await expectFilter(commands);
  const present = await commands.macOfLink(name);
  // one that it is not given is the lowest of its ports', and changes with them: who remembers it then talks to nobody, for half a minute
  const mac = present ?? macOf("0a:58", gateway);
  if (present === undefined) await commands.ip([`link add ${name} type bridge`]);
  // one of the link as well: without it neighbours of packets on their way are asked for only when the link's own is known to be free
  const own = ipv6 === undefined ? [] : [`${ipv6.gateway}/${ipv6.prefixLength}`, "fe80::1/64"];
  const six = own.map((address) => `addr replace ${address} dev ${name} nodad`);
  await commands.ip([
    `link set ${name} address ${mac} up`,
    `addr replace ${gateway}/${prefixLength} dev ${name}`,
    ...six,
  ]);
  await changeSysctls(commands, options.sysctlRecord, {
    ...(ipv6 !== undefined && (await forwardingIpv6(commands))),
    ...(isFiltered && { [FILTER]: "1", ...(ipv6 !== undefined && { [IPV6_FILTER]: "1" }) }),
    "net.ipv4.ip_forward": "1",
    "net.ipv4.conf.all.send_redirects": "0",
    [`net.ipv4.conf.${name}.route_localnet`]: "1",
    [`net.ipv4.conf.${name}.send_redirects`]: "0",
  });
}

/** @throws {TsukubeError} `unsupported`. */
async function expectIpv6(commands: Commands): Promise<void> {
  const isOff = await commands.sysctl("net.ipv6.conf.all.disable_ipv6").catch(() => "1");
  if (isOff === "0") return;
  throw new TsukubeError(
    "unsupported",
    "Cannot give IPv6 addresses: IPv6 is off on this host, expected sysctl net.ipv6.conf.all.disable_ipv6 to be 0",
  );
}

const FILTER = "net.bridge.bridge-nf-call-iptables";
const IPV6_FILTER = "net.bridge.bridge-nf-call-ip6tables";

/** @throws {TsukubeError} `unsupported`. */
async function expectFilter(commands: Commands): Promise<void> {
  const isThere = await commands.sysctl(FILTER).catch(() => undefined);
  if (isThere !== undefined) return;
  throw new TsukubeError(
    "unsupported",
    "Cannot keep containers of a network apart: the kernel does not filter between ports of a bridge, expected modprobe br_netfilter",
  );
}

/** A host that forwards ignores routers that announce themselves, and forgets those it knows, unless each link is told otherwise first. */
async function forwardingIpv6(commands: Commands): Promise<Readonly<Record<string, string>>> {
  const wanted: Record<string, string> = {};
  for (const link of await readdir("/proc/sys/net/ipv6/conf")) {
    const key = `net.ipv6.conf.${link.replaceAll(".", "/")}.accept_ra`;
    const accepts = await commands.sysctl(key).catch(() => "0"); // it may be gone meanwhile
    if (link !== "all" && link !== "default" && accepts === "1") wanted[key] = "2";
  }
  return { ...wanted, "net.ipv6.conf.all.forwarding": "1" };
}

/** Removes the bridge and restores each sysctl that {@link ensureBridge} changed. */
export async function removeBridge(
  options: Pick<BridgeOptions, "name" | "sysctlRecord"> & { readonly othersRemain: boolean },
  commands: Commands = systemCommands,
): Promise<void> {
  if ((await commands.macOfLink(options.name)) !== undefined) await commands.ip([`link del ${options.name}`]);
  const changed = (await readRecord<Record<string, string>>(options.sysctlRecord)) ?? {};
  for (const [key, before] of Object.entries(changed)) {
    // another cluster of this host still forwards: it holds the same global switches in its own record
    if (!(options.othersRemain && !key.includes(`.${options.name}.`))) await commands.setSysctl(key, before);
  }
}

/** Sets sysctls and remembers the value before the first change, so that a second call records nothing of ours. */
async function changeSysctls(
  commands: Commands,
  record: string,
  wanted: Readonly<Record<string, string>>,
): Promise<void> {
  const before = { ...(await readRecord<Record<string, string>>(record)) };
  for (const [key, value] of Object.entries(wanted)) {
    const current = await commands.sysctl(key);
    if (current !== value) before[key] ??= current;
  }
  await writeRecord(record, before);
  for (const [key, value] of Object.entries(wanted)) await commands.setSysctl(key, value);
}
