import { chmod, chown, mkdir } from "node:fs/promises";
import { quantityValue } from "@tsukube/api";
import type { Pod, Volume } from "@tsukube/api/types/core-v1";
import { TsukubeError } from "@tsukube/foundation";
import { setUpOnce } from "./setup-mark.ts";
import type { VolumeDeps, VolumeSources } from "./volume-sources.ts";

/**
 * A folder of the pod's own, open to all its users; of medium Memory a tmpfs, of HugePages a hugetlbfs. `sizeLimit` on disk is for
 * eviction to watch.
 */
export async function emptyDir(
  pod: Pod,
  volume: Volume,
  path: string,
  sources: VolumeSources,
  { mounts }: VolumeDeps,
): Promise<string> {
  const medium = volume.emptyDir?.medium ?? "";
  const pageSize = medium.startsWith("HugePages") ? pageSizeOf(pod, medium) : undefined;
  if (medium !== "" && medium !== "Memory" && pageSize === undefined)
    throw new TsukubeError("volume", `emptyDir of medium "${medium}" is not supported, expected Memory or HugePages`);
  const group = pod.spec?.securityContext?.fsGroup;
  const mode = medium === "Memory" ? 0o1777 : 0o777; // as tmpfs has it: files go with those whose they are
  const open = async (): Promise<void> => {
    await chmod(path, mode);
    if (group === undefined) return;
    await chown(path, -1, group);
    await chmod(path, 0o2000 | mode); // chown clears the bit; with it new files belong to the group
  };
  await mkdir(path, { recursive: true });
  if (medium === "") await setUpOnce(path, open);
  else if (!mounts.isMounted(path)) {
    // after a reboot the folder is there and the file system in it is not
    if (pageSize !== undefined) mounts.mount("nodev", path, "hugetlbfs", 0, `pagesize=${pageSize}`);
    else mounts.tmpfs(path, { mode: "1777", sizeBytes: memoryLimitOf(pod, volume, sources.allocatable.memoryBytes) });
    await open();
  }
  return path;
}

/** "2M" of the medium HugePages-2Mi; of HugePages the size that the pod's containers ask for, which must be one. */
function pageSizeOf(pod: Pod, medium: string): string {
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  const asked = [...containers, ...initContainers].flatMap(({ resources }) => Object.keys(resources?.requests ?? {}));
  const sizes = new Set(asked.flatMap((name) => /^hugepages-(.+)i$/.exec(name)?.[1] ?? []));
  const [size] = medium === "HugePages" ? sizes : [medium.slice("HugePages-".length, -1)];
  if (size === undefined || size === "" || (medium === "HugePages" && sizes.size > 1))
    throw new TsukubeError(
      "volume",
      `emptyDir of medium "${medium}": containers ask for ${sizes.size} page sizes, expected one`,
    );
  return size;
}

/** The smallest of the node's memory, what the pod and its containers may use together, and the volume's own limit (KEP-1967). */
export function memoryLimitOf(pod: Pod, volume: Volume, allocatableBytes: number): number {
  const limits = [allocatableBytes];
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  const memory = (container: { readonly resources?: { readonly limits?: Readonly<Record<string, string>> } }): number =>
    quantityValue(container.resources?.limits?.["memory"] ?? "0");
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === "Always");
  const lasting = [...containers, ...sidecars].map(memory);
  if (lasting.every((bytes) => bytes > 0)) {
    const together = lasting.reduce((sum, bytes) => sum + bytes, 0);
    limits.push(Math.max(together, ...initContainers.map(memory)));
  }
  for (const bytes of [pod.spec?.resources?.limits?.["memory"], volume.emptyDir?.sizeLimit].map((text) =>
    quantityValue(text ?? "0"),
  ))
    if (bytes > 0) limits.push(bytes);
  return Math.min(...limits);
}
