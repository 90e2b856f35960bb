import type { FeatureGates } from "@tsukube/api";
import type { Metrics } from "@tsukube/foundation";
import { createMetrics, recordProcess } from "@tsukube/host";

/** Of one component: each shows its own, and what the process uses. */
export function ownMetrics(featureGates: FeatureGates): Metrics {
  const metrics = createMetrics({ nativeHistograms: featureGates.isOn("NativeHistograms") });
  recordProcess(metrics);
  return metrics;
}
