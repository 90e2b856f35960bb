import { jsonEqual, labelMatcherOf } from "@tsukube/api";
import type { ReplicaSet, ReplicaSetStatus } from "@tsukube/api/types/apps-v1";
import type { Pod } from "@tsukube/api/types/core-v1";
import {
  controllerOf,
  controllerReference,
  type Informer,
  isControlledBy,
  type Key,
  keyOf,
  type Outcome,
  SETTLED,
  startController,
} from "@tsukube/client";
import { type ControllerContext, PODS, REPLICA_SETS } from "../context.ts";
import { Expectations } from "../pods/expectations.ts";
import { isActive } from "../pods/pod-state.ts";
import { plan, statusOf } from "./plan.ts";

/** Keeps the number of active pods of each ReplicaSet equal to `spec.replicas`. */
export class ReplicaSetController {
  readonly #context: ControllerContext;
  readonly #sets: Informer<ReplicaSet>;
  readonly #pods: Informer<Pod>;
  readonly #expectations: Expectations;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#sets = context.informers.informer<ReplicaSet>(REPLICA_SETS);
    this.#pods = context.informers.informer<Pod>(PODS);
    this.#expectations = new Expectations(context.clock);
  }

  start(): void {
    const { clock, logger, lifetime } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const running = lifetime.own("replicaset", startController({ name: "replicaset", clock, logger, reconcile }));
    const { queue } = running;
    const add = (set: ReplicaSet): void => queue.add(keyOf(set));
    const deleted = (set: ReplicaSet): void => {
      this.#expectations.forget(keyOf(set));
      add(set);
    };
    lifetime.add("sets", this.#sets.onChange({ added: add, updated: (_, set) => add(set), deleted }));
    lifetime.add(
      "pods",
      this.#pods.onChange({
        added: (pod) => this.#seen(pod, (key) => this.#expectations.created(key), queue.add.bind(queue)),
        updated: (before, pod) => {
          if (controllerOf(before)?.uid !== controllerOf(pod)?.uid) this.#seen(before, () => {}, queue.add.bind(queue));
          const gone = pod.metadata?.deletionTimestamp !== undefined;
          this.#seen(pod, (key) => gone && this.#expectations.deleted(key, uidOf(pod)), queue.add.bind(queue));
        },
        deleted: (pod) => this.#seen(pod, (key) => this.#expectations.deleted(key, uidOf(pod)), queue.add.bind(queue)),
      }),
    );
  }

  async reconcile(key: Key): Promise<Outcome> {
    const set = this.#sets.get(key);
    if (set === undefined) return SETTLED; // deleted: garbage collection owns the pods now
    const pods = await this.#claim(set);
    const now = this.#context.clock.now();
    const pending = !this.#expectations.fulfilled(key);
    try {
      if (!pending && set.metadata?.deletionTimestamp === undefined) await this.#apply(set, key, pods, now);
    } finally {
      await this.#report(set, statusOf(set, pods, now).status);
    }
    const { changesInMs } = statusOf(set, pods, now);
    return changesInMs === undefined ? SETTLED : { recheckAfterMs: changesInMs };
  }

  async #apply(set: ReplicaSet, key: Key, pods: readonly Pod[], now: number): Promise<void> {
    const { create, remove } = plan(set, pods, now);
    if (create + remove.length === 0) return;
    this.#expectations.expect(key, create, remove.map(uidOf));
    await this.#create(set, key, create);
    const client = this.#context.client.resource<Pod>(PODS, set.metadata?.namespace);
    await all(remove, async (pod) => {
      try {
        await client.delete(pod.metadata?.name ?? "", { preconditions: { uid: uidOf(pod) } });
      } catch (error) {
        this.#expectations.deleted(key, uidOf(pod));
        throw error;
      }
    });
  }

  /** In batches of 1, 2, 4, ...: what fails for one pod (a quota) fails for all, and is then asked only once. */
  async #create(set: ReplicaSet, key: Key, count: number): Promise<void> {
    const client = this.#context.client.resource<Pod>(PODS, set.metadata?.namespace);
    let left = count;
    for (let size = 1; left > 0; size *= 2) {
      const batch = Math.min(size, left);
      try {
        await all(Array.from({ length: batch }), async () => {
          left -= 1;
          try {
            await client.create(podOf(set));
          } catch (error) {
            this.#expectations.created(key);
            throw error;
          }
        });
      } catch (error) {
        for (; left > 0; left -= 1) this.#expectations.created(key);
        throw error;
      }
    }
  }

  /** The set's pods: adopts matching orphans, releases those that no longer match. */
  async #claim(set: ReplicaSet): Promise<readonly Pod[]> {
    const matcher = labelMatcherOf(set.spec?.selector);
    const deleting = set.metadata?.deletionTimestamp !== undefined;
    const client = this.#context.client.resource<Pod>(PODS, set.metadata?.namespace);
    const owned: Pod[] = [];
    for (const pod of this.#pods.byIndex("namespace", set.metadata?.namespace ?? "")) {
      const matches = matcher.matches(pod.metadata?.labels);
      const uid = uidOf(pod);
      const name = pod.metadata?.name ?? "";
      if (isControlledBy(pod, set)) {
        if (matches) owned.push(pod);
        else if (!deleting) {
          const references = [{ $patch: "delete", uid: set.metadata?.uid }];
          await client.patch(name, { type: "strategic", body: { metadata: { uid, ownerReferences: references } } });
        }
      } else if (matches && controllerOf(pod) === undefined && !deleting && isActive(pod)) {
        const references = [controllerReference(set, "apps/v1", "ReplicaSet")];
        const body = { metadata: { uid, ownerReferences: references } };
        owned.push(await client.patch(name, { type: "strategic", body }));
      }
    }
    return owned;
  }

  async #report(set: ReplicaSet, status: ReplicaSetStatus): Promise<void> {
    const before = set.status ?? { replicas: 0 };
    const changed = Object.entries(status).some(
      ([name, value]) => !jsonEqual(before[name as keyof ReplicaSetStatus] ?? 0, value),
    );
    if (!changed) return;
    await this.#context.client.resource<ReplicaSet>(REPLICA_SETS).updateStatus({ ...set, status });
  }

  #seen(pod: Pod, record: (key: Key) => void, add: (key: Key) => void): void {
    const owner = controllerOf(pod);
    const namespace = pod.metadata?.namespace ?? "";
    if (owner !== undefined) {
      if (owner.kind !== "ReplicaSet") return;
      record(`${namespace}/${owner.name}`);
      add(`${namespace}/${owner.name}`);
      return;
    }
    for (const set of this.#sets.byIndex("namespace", namespace))
      if (labelMatcherOf(set.spec?.selector).matches(pod.metadata?.labels)) add(keyOf(set));
  }
}

function podOf(set: ReplicaSet): Pod {
  const template = set.spec?.template;
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: `${set.metadata?.name}-`,
      namespace: set.metadata?.namespace ?? "",
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(set, "apps/v1", "ReplicaSet")],
    },
    ...(template?.spec === undefined ? {} : { spec: template.spec }),
  };
}

function uidOf(pod: Pod): string {
  return pod.metadata?.uid ?? "";
}

/** Waits for all, then throws the first failure. */
async function all<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const failed = (await Promise.allSettled(items.map(work))).find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}
