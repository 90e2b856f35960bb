import { readFileSync } from "node:fs";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock, systemRandom } from "@tsukube/host";
import { dialGrpc, type GrpcClient, serviceDefinition } from "@tsukube/host/grpc";
import { scratchFolder } from "@tsukube/kernel/scratch";
import type { PodNetwork } from "@tsukube/node-contracts";
import type { ContainerConfig, ImageService, PodSandboxConfig, RuntimeService } from "@tsukube/node-contracts/cri";
import type { Engine, EngineOptions } from "./contracts.ts";
import { startEngine } from "./engine.ts";

/** Gives every pod an address and nothing else. */
const noNetwork: PodNetwork = {
  add: async () => ({ ips: ["10.0.0.1"] }),
  remove: async () => {},
  check: async () => {},
  status: async () => {},
  collect: async () => {},
};

export type Cri = GrpcClient<RuntimeService> & GrpcClient<ImageService>;

let sequence = 0;

/** An engine with folders and cgroups of its own for tests that need root. Close it: containers and folders go. */
export class EngineUnderTest {
  readonly #scratch = scratchFolder("engine");
  readonly folder = this.#scratch.path;
  readonly cgroupParent = `/tsukube-engine-test-${process.pid}-${++sequence}`;
  readonly dockerSocket = `${this.folder}/docker.sock`;
  readonly lifetime = new Lifetime();
  readonly #changes: Partial<EngineOptions>;
  engine: Engine | undefined;

  constructor(changes: Partial<EngineOptions> = {}) {
    this.#changes = changes;
    this.lifetime.add("folder", () => this.#scratch.remove());
  }

  get options(): EngineOptions {
    return {
      stateDirectory: `${this.folder}/state`,
      runtimeDirectory: `${this.folder}/run`,
      criSocket: `${this.folder}/cri.sock`,
      dockerSocket: this.dockerSocket,
      cgroupParent: this.cgroupParent,
      network: noNetwork,
      clock: realClock,
      random: systemRandom,
      logger: silentLogger,
      metrics: createMetrics(),
      ...this.#changes,
    };
  }

  async start(): Promise<Engine> {
    this.engine = await startEngine(this.options);
    return this.engine;
  }

  dial(): Cri {
    const descriptor: unknown = JSON.parse(
      readFileSync(new URL("../../contracts/facts/cri.json", import.meta.url), "utf8"),
    );
    const service = <T>(name: string): GrpcClient<T> => {
      const client = dialGrpc<T>(`unix:${this.folder}/cri.sock`, serviceDefinition(descriptor, `runtime.v1.${name}`));
      this.lifetime.add(name, () => client.close());
      return client;
    };
    const runtime = service<RuntimeService>("RuntimeService");
    const images = service<ImageService>("ImageService");
    return new Proxy({} as Cri, {
      get: (_, name) => Reflect.get(Reflect.has(images, name) && !Reflect.has(runtime, name) ? images : runtime, name),
    });
  }

  async sandbox(cri: Cri, config: PodSandboxConfig = {}): Promise<string> {
    const metadata = { name: "a", uid: "u", namespace: "n", attempt: 0 };
    const logDirectory = `${this.folder}/logs`;
    const { podSandboxId = "" } = await cri.RunPodSandbox({
      config: { metadata, hostname: "pod-a", logDirectory, ...config },
    });
    return podSandboxId;
  }

  /** Creates and starts a container of busybox. */
  async run(cri: Cri, podSandboxId: string, command: readonly string[], config: ContainerConfig = {}): Promise<string> {
    const name = config.metadata?.name ?? `c${++sequence}`;
    const { containerId = "" } = await cri.CreateContainer({
      podSandboxId,
      config: {
        metadata: { name, attempt: 0 },
        image: { image: "tsukube.local/busybox" },
        command,
        logPath: `${name}.log`,
        ...config,
      },
    });
    await cri.StartContainer({ containerId });
    return containerId;
  }

  async close(): Promise<void> {
    await this.engine?.stopAll();
    await this.engine?.close();
    await this.lifetime.close();
  }
}
