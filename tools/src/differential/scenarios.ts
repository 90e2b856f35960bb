import type { Scenario } from "./exchange.ts";
import { discoveryScenarios } from "./scenarios/discovery.ts";
import { lifecycleScenarios } from "./scenarios/lifecycle.ts";

/** Every course of requests, in order. */
export const SCENARIOS: readonly Scenario[] = [...discoveryScenarios(), ...lifecycleScenarios()];
