import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { messageOf, TsukubeError } from "@tsukube/foundation";
import { isAlive, readRecord, startTimeOf, writeRecord } from "@tsukube/host";
import { type Mounts, type Namespaces, systemMounts, systemNamespaces } from "@tsukube/kernel";
import type { PublishedPort } from "@tsukube/node-contracts";
import { commandsWithin } from "./commands.ts";
import type { Uplink } from "./uplink.ts";

export interface SlirpUplinkOptions {
  /** The namespace, a socket and a record live in it; empty after a reboot. Its path is short, as those of sockets are. */
  readonly folder: string;
  readonly mounts?: Mounts;
  readonly namespaces?: Namespaces;
}

interface Served {
  readonly pid: number;
  readonly startTime: string;
}

/** What slirp4netns says of a port (slirp4netns(1), "API SOCKET"). */
interface Forward {
  readonly id: number;
  readonly proto: string;
  readonly host_addr: string;
  readonly host_port: number;
  readonly guest_addr: string;
  readonly guest_port: number;
}

interface Answer {
  readonly entries?: readonly Forward[];
  readonly error?: { readonly desc?: string };
}

const LINK = "tap0";

/** One slirp4netns for the networks of an engine without root. It outlives this process. */
export class SlirpUplink implements Uplink {
  readonly netns: string;
  readonly subnet = "10.0.2.0/24";
  readonly resolver = "10.0.2.3";
  readonly #folder: string;
  readonly #mounts: Mounts;
  readonly #namespaces: Namespaces;
  #working: Promise<unknown> = Promise.resolve();

  constructor({ folder, mounts = systemMounts, namespaces = systemNamespaces(mounts) }: SlirpUplinkOptions) {
    this.netns = join(folder, "net");
    this.#folder = folder;
    this.#mounts = mounts;
    this.#namespaces = namespaces;
  }

  isThere(): boolean {
    return this.#mounts.isMounted(this.netns);
  }

  ensure(): Promise<boolean> {
    return this.#alone(async () => {
      if (!this.isThere()) await this.#makeNamespace();
      if ((await this.#served()) !== undefined) return false;
      await this.#start();
      return true;
    });
  }

  /** Of one that was killed nothing leads anywhere. */
  lead(ports: readonly PublishedPort[]): Promise<ReadonlyMap<PublishedPort, string>> {
    return this.#alone(async () => {
      const refused = new Map<PublishedPort, string>();
      if ((await this.#served()) === undefined) {
        for (const port of ports) refused.set(port, "slirp4netns ended; start the container again");
        return refused;
      }
      const { entries = [] } = await this.#ask("list_hostfwd", {});
      const wanted = new Map(ports.map((port) => [keyOf(forwardOf(port)), port]));
      for (const { id, ...forward } of entries)
        if (!wanted.delete(keyOf(forward))) await this.#ask("remove_hostfwd", { id });
      for (const port of wanted.values())
        await this.#ask("add_hostfwd", forwardOf(port)).catch((error) => {
          refused.set(port, `${messageOf(error)}; another has it, or it is below 1024`);
        });
      return refused;
    });
  }

  close(): Promise<void> {
    return this.#alone(async () => {
      await this.#end();
      this.#namespaces.unpin(this.netns);
      await rm(this.#folder, { recursive: true, force: true });
    });
  }

  async #end(): Promise<void> {
    const served = await this.#served();
    if (served !== undefined) process.kill(served.pid, "SIGKILL");
  }

  async #makeNamespace(): Promise<void> {
    await this.#end();
    await rm(this.#folder, { recursive: true, force: true });
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await this.#namespaces.pin({ net: this.netns }, "busybox ip link set lo up");
  }

  async #start(): Promise<void> {
    const pid = await started(this.netns, this.#socket);
    try {
      // it asks for containers by their own addresses, as if they were on its link
      await commandsWithin(this.netns).setSysctl(`net.ipv4.conf.${LINK}.proxy_arp`, "1");
      await writeRecord(this.#record, { pid, startTime: startTimeOf(pid) ?? "" } satisfies Served);
    } catch (error) {
      process.kill(pid, "SIGKILL");
      throw error;
    }
  }

  async #served(): Promise<Served | undefined> {
    const served = await readRecord<Served>(this.#record);
    return served !== undefined && isAlive(served.pid, served.startTime) ? served : undefined;
  }

  /** One request of its API. */
  async #ask(execute: string, parameters: object): Promise<Answer> {
    const socket = connect({ path: this.#socket, allowHalfOpen: true });
    await once(socket, "connect");
    socket.end(JSON.stringify({ execute, arguments: parameters }));
    const answer = JSON.parse(await text(socket)) as Answer;
    if (answer.error !== undefined) throw new TsukubeError("failed", answer.error.desc ?? "slirp4netns refuses");
    return answer;
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#working.then(work);
    this.#working = done.catch(() => {});
    return done;
  }

  get #record(): string {
    return join(this.#folder, "slirp4netns");
  }

  get #socket(): string {
    return join(this.#folder, "api");
  }
}

function forwardOf({ protocol, hostAddress, hostPort, containerAddress, containerPort }: PublishedPort) {
  return {
    ...{ proto: protocol, host_addr: hostAddress || "0.0.0.0", host_port: hostPort },
    ...{ guest_addr: containerAddress, guest_port: containerPort },
  };
}

function keyOf({ proto, host_addr, host_port, guest_addr, guest_port }: Omit<Forward, "id">): string {
  return `${proto} ${host_addr}:${host_port} ${guest_addr}:${guest_port}`;
}

/** In a session of its own, until it is killed. @returns its pid once the network is there. @throws {TsukubeError} `unsupported`. */
async function started(netns: string, socket: string): Promise<number> {
  await rm(socket, { force: true });
  const where = ["--netns-type=path", "--api-socket", socket, netns, LINK];
  const flags = ["--configure", "--mtu=65520", "--disable-host-loopback", "--ready-fd=3"];
  const child = spawn("slirp4netns", [...flags, ...where], {
    ...{ detached: true, stdio: ["ignore", "ignore", "pipe", "pipe"] },
  });
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
