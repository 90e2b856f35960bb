export { conformToGates } from "./conform-to-gates.ts";
export { allFeatureGates, type FeatureGate, FeatureGates } from "./feature-gates.ts";
export { recordFeatureGates } from "./feature-metrics.ts";
