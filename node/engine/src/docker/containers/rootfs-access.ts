import { existsSync, rmdirSync, statSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { TsukubeError } from "@tsukube/foundation";
import type { Mounts } from "@tsukube/kernel";
import { makeFolders } from "../../build/copy-files.ts";
import { rootedPath } from "../../build/rooted-path.ts";
import type { Containers } from "../../containers/containers.ts";
import type { ImageStore } from "../../images/image-store.ts";
import type { Snapshotter } from "../../images/snapshotter.ts";
import type { DockerContainer } from "./container-record.ts";
import type { ContainerRuns } from "./container-runs.ts";

interface Deps {
  readonly containers: Containers;
  readonly runs: ContainerRuns;
  readonly images: ImageStore;
  readonly snapshotter: Snapshotter;
  readonly mounts: Mounts;
  /** For mounts; empty after a reboot. */
  readonly folder: string;
}

/** The file systems of containers, whether they run or not. */
export class RootfsAccess {
  readonly #deps: Deps;
  #sequence = 0;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Unmounts what an engine that was killed left. */
  async clean(): Promise<void> {
    const { mounts, folder } = this.#deps;
    for (const point of mounts.below(folder)) mounts.unmount(point);
    await rm(folder, { recursive: true, force: true });
  }

  /** Calls back with the folder of a container's own file system, without its mounts. */
  async within<T>(container: DockerContainer, work: (root: string) => Promise<T>): Promise<T> {
    const { images, snapshotter, mounts, runs, folder } = this.#deps;
    const run = runs.find(container.id);
    const isMounted = run !== undefined && mounts.isMounted(runs.rootfs(container.id));
    const target = `${folder}/${container.id.slice(0, 12)}-${++this.#sequence}`;
    await mkdir(target, { recursive: true, mode: 0o755 });
    try {
      if (isMounted) mounts.bind(runs.rootfs(container.id), target);
      else await snapshotter.mount(container.id, this.#chainOf(container, images), target);
      return await work(target);
    } finally {
      for (const point of mounts.below(target)) mounts.unmount(point);
      rmdirSync(target); // never recursive: it was a container's file system
    }
  }

  #chainOf({ imageId, imageName }: DockerContainer, images: ImageStore): readonly string[] {
    const image = images.find(imageId);
    if (image === undefined) throw new TsukubeError("not-found", `No such image: ${imageName}`);
    return image.chain;
  }

  /** The same with volumes and binds in their places, as processes in the container see it; what is in its tmpfs stays hidden. */
  withMounts<T>(container: DockerContainer, work: (root: string) => Promise<T>): Promise<T> {
    return this.within(container, async (root) => {
      const shallowFirst = [...container.mounts].sort((a, b) => a.destination.length - b.destination.length);
      for (const { type, source, destination, readonly } of shallowFirst) {
        if (type === "tmpfs" || !existsSync(source)) continue;
        const target = rootedPath(root, destination);
        if (!existsSync(target) && !statSync(source).isDirectory()) continue;
        if (!existsSync(target)) await makeFolders(root, destination, {});
        this.#deps.mounts.bind(source, target, { recursive: true, readonly });
      }
      return work(root);
    });
  }

  /** While its processes stand still: nobody can put a link in the place of a folder that was just looked at. */
  async frozen<T>({ id, state }: DockerContainer, work: () => Promise<T> | T): Promise<T> {
    if (state.status !== "running") return work();
    await this.#deps.containers.pause(id);
    try {
      return await work();
    } finally {
      await this.#deps.containers.resume(id);
    }
  }
}
