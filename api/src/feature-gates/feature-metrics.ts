import type { Metrics } from "@tsukube/foundation";
import { allFeatureGates, type FeatureGates } from "./feature-gates.ts";

/** Shows which gates are on, as every component of upstream does. */
export function recordFeatureGates(gates: FeatureGates, metrics: Metrics): void {
  const enabled = metrics.gauge(
    "kubernetes_feature_enabled",
    "This metric records the data about the stage and enablement of a k8s feature.",
    ["name", "stage"],
  );
  for (const { name, stage } of allFeatureGates())
    enabled.set(gates.isOn(name) ? 1 : 0, { name, stage: stage === "GA" ? "" : stage });
}
