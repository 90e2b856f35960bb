import type { Pod } from "@tsukube/api/types/core-v1";
import type { Counter, Metrics } from "@tsukube/foundation";

/** A sandbox that is made, and the containers in it. */
export interface Start {
  /** @param what Was not made. */
  failed(what: "sandbox" | "container"): void;
}

/**
 * Counts pods that are started and starts that failed, as upstream's kubelet does: without a sandbox; for pods with users of their own
 * without a container, too, and once each.
 */
export class StartCounts {
  readonly #pods: Counts;
  readonly #withUsers: Counts;

  constructor(metrics: Metrics) {
    this.#pods = countsOf(metrics, "started_pods", "pods");
    this.#withUsers = countsOf(metrics, "started_user_namespaced_pods", "pods with user namespaces");
  }

  start({ spec }: Pod): Start {
    this.#pods.started.inc();
    let errors = spec?.hostUsers === false ? this.#withUsers.errors : undefined;
    if (errors !== undefined) this.#withUsers.started.inc();
    return {
      failed: (what) => {
        if (what === "sandbox") this.#pods.errors.inc();
        errors?.inc();
        errors = undefined;
      },
    };
  }
}

interface Counts {
  readonly started: Counter;
  readonly errors: Counter;
}

function countsOf(metrics: Metrics, name: string, what: string): Counts {
  return {
    started: metrics.counter(`kubelet_${name}_total`, `Cumulative number of ${what} started.`),
    errors: metrics.counter(`kubelet_${name}_errors_total`, `Cumulative number of errors when starting ${what}.`),
  };
}
