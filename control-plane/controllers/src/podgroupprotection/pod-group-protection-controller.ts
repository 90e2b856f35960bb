import { ApiError } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { PodGroup } from "@tsukube/api/types/scheduling-v1beta1";
import { type Informer, type Key, keyOf, type Outcome, SETTLED, startController } from "@tsukube/client";
import { type ControllerContext, POD_GROUPS, PODS } from "../context.ts";

const FINALIZER = "scheduling.k8s.io/podgroup-protection";

/** Keeps a PodGroup that is deleted until every pod of it has ended (KEP-4671). */
export class PodGroupProtectionController {
  readonly #context: ControllerContext;
  readonly #groups: Informer<PodGroup>;
  readonly #pods: Informer<Pod>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#groups = context.informers.informer<PodGroup>(POD_GROUPS);
    this.#pods = context.informers.informer<Pod>(PODS, { indexes: { podGroup: groupOf } });
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const name = "pod-group-protection";
    const { queue } = lifetime.own(
      name,
      startController({ name, queueName: "podgroupprotection", clock, logger, queues, reconcile }),
    );
    const add = (group: PodGroup): void => queue.add(keyOf(group));
    lifetime.add("pod groups", this.#groups.onChange({ added: add, updated: (_, group) => add(group) }));
    const look = (pod: Pod): void => {
      for (const key of groupOf(pod)) queue.add(key);
    };
    lifetime.add("pods", this.#pods.onChange({ updated: (_, pod) => look(pod), deleted: look }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const group = this.#groups.get(key);
    if (group === undefined) return SETTLED;
    const next = release(group, this.#pods.byIndex("podGroup", key));
    if (next === group) return SETTLED;
    try {
      const written = { ...next, apiVersion: "scheduling.k8s.io/v1beta1", kind: "PodGroup" };
      await this.#context.client.resource<PodGroup>(POD_GROUPS).update(written);
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
    return SETTLED;
  }
}

/** "namespace/name" of the pod's group, if it has one. */
function groupOf({ metadata, spec }: Pod): readonly string[] {
  const name = spec?.schedulingGroup?.podGroupName ?? "";
  return name === "" ? [] : [`${metadata?.namespace}/${name}`];
}

/** Pure: the group without the finalizer once it is deleted and all its pods have ended; else the same. */
function release(group: PodGroup, pods: readonly Pod[]): PodGroup {
  const { deletionTimestamp, finalizers = [] } = group.metadata ?? {};
  if (deletionTimestamp === undefined || !finalizers.includes(FINALIZER) || !pods.every(hasEnded)) return group;
  return { ...group, metadata: { ...group.metadata, finalizers: finalizers.filter((each) => each !== FINALIZER) } };
}

function hasEnded({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}
