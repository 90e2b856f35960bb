import type { Scenario } from "./exchange.ts";
import { collectionScenarios } from "./scenarios/collections.ts";
import { customResourceScenarios } from "./scenarios/custom-resources.ts";
import { discoveryScenarios } from "./scenarios/discovery.ts";
import { lifecycleScenarios } from "./scenarios/lifecycle.ts";
import { mutationScenarios } from "./scenarios/mutations.ts";

/** Every course of requests, in order. */
export const SCENARIOS: readonly Scenario[] = [
  ...discoveryScenarios(),
  ...lifecycleScenarios(),
  ...collectionScenarios(),
  ...mutationScenarios(),
  ...customResourceScenarios(),
];
