import { readFile, writeFile } from "node:fs/promises";
import { codeOf } from "@tsukube/foundation";
import { readRecord, writeRecord } from "@tsukube/host";
import { run } from "@tsukube/kernel";
import { type Commands, systemCommands } from "./commands.ts";

export interface BridgeOptions {
  /** Link name, such as "tsukube0". */
  readonly name: string;
  /** The bridge's own address, such as "10.64.0.1": gateway of the pods and endpoint of the API server. */
  readonly gateway: string;
  /** Length of the pod network's prefix. */
  readonly prefixLength: number;
  /** Where the sysctls that were changed are recorded with their former values. */
  readonly sysctlRecord: string;
}

/**
 * Makes the pods' bridge, idempotently. Sysctls: forwarding; `route_localnet` on the bridge alone, for NodePorts on
 * localhost; no ICMP redirects, because pods of one node talk through the gateway on purpose (see pod-network.ts).
 */
export async function ensureBridge(options: BridgeOptions, commands: Commands = systemCommands): Promise<void> {
  const { name, gateway, prefixLength } = options;
  if ((await linkOf(name)) === undefined) await commands.ip([`link add ${name} type bridge`]);
  await commands.ip([`link set ${name} up`, `addr replace ${gateway}/${prefixLength} dev ${name}`]);
  await changeSysctls(options.sysctlRecord, {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.conf.all.send_redirects": "0",
    [`net.ipv4.conf.${name}.route_localnet`]: "1",
    [`net.ipv4.conf.${name}.send_redirects`]: "0",
  });
}

/** Removes the bridge and restores each sysctl that {@link ensureBridge} changed. */
export async function removeBridge(
  options: Pick<BridgeOptions, "name" | "sysctlRecord"> & { readonly othersRemain: boolean },
  commands: Commands = systemCommands,
): Promise<void> {
  if ((await linkOf(options.name)) !== undefined) await commands.ip([`link del ${options.name}`]);
  const changed = (await readRecord<Record<string, string>>(options.sysctlRecord)) ?? {};
  for (const [key, before] of Object.entries(changed)) {
    // another cluster of this host still forwards: it holds the same global switches in its own record
    if (!(options.othersRemain && !key.includes(`.${options.name}.`))) await writeSysctl(key, before);
  }
}

async function linkOf(name: string): Promise<string | undefined> {
  const { code, stdout } = await run("ip", ["-o", "link", "show", "dev", name], { accept: [0, 1] });
  return code === 0 ? stdout : undefined;
}

/** Sets sysctls and remembers the value before the first change, so that a second call records nothing of ours. */
async function changeSysctls(record: string, wanted: Readonly<Record<string, string>>): Promise<void> {
  const before = { ...(await readRecord<Record<string, string>>(record)) };
  for (const [key, value] of Object.entries(wanted)) {
    const current = (await readFile(sysctlPath(key), "utf8")).trim();
    if (current !== value) before[key] ??= current;
  }
  await writeRecord(record, before);
  for (const [key, value] of Object.entries(wanted)) await writeSysctl(key, value);
}

async function writeSysctl(key: string, value: string): Promise<void> {
  try {
    await writeFile(sysctlPath(key), value);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error; // the link is gone, and its settings with it
  }
}

function sysctlPath(key: string): string {
  return `/proc/sys/${key.replaceAll(".", "/")}`;
}
