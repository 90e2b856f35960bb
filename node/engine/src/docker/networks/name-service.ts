import { connect } from "node:net";
import { type Cancel, type Clock, type Logger, messageOf, type Random, TsukubeError } from "@tsukube/foundation";
import { run } from "@tsukube/kernel";
import type { Containers } from "../../containers/containers.ts";
import type { ImageRecord } from "../../images/image-store.ts";
import type { Sandboxes } from "../../sandboxes/sandboxes.ts";

/** How names of containers are answered. */
export interface NameServiceOptions {
  readonly image: string;
  readonly command: readonly string[];
  /** Of the host, by where it appears in the service's container. */
  readonly folders: Readonly<Record<string, string>>;
  readonly port: number;
  /** Path of the pinned network namespace that has the gateways; that of the machine by default. */
  readonly netns?: string;
}

interface Deps {
  readonly options: NameServiceOptions;
  readonly containers: Containers;
  readonly sandboxes: Sandboxes;
  readonly findImage: (name: string) => Promise<ImageRecord | undefined>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const AGAIN_MS = 1000;
const LONGEST_MS = 60_000;
const PATIENCE_MS = 3000;
const LOOK_MS = 10;

/**
 * What answers names of containers: a container of the engine that no client sees, and so outlives the engine. That it does not run
 * is told in the log, and tried again; containers run without it.
 */
export class NameService {
  readonly #deps: Deps;
  #starting: Promise<boolean> | undefined;
  #wanted = false;
  #delay = AGAIN_MS;
  #cancelRetry: Cancel = () => {};

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Starts it unless it runs, and waits until it answers at a gateway. */
  async serve(gateway: string): Promise<void> {
    this.#wanted = true;
    if (!(await this.#start())) return;
    const { clock, options } = this.#deps;
    const began = clock.monotonic();
    while (!(await answers(gateway, options))) {
      if (clock.monotonic() - began > PATIENCE_MS)
        return this.#deps.logger.warn("names are not answered yet", { gateway });
      await clock.sleep(LOOK_MS);
    }
  }

  /** After a start of the engine: one of another version makes room, and where nobody needs it it goes. */
  async adopt(isNeeded: boolean): Promise<void> {
    const current = this.#deps.containers.all.some(
      ({ config, exit }) => exit === undefined && config.image?.image === this.#deps.options.image,
    );
    this.#wanted = isNeeded;
    if (isNeeded && current) return;
    try {
      await this.#removeAll();
    } catch (error) {
      this.#failed(error);
    }
    if (isNeeded) await this.#start();
  }

  /** It ended by itself. */
  onEnded(): void {
    this.#retryLater();
  }

  /** Tries no more; what runs goes on. */
  close(): void {
    this.#wanted = false;
    this.#cancelRetry();
  }

  async stop(): Promise<void> {
    this.close();
    await this.#removeAll();
  }

  async #removeAll(): Promise<void> {
    const { containers, sandboxes } = this.#deps;
    for (const { id } of containers.all) await containers.remove(id);
    for (const { id } of sandboxes.all) await sandboxes.remove(id);
  }

  /** @returns whether it runs. */
  #start(): Promise<boolean> {
    const runs = this.#deps.containers.all.some(({ exit, startedAt }) => exit === undefined && startedAt !== undefined);
    if (runs) return Promise.resolve(true);
    this.#starting ??= this.#tryToCreate().finally(() => (this.#starting = undefined));
    return this.#starting;
  }

  async #tryToCreate(): Promise<boolean> {
    try {
      await this.#create();
      this.#delay = AGAIN_MS;
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  #failed(error: unknown): void {
    this.#deps.logger.error("names of containers are not answered", { error: messageOf(error) });
    this.#retryLater();
  }

  #retryLater(): void {
    if (!this.#wanted) return;
    this.#cancelRetry();
    this.#cancelRetry = this.#deps.clock.after(this.#delay, () => void this.#start(), { background: true });
    this.#delay = Math.min(this.#delay * 2, LONGEST_MS);
  }

  async #create(): Promise<void> {
    const { containers, sandboxes, options, findImage } = this.#deps;
    await this.#removeAll();
    const image = await findImage(options.image);
    if (image === undefined)
      throw new TsukubeError("not-found", `Cannot find image "${options.image}" of the name service: no such image`);
    const id = Buffer.from(this.#deps.random.bytes(32)).toString("hex");
    const { netns } = options;
    const network = netns === undefined ? "NODE" : "POD";
    const sandbox = await sandboxes.run(
      id,
      {
        metadata: { name: "names", namespace: "docker", uid: id, attempt: 0 },
        linux: { securityContext: { namespaceOptions: { network } } },
      },
      netns === undefined ? {} : { shared: { net: netns } },
    );
    const mounts = Object.entries(options.folders).map(([containerPath, hostPath]) => ({
      containerPath,
      hostPath,
      readonly: true,
    }));
    const config = {
      metadata: { name: "names", attempt: 0 },
      image: { image: options.image },
      command: options.command,
      mounts,
      linux: {
        securityContext: {
          noNewPrivs: true,
          readonlyRootfs: true,
          seccomp: { profileType: "RuntimeDefault" as const },
        },
      },
    };
    await containers.create(id, config, sandbox, image);
    await containers.start(id);
  }
}

async function answers(address: string, { port, netns }: NameServiceOptions): Promise<boolean> {
  if (netns !== undefined) {
    const asked = ["busybox", "nc", "-w", `${PATIENCE_MS / 1000}`, address, `${port}`];
    return (await run("nsenter", [`--net=${netns}`, ...asked], { accept: [0, 1] })).code === 0;
  }
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: PATIENCE_MS });
    const end = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
  });
}
