import { createHash } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { type Clock, formatTime, type Logger, messageOf, type Random } from "@tsukube/foundation";
import { type Mounts, removeMounted } from "@tsukube/kernel";
import type { NewLayer } from "../images/image-store.ts";
import { digestOf, writeLayerTar } from "../images/layer-tar.ts";
import { chainIds, type Snapshotter } from "../images/snapshotter.ts";
import { ageFiles } from "./age-files.ts";
import { type BuildCache, type CachedStep, digestsOf, keyOf, type StepInputs } from "./build-cache.ts";
import { copySources } from "./copy-files.ts";
import { findSources } from "./copy-sources.ts";
import { chainOf, contentOf, diffIdsOf, type ImageState } from "./image-state.ts";

export interface LayerMakerDeps {
  readonly snapshotter: Snapshotter;
  readonly mounts: Mounts;
  readonly cache: BuildCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** For mounted file systems; empty after a reboot. */
  readonly folder: string;
}

/** Containers have longer ones. */
const OWN_ID = /^[0-9a-f]{16}$/;

/** A result that was made elsewhere. */
export type FoundStep = Pick<CachedStep, "layer" | "created">;

/** A change of files. */
export interface Change {
  readonly inputs: StepInputs;
  readonly lineage: string;
  /** Looks for an earlier result. */
  readonly useCache: boolean;
  /** Mount points that the change needs and the image need not have; a trailing slash marks a folder. */
  readonly mountPoints: readonly string[];
  /** RFC 3339; now by default. */
  readonly created?: string;
  /** Seconds since the epoch: files that were written later get this time. */
  readonly latest?: number;
  /** What the change is made to, for people. */
  readonly baseName: string;
  /** The result of the same change elsewhere, brought here; undefined when there is none. */
  readonly elsewhere: (key: string, state: ImageState) => Promise<FoundStep | undefined>;
  /** Told before the change is made, with what differs from the last time. */
  readonly onMiss: (why: string) => void;
  readonly onHit: () => void;
  /** @param root The mounted file system. @param id Free for a container's name. */
  readonly make: (root: string, id: string) => Promise<void>;
}

/** Files that a step may read. */
export interface Source {
  /** What all of them follow from; absent where they may be others the next time. */
  readonly content?: string;
  /** The folder with them; what takes work is done when it is first asked for. */
  readonly root: () => Promise<string>;
}

/** Makes layers by changing a mounted file system, unless the same change was made before. */
export class LayerMaker {
  readonly #deps: LayerMakerDeps;
  readonly #making = new Map<string, Promise<CachedStep>>();

  constructor(deps: LayerMakerDeps) {
    this.#deps = deps;
  }

  /** Takes back what an engine that was killed left: mounts, and what its steps had written. */
  async clean(): Promise<void> {
    const { mounts, folder, snapshotter, logger } = this.#deps;
    const cleared = [removeMounted(folder, mounts)];
    for (const id of await snapshotter.written()) if (OWN_ID.test(id)) cleared.push(snapshotter.remove(id));
    for (const result of await Promise.allSettled(cleared))
      if (result.status === "rejected")
        logger.warn("what a build left stays on the disk", { error: messageOf(result.reason) });
  }

  /** Equal changes at the same time are made once. */
  async apply(state: ImageState, change: Change): Promise<CachedStep> {
    const key = keyOf(change.inputs);
    const running = this.#making.get(key);
    if (running !== undefined) {
      change.onHit();
      return running;
    }
    const known = change.useCache ? await this.#deps.cache.find(key) : undefined;
    if (known?.chain.every((chainId) => this.#deps.snapshotter.has(chainId)) === true) {
      change.onHit();
      return known;
    }
    const making = (this.#making.get(key) ?? this.#findOrMake(key, state, change)).finally(() =>
      this.#making.delete(key),
    );
    this.#making.set(key, making);
    return making;
  }

  /** Mounts a state where its files can be read until `work` is done. */
  read<T>(state: ImageState, work: (root: string) => Promise<T>): Promise<T> {
    return this.lend(state, async ({ root }) => work(await root()));
  }

  /** As {@link read} does, once `work` asks for the files. */
  async lend<T>(state: ImageState, work: (source: Source) => Promise<T>): Promise<T> {
    const id = this.#newId();
    let mounted: Promise<string> | undefined;
    const root = (): Promise<string> => {
      mounted ??= this.#mount(id, state, []);
      return mounted;
    };
    try {
      return await work({ content: contentOf(state), root });
    } finally {
      if (mounted !== undefined) await this.#release(id, await mounted);
    }
  }

  /** The files of a folder, for who must not change the folder itself; they are there until the build ends. */
  async copied(folder: string): Promise<ImageState> {
    const { random, snapshotter } = this.#deps;
    const chainId = `sha256:${Buffer.from(random.bytes(32)).toString("hex")}`;
    const build = async (root: string): Promise<void> =>
      copySources(await findSources(folder, ["/"]), root, "/", { parents: false });
    await snapshotter.commit(chainId, [], { build });
    return { layers: [{ chainId, diffId: chainId, size: 0 }], config: {}, ownCmd: false, history: [] };
  }

  async #findOrMake(key: string, state: ImageState, change: Change): Promise<CachedStep> {
    const found = change.useCache ? await change.elsewhere(key, state) : undefined;
    if (found === undefined) return this.#make(key, state, change);
    change.onHit();
    return this.#keep(key, state, change, found);
  }

  #keep(
    key: string,
    state: ImageState,
    { inputs, lineage }: Change,
    { layer, created }: FoundStep,
  ): Promise<CachedStep> {
    const above = layer === undefined ? [] : [layer];
    return this.#deps.cache.put({
      key,
      inputs: digestsOf(inputs),
      lineage,
      ...(layer === undefined ? {} : { layer }),
      chain: [...chainOf(state), ...above.map(({ chainId }) => chainId)],
      diffIds: [...diffIdsOf(state), ...above.map(({ diffId }) => diffId)],
      created,
    });
  }

  async #make(key: string, state: ImageState, change: Change): Promise<CachedStep> {
    const { cache, clock, snapshotter, mounts } = this.#deps;
    const { inputs, lineage } = change;
    change.onMiss(cache.explain(lineage, inputs, change.baseName));
    const id = this.#newId();
    const root = await this.#mount(id, state, change.mountPoints);
    try {
      await change.make(root, id);
      mounts.unmount(root);
      const layer = await snapshotter.changes(id, (folder) => this.#commit(folder, state, change.latest));
      const created = change.created ?? formatTime(clock.now());
      return await this.#keep(key, state, change, { ...(layer === undefined ? {} : { layer }), created });
    } finally {
      await this.#release(id, root);
    }
  }

  async #commit(
    folder: string | undefined,
    state: ImageState,
    latest: number | undefined,
  ): Promise<NewLayer | undefined> {
    if (folder === undefined || (await readdir(folder)).length === 0) return undefined;
    if (latest !== undefined) await ageFiles(folder, latest);
    const { digest: diffId, size } = await digestOf(writeLayerTar(folder));
    const chainId = chainIds([...diffIdsOf(state), diffId]).at(-1) as string;
    await this.#deps.snapshotter.commit(chainId, chainOf(state), { staged: folder });
    return { diffId, chainId, size };
  }

  async #mount(id: string, state: ImageState, mountPoints: readonly string[]): Promise<string> {
    const root = `${this.#deps.folder}/${id}`;
    await mkdir(root, { recursive: true });
    // lowest: mount points are there without being in a layer, and there is a layer even from scratch
    const lowest = await this.#foundation(mountPoints);
    await this.#deps.snapshotter.mount(id, [lowest, ...chainOf(state)], root);
    return root;
  }

  /** A snapshot with empty files and folders, which is in no image. */
  async #foundation(points: readonly string[]): Promise<string> {
    const chainId = `sha256:${createHash("sha256")
      .update(`mount points ${points.join(" ")}`)
      .digest("hex")}`;
    const build = async (root: string): Promise<void> => {
      for (const point of points) {
        await mkdir(root + (point.endsWith("/") ? point : dirname(point)), { recursive: true });
        if (!point.endsWith("/")) await writeFile(root + point, "", { flag: "a" });
      }
    };
    await this.#deps.snapshotter.commit(chainId, [], { build });
    return chainId;
  }

  async #release(id: string, root: string): Promise<void> {
    this.#deps.mounts.unmount(root);
    await this.#deps.snapshotter.remove(id);
    await removeMounted(root, this.#deps.mounts);
  }

  #newId(): string {
    return Buffer.from(this.#deps.random.bytes(8)).toString("hex");
  }
}
