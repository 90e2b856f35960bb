import { closeSync, existsSync, fstatSync, mkdirSync, rmdirSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { type Mounts, openWithin, removeMounted } from "@tsukube/kernel";
import type { ImageStore } from "../../images/image-store.ts";
import type { Snapshotter } from "../../images/snapshotter.ts";
import type { VolumeStore } from "../volumes/volume-store.ts";
import { openSource, volumesOf } from "./container-mounts.ts";
import type { DockerContainer, MountPoint } from "./container-record.ts";
import type { ContainerRuns } from "./container-runs.ts";
import type { ContainerStore } from "./container-store.ts";
import type { Freezer } from "./freezer.ts";

interface Deps {
  readonly store: ContainerStore;
  readonly runs: ContainerRuns;
  readonly images: ImageStore;
  readonly volumes: Pick<VolumeStore, "holding">;
  readonly snapshotter: Snapshotter;
  readonly mounts: Mounts;
  readonly freezer: Freezer;
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

  /** Takes back what an engine that was killed left: mounts, and containers that stand still for it. */
  async clean(): Promise<void> {
    const { mounts, folder, store, freezer } = this.#deps;
    for (const name of await readdir(folder).catch(() => [])) {
      const container = store.find(name.split("-", 1)[0] ?? "");
      if (container?.state.status === "running") await freezer.resume(container.id);
    }
    await removeMounted(folder, mounts);
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
      else {
        const { imageId, imageName } = container;
        await snapshotter.mount(container.id, this.#chainOf({ id: imageId, name: imageName }, images), target);
      }
      mounts.propagate(target, "private"); // what is mounted in it must not appear in the container
      return await work(target);
    } finally {
      mounts.unmount(target); // with all that is mounted in it
      rmdirSync(target); // never recursive: it was a container's file system
    }
  }

  #chainOf({ id, name }: NonNullable<MountPoint["image"]>, images: ImageStore): readonly string[] {
    const image = images.find(id);
    if (image === undefined) throw new TsukubeError("not-found", `No such image: ${name}`);
    return image.chain;
  }

  /**
   * The same with volumes and binds in their places, as processes in the container see it; what is in its tmpfs stays hidden. They
   * stand still until `open` is done: nobody puts a link in the place of a folder that was just looked at.
   * @param use What is done with what `open` found, while they go on.
   */
  withMounts<T>(
    container: DockerContainer,
    open: (root: string) => Promise<T>,
    use: (opened: T) => Promise<void> = async () => {},
  ): Promise<T> {
    return this.#withSources(container, (sources) => {
      const mounts = [...this.#filesOf(container), ...sources];
      const shallowFirst = mounts.sort((a, b) => a.destination.length - b.destination.length);
      return this.within(container, async (root) => {
        const opened = await this.#deps.freezer.during(container.id, async () => {
          for (const mount of shallowFirst) this.#show(mount, root);
          return open(root);
        });
        await use(opened);
        return opened;
      });
    });
  }

  /** Its volumes are held, and its images mounted, as long as `work` goes on with its mounts. */
  async #withSources<T>(
    { id, mounts }: DockerContainer,
    work: (mounts: readonly MountPoint[]) => Promise<T>,
  ): Promise<T> {
    const { images, snapshotter, volumes, folder } = this.#deps;
    const views = `${folder}/${id.slice(0, 12)}-images-${++this.#sequence}`;
    const sources: MountPoint[] = [];
    try {
      for (const [index, mount] of mounts.entries()) {
        const source = mount.image === undefined ? mount.source : `${views}/${index}`;
        if (mount.image !== undefined) {
          await mkdir(source, { recursive: true });
          await snapshotter.view(this.#chainOf(mount.image, images), source);
        }
        sources.push({ ...mount, source });
      }
      return await volumes.holding(volumesOf(mounts), () => work(sources));
    } finally {
      if (existsSync(views)) await removeMounted(views, this.#deps.mounts);
    }
  }

  /** The files of a run with names and resolvers, but for those in whose place something else is mounted. */
  #filesOf({ id, mounts }: DockerContainer): readonly MountPoint[] {
    const folder = this.#deps.runs.sandbox(id)?.files;
    if (folder === undefined) return [];
    return ["hostname", "hosts", "resolv.conf"]
      .map((name) => ({ source: `${folder}/${name}`, destination: `/etc/${name}` }))
      .filter(({ destination }) => !mounts.some((mount) => mount.destination === destination))
      .map((file) => ({ ...file, type: "bind" as const, readonly: false, mode: "" }));
  }

  /** Others may change the volume that holds its place: descriptors cannot be led out of the root. */
  #show(mount: MountPoint, root: string): void {
    const { type, source, destination, readonly } = mount;
    if (type === "tmpfs" || !existsSync(source)) return;
    const shown = openSource(mount);
    try {
      const place = placeFor(root, destination, fstatSync(shown).isDirectory());
      if (place === undefined) return;
      try {
        this.#deps.mounts.bindAt(`/proc/self/fd/${shown}`, place, { readonly });
      } finally {
        closeSync(place);
      }
    } finally {
      closeSync(shown);
    }
  }
}

/** Folders that are missing are made; a file that is missing has no place. */
function placeFor(root: string, path: string, isFolder: boolean): number | undefined {
  try {
    return openWithin(root, path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
  const parent = isFolder ? placeFor(root, dirname(path), true) : undefined;
  if (parent === undefined) return undefined;
  try {
    mkdirSync(`/proc/self/fd/${parent}/${basename(path)}`, { mode: 0o755 });
  } finally {
    closeSync(parent);
  }
  return openWithin(root, path);
}
