import type { Scenario } from "./exchange.ts";
import { collectionScenarios } from "./scenarios/collections.ts";
import { customResourceScenarios } from "./scenarios/custom-resources.ts";
import { deletionScenarios } from "./scenarios/deletions.ts";
import { deviceScenarios } from "./scenarios/devices.ts";
import { discoveryScenarios } from "./scenarios/discovery.ts";
import { encodingScenarios } from "./scenarios/encodings.ts";
import { lifecycleScenarios } from "./scenarios/lifecycle.ts";
import { managerScenarios } from "./scenarios/managers.ts";
import { metadataScenarios } from "./scenarios/metadata.ts";
import { mutationScenarios } from "./scenarios/mutations.ts";
import { nodePortScenarios } from "./scenarios/node-ports.ts";
import { patchValueScenarios } from "./scenarios/patch-values.ts";
import { patchScenarios } from "./scenarios/patches.ts";
import { pathScenarios } from "./scenarios/paths.ts";
import { sharedObjectScenarios } from "./scenarios/shared-objects.ts";
import { subresourceScenarios } from "./scenarios/subresources.ts";
import { watchScenarios } from "./scenarios/watching.ts";

const SCENARIOS: readonly Scenario[] = [
  ...discoveryScenarios(),
  ...lifecycleScenarios(),
  ...collectionScenarios(),
  ...mutationScenarios(),
  ...metadataScenarios(),
  ...deletionScenarios(),
  ...encodingScenarios(),
  ...managerScenarios(),
  ...patchScenarios(),
  ...patchValueScenarios(),
  ...sharedObjectScenarios(),
  ...nodePortScenarios(),
  ...pathScenarios(),
  ...subresourceScenarios(),
  ...deviceScenarios(),
  ...watchScenarios(),
  ...customResourceScenarios(),
];

/** Every course of requests, in order. @param isWhole With those of what is off by default. */
export function scenariosOf(isWhole: boolean): readonly Scenario[] {
  return isWhole ? SCENARIOS : SCENARIOS.filter(({ isOff }) => isOff !== true);
}
