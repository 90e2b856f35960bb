import { statSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import type { Mounts } from "@tsukube/kernel";
import type { ContainerConfig, Mount } from "@tsukube/node-contracts/cri";
import type { PodUsers } from "../sandboxes/pod-users.ts";

/**
 * Shows below `folder` what a container mounts with the owners that its users know, where it asks for that. Unmounting what is below the
 * folder undoes it. @returns the configuration with those places. @throws `EINVAL` where a file system cannot do it.
 */
export async function mapMounts(
  config: ContainerConfig,
  folder: string,
  users: PodUsers | undefined,
  mounts: Mounts,
): Promise<ContainerConfig> {
  if (users === undefined) return config;
  const mapped: Mount[] = [];
  for (const [index, mount] of (config.mounts ?? []).entries()) {
    if ((mount.uidMappings ?? []).length === 0) {
      mapped.push(mount);
      continue;
    }
    const source = mount.hostPath ?? "";
    const target = `${folder}/${index}`;
    if (statSync(source).isDirectory()) await mkdir(target, { recursive: true });
    else {
      await mkdir(folder, { recursive: true });
      await writeFile(target, "");
    }
    mounts.idmap(source, target, users.path);
    mapped.push({ ...mount, hostPath: target });
  }
  return { ...config, mounts: mapped };
}
