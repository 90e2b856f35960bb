import { run } from "@tsukube/host";
import type { EtcdHost } from "./etcd-server.ts";

/** Addresses for tests of networks (RFC 2544): nobody routes them. */
const NETWORK = "198.18";

/** A bridge with network namespaces behind it, one for each server of an etcd cluster: the links between them can be cut. Needs root. */
export class EtcdNetwork {
  /** A namespace's links go a moment after it: the next network has names of its own. */
  static #made = 0;
  readonly hosts: readonly EtcdHost[];
  readonly #bridge: string;

  private constructor(bridge: string, hosts: readonly EtcdHost[]) {
    this.#bridge = bridge;
    this.hosts = hosts;
  }

  static async create(size: number): Promise<EtcdNetwork> {
    const id = process.pid;
    const number = EtcdNetwork.#made++;
    const bridge = `tke${id}n${number}`;
    const third = (id + number) % 256;
    const hosts = Array.from({ length: size }, (_, index) => ({
      address: `${NETWORK}.${third}.${10 + index}`,
      namespace: `${bridge}-${index}`,
    }));
    const network = new EtcdNetwork(bridge, hosts);
    try {
      await ip(["link", "add", bridge, "type", "bridge"]);
      await ip(["addr", "add", `${NETWORK}.${third}.1/24`, "dev", bridge]);
      await ip(["link", "set", bridge, "up"]);
      for (const [index, host] of hosts.entries()) await network.#attach(index, host);
      return network;
    } catch (error) {
      await network.remove();
      throw error;
    }
  }

  /** Cuts a server off from the other servers: clients go on reaching it. */
  async cutFromOthers(index: number): Promise<void> {
    const others = this.hosts.filter((_, other) => other !== index).map(({ address }) => address);
    const rules = `table inet cut {
  chain input {
    type filter hook input priority 0;
    ip saddr { ${others.join(", ")} } drop
  }
  chain output {
    type filter hook output priority 0;
    ip daddr { ${others.join(", ")} } drop
  }
}
`;
    await run("ip", ["netns", "exec", this.#host(index).namespace, "nft", "-f", "-"], { input: rules });
  }

  /** Cuts a server off from everybody. */
  async cutFromAll(index: number): Promise<void> {
    await ip(["link", "set", this.#link(index), "down"]);
  }

  /** Undoes what was cut of a server. */
  async heal(index: number): Promise<void> {
    await ip(["link", "set", this.#link(index), "up"]);
    const { namespace } = this.#host(index);
    await run("ip", ["netns", "exec", namespace, "nft", "delete", "table", "inet", "cut"], { accept: [0, 1] });
  }

  async remove(): Promise<void> {
    for (const { namespace } of this.hosts) await run("ip", ["netns", "del", namespace], { accept: [0, 1] });
    await run("ip", ["link", "del", this.#bridge], { accept: [0, 1] });
  }

  async #attach(index: number, { address, namespace }: EtcdHost): Promise<void> {
    await ip(["netns", "add", namespace]);
    const link = this.#link(index);
    await ip(["link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace]);
    await ip(["link", "set", link, "master", this.#bridge, "up"]);
    for (const args of [
      ["link", "set", "lo", "up"],
      ["addr", "add", `${address}/24`, "dev", "eth0"],
      ["link", "set", "eth0", "up"],
    ])
      await ip(["-n", namespace, ...args]);
  }

  #link(index: number): string {
    return `${this.#bridge}v${index}`;
  }

  #host(index: number): EtcdHost {
    const host = this.hosts[index];
    if (host === undefined) throw new Error(`Cannot reach server ${index}: there are ${this.hosts.length}`);
    return host;
  }
}

async function ip(args: readonly string[]): Promise<void> {
  await run("ip", args);
}
