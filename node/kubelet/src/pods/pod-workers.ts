import type { Pod } from "@tsukube/api/types/core-v1";
import { type Cancel, messageOf } from "@tsukube/foundation";
import type { ContainerEventResponse } from "@tsukube/node-contracts/cri";
import type { PodContext } from "./pod-context.ts";
import { type PodEnd, PodWorker } from "./pod-worker.ts";

/** Pods that the runtime has and the API does not, looked for this often. */
const SWEEP_MS = 60_000;

/** The workers of all pods of the node, by uid. */
export class PodWorkers {
  readonly #context: PodContext;
  readonly #refusalOf: (pod: Pod, others: readonly Pod[]) => PodEnd | undefined;
  readonly #workers = new Map<string, PodWorker>();

  /** @param refusalOf Why the node does not take a pod that is new to it. */
  constructor(context: PodContext, refusalOf: (pod: Pod, others: readonly Pod[]) => PodEnd | undefined) {
    this.#context = context;
    this.#refusalOf = refusalOf;
  }

  get all(): readonly PodWorker[] {
    return [...this.#workers.values()];
  }

  /** Those whose pods have not ended. */
  get active(): readonly PodWorker[] {
    return this.all.filter((worker) => !worker.isOver);
  }

  get(uid: string): PodWorker | undefined {
    return this.#workers.get(uid);
  }

  named(namespace: string, name: string): PodWorker | undefined {
    return this.all.find(({ pod }) => pod.metadata?.namespace === namespace && pod.metadata.name === name);
  }

  admit(pod: Pod): void {
    const present = this.#workers.get(pod.metadata?.uid ?? "");
    if (present !== undefined) {
      present.update(pod);
      return;
    }
    const others = this.active.map((worker) => worker.pod);
    const worker = this.#begin(pod);
    const isNew = pod.status?.startTime === undefined && !worker.isEnding;
    const refusal = isNew ? this.#refusalOf(pod, others) : undefined;
    if (refusal !== undefined) worker.evict(refusal);
    worker.poke();
  }

  /** @param seconds The time that it has to end. */
  removed(pod: Pod, seconds = 0): void {
    this.#workers.get(pod.metadata?.uid ?? "")?.remove(seconds);
  }

  poke(uid: string): void {
    this.#workers.get(uid)?.poke();
  }

  happened(event: ContainerEventResponse): void {
    this.#workers.get(event.podSandboxStatus?.metadata?.uid ?? "")?.happened(event);
  }

  /** Events may have been missed. */
  askAgain(): void {
    for (const worker of this.all) worker.askAgain();
  }

  refreshVolumes(uid: string): void {
    this.#workers.get(uid)?.refreshVolumes();
  }

  forget(uid: string): void {
    this.#workers.delete(uid);
  }

  /** Ends what the runtime has of pods that nobody wants any more. */
  async sweep(): Promise<void> {
    const { items = [] } = await this.#context.cri.runtime.ListPodSandbox({});
    for (const sandbox of items) {
      const { name = "", namespace = "", uid = "" } = sandbox.metadata ?? {};
      if (!this.#workers.has(uid)) this.#begin({ metadata: { name, namespace, uid } }).remove();
    }
  }

  sweepOften(): Cancel {
    const { clock, logger } = this.#context.options;
    const sweep = (): void =>
      void this.sweep().catch((error: unknown) =>
        logger.debug("cannot look for left-over pods", { error: messageOf(error) }),
      );
    return clock.every(SWEEP_MS, sweep, { background: true });
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((worker) => worker.close()));
  }

  #begin(pod: Pod): PodWorker {
    const worker = new PodWorker(pod, this.#context);
    this.#workers.set(worker.uid, worker);
    return worker;
  }
}
