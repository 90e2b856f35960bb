import { connect } from "node:net";
import { type Clock, type Logger, messageOf, type Random } from "@tsukube/foundation";
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
const PATIENCE_MS = 3000;
const LOOK_MS = 10;

/** What answers names of containers: a container of the engine that no client sees, and so outlives the engine. */
export class NameService {
  readonly #deps: Deps;
  #starting: Promise<void> | undefined;
  #wanted = false;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Starts it unless it runs, and waits until it answers at a gateway. */
  async serve(gateway: string): Promise<void> {
    this.#wanted = true;
    await this.#start();
    const { clock, options } = this.#deps;
    const began = clock.monotonic();
    while (!(await answers(gateway, options.port))) {
      if (clock.monotonic() - began > PATIENCE_MS)
        return this.#deps.logger.warn("names are not answered yet", { gateway });
      await clock.sleep(LOOK_MS);
    }
  }

  /** After a start of the engine: one of another version makes room, and where nobody needs it it goes. */
  async adopt(isNeeded: boolean): Promise<void> {
    this.#wanted = isNeeded;
    const current = this.#deps.containers.all.some(
      ({ config, exit }) => exit === undefined && config.image?.image === this.#deps.options.image,
    );
    if (isNeeded && current) return;
    await this.stop();
    this.#wanted = isNeeded;
    if (isNeeded) await this.#start();
  }

  /** It ended by itself. */
  onEnded(): void {
    if (!this.#wanted) return;
    this.#deps.clock.after(AGAIN_MS, () => void (this.#wanted && this.#start().catch(() => {})), { background: true });
  }

  async stop(): Promise<void> {
    this.#wanted = false;
    for (const { id } of this.#deps.containers.all) await this.#deps.containers.remove(id);
    for (const { id } of this.#deps.sandboxes.all) await this.#deps.sandboxes.remove(id);
  }

  #start(): Promise<void> {
    const runs = this.#deps.containers.all.some(({ exit, startedAt }) => exit === undefined && startedAt !== undefined);
    if (runs) return Promise.resolve();
    this.#starting ??= this.#create().finally(() => (this.#starting = undefined));
    return this.#starting;
  }

  async #create(): Promise<void> {
    const { containers, sandboxes, options, logger, findImage } = this.#deps;
    for (const { id } of containers.all) await containers.remove(id);
    for (const { id } of sandboxes.all) await sandboxes.remove(id);
    try {
      const image = await findImage(options.image);
      if (image === undefined)
        return logger.error("names of containers are not answered: its image is missing", { image: options.image });
      const id = Buffer.from(this.#deps.random.bytes(32)).toString("hex");
      const sandbox = await sandboxes.run(id, {
        metadata: { name: "names", namespace: "docker", uid: id, attempt: 0 },
        linux: { securityContext: { namespaceOptions: { network: "NODE" } } },
      });
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
    } catch (error) {
      logger.error("names of containers are not answered", { error: messageOf(error) });
      throw error;
    }
  }
}

function answers(address: string, port: number): Promise<boolean> {
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
