import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realClock } from "@tsukube/host";
import { dialGrpc, type GrpcTls, serviceDefinition } from "@tsukube/host/grpc";
import descriptor from "../facts/etcd.json" with { type: "json" };
import type { Maintenance } from "../generated/etcd.ts";
import { DEBIAN } from "./etcd-programs.ts";

/** Arguments of setpriv, before a program: it ends when the process that started it does, however that ends. */
export const WITH_PARENT = ["--pdeathsig", "KILL"] as const;

export interface EtcdServerOptions {
  readonly program?: string;
  readonly args?: readonly string[];
  /** Where each server of a cluster runs; all on loopback by default. */
  readonly hosts?: readonly EtcdHost[];
  /** Serves clients over TLS: what they show. `args` say what the server shows. */
  readonly tls?: GrpcTls;
}

/** A network namespace by its name, and the server's address there. */
export interface EtcdHost {
  readonly address: string;
  readonly namespace: string;
}

const LOOPBACK = "127.0.0.1";

/** A real etcd with a folder of its own, on loopback by default. */
export class EtcdServer {
  readonly folder = mkdtempSync(join(tmpdir(), "tsukube-etcd-"));
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly #program: string;
  readonly #args: readonly string[];
  readonly #tls: GrpcTls | undefined;
  readonly #namespace: string | undefined;
  #child: ChildProcess | undefined;

  private constructor(name: string, ports: readonly [number, number], options: EtcdServerOptions, host?: EtcdHost) {
    const { program = DEBIAN, args = [], tls } = options;
    const address = host?.address ?? LOOPBACK;
    this.name = name;
    this.clientUrl = `${tls === undefined ? "http" : "https"}://${address}:${ports[0]}`;
    this.peerUrl = `http://${address}:${ports[1]}`;
    this.#program = program;
    this.#args = args;
    this.#tls = tls;
    this.#namespace = host?.namespace;
  }

  static async start(options: EtcdServerOptions = {}): Promise<EtcdServer> {
    const [server] = await EtcdServer.cluster(1, options);
    return server!;
  }

  /** Servers of one cluster, all up. */
  static async cluster(size: number, options: EtcdServerOptions = {}): Promise<readonly EtcdServer[]> {
    const ports = await freePorts(size * 2);
    const servers = Array.from(
      { length: size },
      (_, i) => new EtcdServer(`m${i}`, [ports[2 * i]!, ports[2 * i + 1]!], options, options.hosts?.[i]),
    );
    for (const server of servers) server.run(membersOf(servers));
    try {
      await Promise.all(servers.map((server) => server.ready()));
    } catch (error) {
      await Promise.all(servers.map((server) => server.kill()));
      throw error;
    }
    return servers;
  }

  run(peers = `${this.name}=${this.peerUrl}`, clientUrl = this.clientUrl): void {
    const log = openSync(join(this.folder, "log"), "a");
    const fixed = [
      ...["--name", this.name, "--data-dir", this.data],
      ...["--listen-client-urls", clientUrl, "--advertise-client-urls", clientUrl],
      ...["--listen-peer-urls", this.peerUrl, "--initial-advertise-peer-urls", this.peerUrl],
      ...["--initial-cluster", peers, "--initial-cluster-token", peers, "--log-level", "error"],
    ];
    const env = { PATH: process.env["PATH"] };
    const enter = this.#namespace === undefined ? [] : ["nsenter", `--net=/run/netns/${this.#namespace}`, "--"];
    const command = [...WITH_PARENT, ...enter, this.#program, ...fixed, ...this.#args];
    this.#child = spawn("setpriv", command, { stdio: ["ignore", log, log], env });
    closeSync(log);
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** Waits until it serves and knows its leader. */
  async ready(): Promise<void> {
    const client = dialGrpc<Maintenance>(
      this.clientUrl.replace(/^https?:\/\//, ""),
      serviceDefinition(descriptor, "etcdserverpb.Maintenance"),
      this.#tls === undefined ? {} : { tls: this.#tls },
    );
    try {
      for (let tries = 0; tries < 300; tries += 1) {
        const status = await client.Status({}, { deadline: Date.now() + 1000 }).catch(() => undefined);
        if (status !== undefined && String(status.leader) !== "0") return;
        await realClock.sleep(50);
      }
      throw new Error(`Cannot start etcd: not ready after 15 s; its log is ${join(this.folder, "log")}`);
    } finally {
      client.close();
    }
  }

  get data(): string {
    return join(this.folder, "data");
  }

  /** Kills it; its data stay. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** Ends it as one does before its data are copied. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("close", resolve));
    child.kill(signal);
    await gone;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true });
  }
}

/** What every server of a cluster is told of all of them. */
export function membersOf(servers: readonly EtcdServer[]): string {
  return servers.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",");
}

/** Ports of loopback that were free a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { readonly port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
