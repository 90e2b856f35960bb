import type { Container, Pod } from "@tsukube/api/types/core-v1";
import type { Counter, Histogram, Labels, Metrics } from "@tsukube/foundation";
import type { ProbeKind } from "./prober.ts";

/** client_golang's default. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Probes of containers by their result, and how long they took, under upstream's names; as long as the pod is there. */
export class ProbeMetrics {
  readonly #probes: Counter;
  readonly #took: Histogram;
  /** By uid, and by kind and container. */
  readonly #pods = new Map<string, Map<string, ProbeLabels>>();

  constructor(metrics: Metrics) {
    const labels = ["probe_type", "container", "pod", "namespace"];
    const help = "Cumulative number of a liveness, readiness or startup probe for a container by result.";
    this.#probes = metrics.counter("prober_probe_total", help, ["result", ...labels, "pod_uid"]);
    const took = "Duration in seconds for a probe response.";
    this.#took = metrics.histogram("prober_probe_duration_seconds", took, SECONDS, labels);
  }

  probed(pod: Pod, container: Container, kind: ProbeKind, ok: boolean, seconds: number): void {
    const labels = this.#labelsOf(pod, container, kind);
    this.#probes.inc(ok ? labels.successful : labels.failed);
    this.#took.observe(seconds, labels.duration);
  }

  /** The pod is gone. */
  forget(uid: string): void {
    for (const { successful, failed, duration } of this.#pods.get(uid)?.values() ?? []) {
      this.#probes.remove(successful);
      this.#probes.remove(failed);
      this.#took.remove(duration);
    }
    this.#pods.delete(uid);
  }

  #labelsOf({ metadata }: Pod, container: Container, kind: ProbeKind): ProbeLabels {
    const { name = "", namespace = "", uid = "" } = metadata ?? {};
    const known = this.#pods.get(uid) ?? new Map<string, ProbeLabels>();
    this.#pods.set(uid, known);
    const key = `${kind} ${container.name}`;
    const present = known.get(key);
    if (present !== undefined) return present;
    const probe_type = `${kind.slice(0, 1).toUpperCase()}${kind.slice(1)}`;
    const duration = Object.freeze({ probe_type, container: container.name, pod: name, namespace });
    const of = (result: string) => Object.freeze({ result, ...duration, pod_uid: uid });
    const labels = { duration, successful: of("successful"), failed: of("failed") };
    known.set(key, labels);
    return labels;
  }
}

interface ProbeLabels {
  readonly duration: Labels;
  readonly successful: Labels;
  readonly failed: Labels;
}
