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

/**
 * Shows the images that a container has as volumes below `folder`: as they are, nobody can write there. Unmounting what is
 * below the folder undoes it.
 * @param held Is given the id of each image before anything of it is looked at: who removes images must not have one of these.
 * @returns the configuration with the folders of the images instead of their names.
 * @throws {TsukubeError} `not-found` for an image or a path in it that does not exist.
 */
export async function mountVolumeImages(
  config: ContainerConfig,
  folder: string,
  deps: VolumeImagesDeps,
  held: string[],
  users?: PodUsers,
): Promise<ContainerConfig> {
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
    held.push(image.id);
    const root = `${folder}/${index}`;
    await mkdir(root, { recursive: true });
    await deps.snapshotter.view(image.chain, root, users);
    const hostPath = partOf(root, mount.imageSubPath ?? "", name);
    const options = mount.mountOptions ?? [];
    mounts.push({
      ...mount,
      uidMappings: [],
      hostPath,
      readonly: true,
      mountOptions: options.includes("exec") ? options : ["noexec", ...options],
    });
  }
  return held.length === 0 ? config : { ...config, mounts };
}

function partOf(root: string, subPath: string, image: string): string {
  const path = rootedPath(root, subPath);
  if (existsSync(path)) return path;
  throw new TsukubeError("not-found", `Cannot mount "${subPath}" of image "${image}": no such file or directory`);
}
