import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Pod } from "@tsukube/api/types/core-v1";
import { codeOf, messageOf } from "@tsukube/foundation";
import { removeMounted } from "@tsukube/kernel";
import { labelsOf } from "../containers/container-config.ts";
import type { KubeletOptions } from "../options.ts";
import type { PodContext } from "./pod-context.ts";

/** Removes what is left of a pod that has ended: sandboxes with their containers, volumes, cgroup, logs. */
export async function cleanUp({ cri, options, placesOf }: PodContext, pod: Pod): Promise<void> {
  const { items = [] } = await cri.runtime.ListPodSandbox({ filter: { labelSelector: labelsOf(pod) } });
  for (const { id: podSandboxId = "" } of items) {
    await cri.runtime.StopPodSandbox({ podSandboxId });
    await cri.runtime.RemovePodSandbox({ podSandboxId });
  }
  const { folder, logs, cgroup } = placesOf(pod);
  await removeMounted(folder, options.mounts);
  await options.cgroups
    .remove(cgroup)
    .catch((error: unknown) => options.logger.debug("a pod's cgroup is busy", { cgroup, error: messageOf(error) }));
  await removeMounted(logs, options.mounts);
}

/**
 * Removes folders of pods that went while nobody looked, their mounts first. What does not go is left to the next start.
 * @param isKnown Whether a pod, by its uid, is there or about to end: its folder is its own.
 */
export async function removeOrphans(
  { rootDirectory, mounts, logger }: Pick<KubeletOptions, "rootDirectory" | "mounts" | "logger">,
  isKnown: (uid: string) => boolean,
): Promise<void> {
  const folder = join(rootDirectory, "pods");
  const uids = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) !== "ENOENT")
      logger.warn("cannot look for folders of pods that are gone", { error: messageOf(error) });
    return [];
  });
  for (const uid of uids) {
    if (isKnown(uid)) continue;
    await removeMounted(join(folder, uid), mounts).then(
      () => logger.warn("removed the folder of a pod that is gone", { uid }),
      (error: unknown) =>
        logger.warn("cannot remove the folder of a pod that is gone", { uid, error: messageOf(error) }),
    );
  }
}
