import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { join } from "node:path";
import { TsukubeError } from "@tsukube/foundation";
import { withPort } from "@tsukube/foundation/ip-network";
import type { Lease } from "./leases.ts";
import { type PortRecord, readRecords } from "./network-records.ts";

/**
 * Whether a process of this machine listens at a port; what nftables leads elsewhere does not count.
 * @throws {TsukubeError} `port-taken` where the machine has no such address.
 */
export function isListenedAt(protocol: "tcp" | "udp" | "sctp", address: string, port: number): Promise<boolean> {
  const where = address === "" ? "0.0.0.0" : address;
  if (protocol === "sctp") return Promise.resolve(false);
  return new Promise((resolve, reject) => {
    const refused = ({ code }: NodeJS.ErrnoException): void => {
      const message = `failed to bind host port ${withPort(address, port)}/${protocol}: cannot assign requested address`;
      if (code === "EADDRNOTAVAIL") reject(new TsukubeError("port-taken", message));
      else resolve(code === "EADDRINUSE");
    };
    const ipv6Only = where.includes(":");
    if (protocol === "tcp") {
      const server = createServer();
      server.once("error", refused);
      server.listen({ port, host: where, exclusive: true, ipv6Only }, () => server.close(() => resolve(false)));
      return;
    }
    const socket = createSocket({ type: ipv6Only ? "udp6" : "udp4", ipv6Only });
    socket.once("error", refused);
    socket.bind({ port, address: where, exclusive: true }, () => socket.close(() => resolve(false)));
  });
}

/** A port of the host that leads somewhere. */
export interface HeldPort {
  readonly protocol: "tcp" | "udp" | "sctp";
  /** "" is every address, "0.0.0.0" and "::" every one of their family. */
  readonly hostAddress: string;
  readonly hostPort: number;
  /** For people: "a pod at 10.64.0.7". */
  readonly holder: string;
}

/** Who has a port already. */
export function holderOf(
  { protocol, hostAddress, hostPort }: Omit<HeldPort, "holder">,
  held: readonly HeldPort[],
): string | undefined {
  const collides = (other: HeldPort): boolean =>
    other.protocol === protocol &&
    other.hostPort === hostPort &&
    (other.hostAddress === hostAddress ||
      covers(other.hostAddress, hostAddress) ||
      covers(hostAddress, other.hostAddress));
  return held.find(collides)?.holder;
}

/** Whether what is at one address is at some of another, too. */
function covers(address: string, other: string): boolean {
  if (address === "0.0.0.0") return !other.includes(":");
  return address === "" || (address === "::" && (other === "" || other.includes(":")));
}

/** Ports of the pods of a node, as its records say. @param stateDirectory As {@link PodNetworkOptions} has it. */
export async function podPortsIn(stateDirectory: string): Promise<readonly HeldPort[]> {
  return (await readRecords<Lease>(join(stateDirectory, "leases"))).flatMap(heldBy);
}

export function heldBy({ address, ports }: Lease): readonly HeldPort[] {
  return ports.map(({ protocol, hostIp, hostPort }) => ({
    ...{ protocol, hostAddress: hostIp, hostPort, holder: `a pod at ${address}` },
  }));
}

/** Ports of an engine's containers, as its records say. @param folder As {@link ContainerNetworksOptions} has it. */
export async function containerPortsIn(folder: string): Promise<readonly HeldPort[]> {
  return (await readRecords<PortRecord>(join(folder, "ports"))).flatMap(({ containerId, ports }) =>
    ports.map(({ protocol, hostAddress, hostPort }) => ({
      ...{ protocol, hostAddress, hostPort, holder: `container ${containerId.slice(0, 12)}` },
    })),
  );
}
