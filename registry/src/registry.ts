import { join } from "node:path";
import {
  type Clock,
  Lifetime,
  type Logger,
  messageOf,
  type Random,
  silentLogger,
  TsukubeError,
} from "@tsukube/foundation";
import { acquireLock, makeFolder, readRecord, writeRecord } from "@tsukube/host";
import { type Guard, openDoor } from "./access/access.ts";
import { TokenGuard } from "./access/token-guard.ts";
import { PullThrough } from "./proxy/pull-through.ts";
import type { Upstream } from "./proxy/upstream.ts";
import { BlobHandler, storedBlobs } from "./serving/blob-handler.ts";
import { Dispatcher } from "./serving/dispatcher.ts";
import { ListHandler } from "./serving/list-handler.ts";
import { Listener, type ServerCertificate } from "./serving/listener.ts";
import { ManifestHandler } from "./serving/manifest-handler.ts";
import { UploadHandler } from "./serving/upload-handler.ts";
import { BlobStore } from "./store/blob-store.ts";
import { type Collected, Collector } from "./store/collector.ts";
import { Layout } from "./store/layout.ts";
import { Manifests } from "./store/manifests.ts";
import { Reliance } from "./store/reliance.ts";
import { RepositoryStore } from "./store/repository-store.ts";
import { Uploads } from "./store/uploads.ts";

export interface RegistryOptions {
  /** Where everything is kept. One registry at a time has it. */
  readonly folder: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger;
  /** Who may do what; by default everyone everything. */
  readonly guard?: Guard;
  /** Whose cache it is; by default a registry of its own. */
  readonly upstream?: Upstream;
  /** How long uploads that nobody goes on with and blobs that nothing refers to stay: longer than a push takes. A day by default. */
  readonly keepMs?: number;
  /** How long a cache keeps what nobody asks for; a week by default. */
  readonly keepCachedMs?: number;
}

/** 2: tags are found by what they lead to. */
const FORMAT = 2;
const DAY = 24 * 60 * 60_000;
/** How often garbage is looked for, within the time that it stays. */
const COLLECTIONS = 8;
/** After a start, pushes that a crash interrupted have time to go on. */
const SETTLE_MS = 10 * 60_000;

/** A registry for images and other artifacts (OCI distribution spec 1.1), with its files in a folder. */
export class Registry {
  readonly #lifetime: Lifetime;
  readonly #dispatcher: Dispatcher;
  readonly #collector: Collector;
  readonly #repositories: RepositoryStore;
  readonly #options: RegistryOptions;

  private constructor(options: RegistryOptions, lifetime: Lifetime) {
    const { clock, random, logger = silentLogger, guard = openDoor, upstream } = options;
    this.#options = options;
    this.#lifetime = lifetime;
    const layout = new Layout(options.folder);
    const reliance = new Reliance(clock);
    const blobs = new BlobStore(layout);
    const repositories = new RepositoryStore({ layout, blobs, reliance, clock });
    this.#repositories = repositories;
    const uploads = new Uploads({ layout, blobs, repositories, reliance, random });
    const manifests = new Manifests({ blobs, repositories, uploads });
    const store = { layout, reliance, blobs, repositories, uploads, manifests };
    const cache = upstream === undefined ? undefined : new PullThrough({ ...store, upstream, logger });
    if (cache !== undefined) lifetime.own("cache", cache);
    const keepManifestsMs = options.keepCachedMs ?? 7 * DAY;
    this.#collector = new Collector({
      ...{ ...store, clock, keepMs: this.#keepMs },
      ...(upstream === undefined ? {} : { keepManifestsMs }),
    });
    this.#dispatcher = new Dispatcher({
      guard,
      blobs: new BlobHandler({
        repositories,
        find: cache === undefined ? storedBlobs(repositories, blobs) : (name, digest) => cache.blob(name, digest),
      }),
      uploads: new UploadHandler({ ...store, openInside: !(guard instanceof TokenGuard) }),
      manifests: new ManifestHandler({
        ...store,
        find: (name, reference, signal) => (cache ?? manifests).find(name, reference, signal),
      }),
      lists: new ListHandler(repositories),
      readOnly: cache !== undefined,
      logger,
    });
  }

  /**
   * Opens a folder, which need not be there.
   * @throws {TsukubeError} `usage` while another process has it; `newer-state`.
   */
  static async open(options: RegistryOptions): Promise<Registry> {
    await makeFolder(options.folder, 0o700); // images may be private
    const lifetime = new Lifetime();
    try {
      const lock = acquireLock(join(options.folder, "lock"), "registry");
      if ("holder" in lock)
        throw new TsukubeError(
          "usage",
          `Cannot open registry "${options.folder}": process ${lock.holder.pid} has it open, expected one registry a folder`,
        );
      lifetime.add("lock", lock.release);
      const version = await formatOf(options.folder);
      const registry = new Registry(options, lifetime);
      if (version < FORMAT) await registry.#migrate();
      registry.#collectRegularly();
      return registry;
    } catch (error) {
      await lifetime.close();
      throw error;
    }
  }

  async #migrate(): Promise<void> {
    await this.#repositories.indexTags();
    await writeRecord(join(this.#options.folder, "format"), { version: FORMAT });
  }

  get #keepMs(): number {
    return this.#options.keepMs ?? DAY;
  }

  /** Serves on an address, in the clear unless there is a certificate. @returns the port, also when 0 was asked for. */
  async listen(host: string, port: number, certificate?: ServerCertificate): Promise<number> {
    const listener = new Listener((request, response) => void this.#dispatcher.serve(request, response), certificate);
    const bound = await listener.listen(host, port);
    this.#lifetime.own("listener", listener);
    return bound;
  }

  /** Removes now what nothing refers to; happens by itself, too. */
  collect(): Promise<Collected> {
    return this.#collector.collect();
  }

  close(): Promise<void> {
    return this.#lifetime.close();
  }

  #collectRegularly(): void {
    const { clock, logger = silentLogger } = this.#options;
    const began = clock.now();
    const collect = async (): Promise<void> => {
      if (clock.now() - began < Math.min(SETTLE_MS, this.#keepMs)) return;
      try {
        const collected = await this.collect();
        if (Object.values(collected).some((count) => count > 0)) logger.info("garbage was collected", { ...collected });
      } catch (error) {
        logger.error("garbage could not be collected", { error: messageOf(error) });
      }
    };
    const interval = Math.max(1000, Math.min(this.#keepMs / COLLECTIONS, DAY / 24));
    this.#lifetime.add(
      "collections",
      clock.every(interval, () => void collect(), { background: true }),
    );
  }
}

/** @returns 0 for a folder without one. @throws {TsukubeError} `newer-state`. */
async function formatOf(folder: string): Promise<number> {
  const { version = 0 } = (await readRecord<{ readonly version: number }>(join(folder, "format"))) ?? {};
  if (version <= FORMAT) return version;
  throw new TsukubeError(
    "newer-state",
    `Cannot open registry "${folder}": its format is ${version}, expected ${FORMAT} or older; use the version of Tsukube that wrote it`,
  );
}
