import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type Clock, type Random, TsukubeError } from "@tsukube/foundation";
import { isAlive, readRecord, startTimeOf, writeRecord } from "@tsukube/host";
import type {
  Attachment,
  AttachmentSpec,
  ContainerNetworks,
  Network,
  PortWish,
  PublishedPort,
} from "@tsukube/node-contracts";
import { macOf } from "./mac-address.ts";

export interface SlirpNetworksOptions {
  /** Records live in it. */
  readonly folder: string;
  /** Sockets live in it; empty after a reboot. */
  readonly runtimeFolder: string;
  readonly clock: Pick<Clock, "now">;
  readonly random: Random;
}

/** What slirp4netns gives each container: a network of its own behind a gateway that is a process. */
const NETWORK: Network = {
  ...{ id: "51".repeat(32), name: "bridge", subnet: "10.0.2.0/24", gateway: "10.0.2.2" },
  ...{ bridge: "", internal: false, labels: {}, createdAt: 0 },
};
const ADDRESS = "10.0.2.100";
const LINK = "tap0";

/** What is kept of a container. */
interface Served {
  readonly attachment: Attachment;
  readonly pid: number;
  readonly startTime: string;
  readonly ports: readonly PublishedPort[];
}

async function refuse(): Promise<never> {
  throw new TsukubeError(
    "unsupported",
    "Cannot connect containers with each other: this engine runs without root and makes no networks but the one called bridge, expected that, host or none, or an engine of root",
  );
}

/**
 * The network called "bridge" for an engine without root: a slirp4netns for each container leads to what the machine reaches, and from
 * its ports there. Containers do not reach each other. It outlives this process.
 */
export async function openSlirpNetworks(options: SlirpNetworksOptions): Promise<ContainerNetworks> {
  const networks = new SlirpNetworks(options);
  await networks.load();
  return networks;
}

class SlirpNetworks implements ContainerNetworks {
  readonly #options: SlirpNetworksOptions;
  readonly #served = new Map<string, Served>();
  readonly all: readonly Network[] = [NETWORK];
  readonly create = refuse;
  readonly remove = refuse;
  readonly leadNames = refuse;

  constructor(options: SlirpNetworksOptions) {
    this.#options = options;
  }

  /** A slirp4netns that is gone, as after a reboot, is made again with its container. */
  async load(): Promise<void> {
    const { folder, runtimeFolder } = this.#options;
    for (const each of [folder, runtimeFolder]) await mkdir(each, { recursive: true, mode: 0o700 });
    for (const id of await readdir(folder)) {
      const served = id.startsWith(".") ? undefined : await readRecord<Served>(join(folder, id));
      if (served !== undefined && isAlive(served.pid, served.startTime)) this.#served.set(id, served);
      else await rm(join(folder, id), { force: true });
    }
  }

  find(name: string): Network | undefined {
    return name === NETWORK.name || (name !== "" && NETWORK.id.startsWith(name)) ? NETWORK : undefined;
  }

  async ensure({ name }: { readonly name: string }): Promise<Network> {
    return this.find(name) ?? refuse();
  }

  get attachments(): readonly Attachment[] {
    return [...this.#served.values()].map(({ attachment }) => attachment).sort((a, b) => a.number - b.number);
  }

  async attach(spec: AttachmentSpec): Promise<Attachment> {
    const { containerId, netns } = spec;
    await this.detach(containerId);
    const pid = await started(netns, this.#socket(containerId));
    const { isDefault: _, ...kept } = spec;
    const attachment: Attachment = {
      ...kept,
      ...{ endpointId: Buffer.from(this.#options.random.bytes(32)).toString("hex"), interfaceName: LINK, hostLink: "" },
      ...{ address: ADDRESS, prefixLength: 24, gateway: NETWORK.gateway, macAddress: macOf("02:42", ADDRESS) },
      number: this.#options.clock.now(),
    };
    try {
      await this.#put(containerId, { attachment, pid, startTime: startTimeOf(pid) ?? "", ports: [] });
    } catch (error) {
      await this.detach(containerId).catch(() => {});
      throw error;
    }
    return attachment;
  }

  async rename(containerId: string, _: string, names: readonly string[]): Promise<void> {
    const served = this.#served.get(containerId);
    if (served !== undefined) await this.#put(containerId, { ...served, attachment: { ...served.attachment, names } });
  }

  async detach(containerId: string): Promise<void> {
    const served = this.#served.get(containerId);
    if (served !== undefined && isAlive(served.pid, served.startTime)) process.kill(served.pid, "SIGKILL");
    this.#served.delete(containerId);
    await rm(join(this.#options.folder, containerId), { force: true });
    await rm(this.#socket(containerId), { force: true });
  }

  async publish(containerId: string, wishes: readonly PortWish[]): Promise<readonly PublishedPort[]> {
    const served = this.#served.get(containerId);
    if (served === undefined) return [];
    const ports: PublishedPort[] = [];
    for (const wish of wishes) ports.push(await this.#forward(containerId, wish));
    await this.#put(containerId, { ...served, ports });
    return ports;
  }

  published(containerId: string): readonly PublishedPort[] {
    return this.#served.get(containerId)?.ports ?? [];
  }

  async unpublish(containerId: string): Promise<void> {
    const served = this.#served.get(containerId);
    if (served === undefined || served.ports.length === 0) return;
    try {
      const { entries = [] } = (await this.#ask(containerId, "list_hostfwd", {})) as { entries?: { id: number }[] };
      for (const { id } of entries) await this.#ask(containerId, "remove_hostfwd", { id });
    } catch (error) {
      if (isAlive(served.pid, served.startTime)) throw error; // one that is gone has no ports
    }
    await this.#put(containerId, { ...served, ports: [] });
  }

  async cleanHost(): Promise<void> {
    for (const id of [...this.#served.keys()]) await this.detach(id);
  }

  /** The first of the ports that nobody has. */
  async #forward(containerId: string, { hostPorts, ...wish }: PortWish): Promise<PublishedPort> {
    const [first, last] = hostPorts ?? (await freePort());
    let refusal = "";
    for (let hostPort = first; hostPort <= last; hostPort++) {
      const answer = await this.#ask(containerId, "add_hostfwd", {
        ...{ proto: wish.protocol, host_addr: wish.hostAddress || "0.0.0.0", host_port: hostPort },
        ...{ guest_addr: ADDRESS, guest_port: wish.containerPort },
      }).catch((error: Error) => error);
      if (!(answer instanceof Error)) return { ...wish, hostPort };
      refusal = answer.message;
    }
    throw new TsukubeError(
      "port-taken",
      `Bind for ${wish.hostAddress || "0.0.0.0"}:${first} failed: ${refusal}; another has the port, or it is below 1024`,
    );
  }

  /** One request of its API (slirp4netns(1), "API SOCKET"). */
  async #ask(containerId: string, execute: string, parameters: object): Promise<object> {
    const socket = connect({ path: this.#socket(containerId), allowHalfOpen: true });
    await once(socket, "connect");
    socket.end(JSON.stringify({ execute, arguments: parameters }));
    const answer = JSON.parse(await text(socket)) as { return?: object; error?: { desc?: string } };
    if (answer.error !== undefined) throw new TsukubeError("failed", answer.error.desc ?? "slirp4netns refuses");
    return answer.return ?? {};
  }

  async #put(containerId: string, served: Served): Promise<void> {
    this.#served.set(containerId, served);
    await writeRecord(join(this.#options.folder, containerId), served);
  }

  /** Paths of sockets are short. */
  #socket(containerId: string): string {
    return join(this.#options.runtimeFolder, containerId.slice(0, 16));
  }
}

/** In a session of its own, until it is killed. @returns its pid once the network is there. @throws {TsukubeError} `unsupported`. */
async function started(netns: string, socket: string): Promise<number> {
  await rm(socket, { force: true });
  const where = ["--netns-type=path", "--api-socket", socket, netns, LINK];
  const child = spawn(
    "slirp4netns",
    ["--configure", "--mtu=65520", "--disable-host-loopback", "--ready-fd=3", ...where],
    {
      ...{ detached: true, stdio: ["ignore", "ignore", "pipe", "pipe"] },
    },
  );
  let said = "";
  const errors = child.stdio[2];
  errors?.setEncoding("utf8").on("data", (part: string) => (said += part));
  const isReady = await new Promise<boolean>((resolve) => {
    child.stdio[3]?.once("data", () => resolve(true));
    for (const event of ["exit", "error"]) child.once(event, () => resolve(false));
  });
  errors?.destroy();
  child.unref();
  if (isReady && child.pid !== undefined) return child.pid;
  throw new TsukubeError(
    "unsupported",
    `Cannot connect a container without root: ${said.trim().split("\n").at(-1) || "slirp4netns ended"}, expected slirp4netns to run and /dev/net/tun to be everybody's; --network host or none need neither`,
  );
}

/** The kernel knows one. */
async function freePort(): Promise<readonly [number, number]> {
  const server = createServer().listen(0);
  await once(server, "listening");
  const address = server.address();
  server.close();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  return [port, port];
}
