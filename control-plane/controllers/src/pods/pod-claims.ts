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
  /** Comes and goes with the claim. With one, finished pods are adopted too: whoever holds pods to count them wants those. */
  readonly finalizer?: string;
}

const RELEASED = "$deleteFromPrimitiveList/finalizers";

/** The claimant's pods among `pods` (of its namespace): adopts matching orphans, releases those that no longer match. */
export async function claimPods(client: Client, claimant: Claimant, pods: readonly Pod[]): Promise<readonly Pod[]> {
  const { owner, apiVersion, kind, selector, mayAdopt = () => true, finalizer } = claimant;
  const matcher = labelMatcherOf(selector);
  const deleting = owner.metadata?.deletionTimestamp !== undefined;
  const resource = client.resource<Pod>(PODS, owner.metadata?.namespace);
  const isFree = (pod: Pod): boolean =>
    finalizer === undefined ? isActive(pod) : pod.metadata?.deletionTimestamp === undefined;
  const patch = (pod: Pod, reference: object, list: string): Promise<Pod> =>
    resource.patch(pod.metadata?.name ?? "", {
      type: "strategic",
      body: {
        metadata: {
          uid: pod.metadata?.uid,
          ownerReferences: [reference],
          ...(finalizer !== undefined && { [list]: [finalizer] }),
        },
      },
    });
  const owned: Pod[] = [];
  for (const pod of pods) {
    const matches = matcher.matches(pod.metadata?.labels);
    if (isControlledBy(pod, owner)) {
      if (matches) owned.push(pod);
      else if (!deleting) await patch(pod, { $patch: "delete", uid: owner.metadata?.uid }, RELEASED);
    } else if (matches && controllerOf(pod) === undefined && !deleting && isFree(pod) && mayAdopt(pod)) {
      owned.push(await patch(pod, controllerReference(owner, apiVersion, kind), "finalizers"));
    }
  }
  return owned;
}
