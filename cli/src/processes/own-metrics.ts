import type { FeatureGates } from "@tsukube/api";
import { KUBERNETES_VERSION } from "@tsukube/api/kubernetes-version";
import type { Metrics } from "@tsukube/foundation";
import { createMetrics, recordProcess } from "@tsukube/host";

const [major = "", minor = ""] = KUBERNETES_VERSION.slice(1).split(".");
const BUILD = { major, minor, git_version: KUBERNETES_VERSION };

/** Of one component: each shows its own, what the process uses, and which Kubernetes that is. */
export function ownMetrics(featureGates: FeatureGates): Metrics {
  const metrics = createMetrics({ nativeHistograms: featureGates.isOn("NativeHistograms") });
  recordProcess(metrics);
  const help = "A metric with a constant '1' value labeled by major, minor, git version.";
  metrics.gauge("kubernetes_build_info", help, Object.keys(BUILD)).set(1, BUILD);
  return metrics;
}
