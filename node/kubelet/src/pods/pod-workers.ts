import type { Pod } from "@tsukube/api/types/core-v1";
import { type Cancel, messageOf } from "@tsukube/foundation";
import type { PodContext } from "./pod-context.ts";
import { PodWorker } from "./pod-worker.ts";

/** Pods that the runtime has and the API does not, looked for this often. */
const SWEEP_MS = 60_000;

/** The workers of all pods of the node, by uid. */
export class PodWorkers {
  readonly #context: PodContext;
  readonly #workers = new Map<string, PodWorker>();

  constructor(context: PodContext) {
    this.#context = context;
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
    if (present === undefined) this.#begin(pod).poke();
    else present.update(pod);
  }

  removed(pod: Pod): void {
    this.#workers.get(pod.metadata?.uid ?? "")?.remove();
  }

  poke(uid: string): void {
    this.#workers.get(uid)?.poke();
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
