import type { Pod } from "@tsukube/api/types/core-v1";
import { messageOf } from "@tsukube/foundation";
import { removeMounted } from "@tsukube/kernel";
import { labelsOf } from "../containers/container-config.ts";
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
