import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { TsukubeError } from "@tsukube/foundation";
import type { ContainerConfig, Mount } from "@tsukube/node-contracts/cri";
import { rootedPath } from "../build/rooted-path.ts";
import type { ImageRecord } from "../images/image-store.ts";
import type { Snapshotter } from "../images/snapshotter.ts";
import type { PodUsers } from "../sandboxes/pod-users.ts";

export interface VolumeImagesDeps {
  readonly snapshotter: Pick<Snapshotter, "view">;
  findImage(name: string): Promise<ImageRecord | undefined>;
}

export interface MountedVolumeImages {
  /** With the folders of the images instead of their names. */
  readonly config: ContainerConfig;
  /** Ids. */
  readonly images: readonly string[];
}

/**
 * Shows the images that a container has as volumes below `folder`: as they are, nobody can write there. Unmounting what is
 * below the folder undoes it.
 * @throws {TsukubeError} `not-found` for an image or a path in it that does not exist.
 */
export async function mountVolumeImages(
  config: ContainerConfig,
  folder: string,
  deps: VolumeImagesDeps,
  users?: PodUsers,
): Promise<MountedVolumeImages> {
  const images: string[] = [];
  const mounts: Mount[] = [];
  for (const [index, mount] of (config.mounts ?? []).entries()) {
    const name = mount.image?.image ?? "";
    if (name === "") {
      mounts.push(mount);
      continue;
    }
    const image = await deps.findImage(name);
    if (image === undefined)
      throw new TsukubeError("not-found", `Cannot mount image "${name}": not present, expected one that was pulled`);
    images.push(image.id);
    const root = `${folder}/${index}`;
    await mkdir(root, { recursive: true });
    await deps.snapshotter.view(image.chain, root, users);
    const hostPath = partOf(root, mount.imageSubPath ?? "", name);
    mounts.push({
      ...mount,
      uidMappings: [],
      hostPath,
      readonly: true,
      mountOptions: ["noexec", ...(mount.mountOptions ?? [])],
    });
  }
  return { config: images.length === 0 ? config : { ...config, mounts }, images };
}

function partOf(root: string, subPath: string, image: string): string {
  const path = rootedPath(root, subPath);
  if (existsSync(path)) return path;
  throw new TsukubeError("not-found", `Cannot mount "${subPath}" of image "${image}": no such file or directory`);
}
