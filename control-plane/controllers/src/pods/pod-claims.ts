import { type KubeObject, labelMatcherOf } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { LabelSelector } from "@tsukube/api/types/meta-v1";
import { type Client, controllerOf, controllerReference, isControlledBy } from "@tsukube/client";
import { PODS } from "../context.ts";
import { isActive } from "./pod-state.ts";

export interface Claimant {
  readonly owner: KubeObject;
  readonly apiVersion: string;
  readonly kind: string;
  readonly selector: LabelSelector | undefined;
  /** Which orphans may be adopted beside matching the selector; all active ones by default. */
  readonly mayAdopt?: (pod: Pod) => boolean;
}

/** The claimant's pods among `pods` (of its namespace): adopts matching orphans, releases those that no longer match. */
export async function claimPods(client: Client, claimant: Claimant, pods: readonly Pod[]): Promise<readonly Pod[]> {
  const { owner, apiVersion, kind, selector, mayAdopt = () => true } = claimant;
  const matcher = labelMatcherOf(selector);
  const deleting = owner.metadata?.deletionTimestamp !== undefined;
  const resource = client.resource<Pod>(PODS, owner.metadata?.namespace);
  const patch = (pod: Pod, reference: object): Promise<Pod> =>
    resource.patch(pod.metadata?.name ?? "", {
      type: "strategic",
      body: { metadata: { uid: pod.metadata?.uid, ownerReferences: [reference] } },
    });
  const owned: Pod[] = [];
  for (const pod of pods) {
    const matches = matcher.matches(pod.metadata?.labels);
    if (isControlledBy(pod, owner)) {
      if (matches) owned.push(pod);
      else if (!deleting) await patch(pod, { $patch: "delete", uid: owner.metadata?.uid });
    } else if (matches && controllerOf(pod) === undefined && !deleting && isActive(pod) && mayAdopt(pod)) {
      owned.push(await patch(pod, controllerReference(owner, apiVersion, kind)));
    }
  }
  return owned;
}
