import type { Clock, Metrics } from "@tsukube/foundation";
import type { Cri } from "./runtime.ts";

/** From 5 ms to 12 minutes. */
const SECONDS = Array.from({ length: 14 }, (_, power) => 0.005 * 2.5 ** power);

/** The same runtime, of which each call is counted and measured under upstream's names. */
export function measuredRuntime(cri: Cri, metrics: Metrics, clock: Clock): Cri {
  const labels = ["operation_type"];
  const total = metrics.counter(
    "kubelet_runtime_operations_total",
    "Cumulative number of runtime operations by operation type.",
    labels,
  );
  const errors = metrics.counter(
    "kubelet_runtime_operations_errors_total",
    "Cumulative number of runtime operation errors by operation type.",
    labels,
  );
  const took = metrics.histogram(
    "kubelet_runtime_operations_duration_seconds",
    "Duration in seconds of runtime operations. Broken down by operation type.",
    SECONDS,
    labels,
  );
  const measured = <S extends object>(service: S): S => {
    const calls = Object.entries(service).map(([name, call]) => {
      const of = Object.freeze({ operation_type: operationOf(name) });
      const counted = (...args: unknown[]): unknown => {
        const answer: unknown = call(...args);
        if (!(answer instanceof Promise)) return answer; // events go on and on
        total.inc(of);
        const began = clock.monotonic();
        const ended = (): void => took.observe((clock.monotonic() - began) / 1000, of);
        answer.then(ended, () => {
          errors.inc(of);
          ended();
        });
        return answer;
      };
      return [name, counted] as const;
    });
    return Object.fromEntries(calls) as S;
  };
  return { runtime: measured(cri.runtime), images: measured(cri.images), close: () => cri.close() };
}

/** Pure: upstream's name of a call of the CRI: "run_podsandbox". */
export function operationOf(call: string): string {
  if (call === "UpdateContainerResources") return "update_container";
  const words = call.replace("PodSandbox", "Podsandbox").replaceAll(/(?!^)[A-Z]/g, (letter) => `_${letter}`);
  return words.toLowerCase();
}
