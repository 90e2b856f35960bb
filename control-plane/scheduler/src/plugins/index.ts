import type { SchedulerPlugin } from "../framework.ts";
import { dynamicResources } from "./dynamic-resources.ts";
import { interPodAffinity } from "./inter-pod-affinity.ts";
import { nodeResourcesBalancedAllocation, nodeResourcesFit } from "./node-resources.ts";
import { imageLocality, nodeAffinity, nodeName, nodePorts, nodeUnschedulable } from "./node-selection.ts";
import { taintToleration } from "./taints.ts";
import { podTopologySpread } from "./topology-spread.ts";
import { volumeBinding, volumeRestrictions } from "./volumes.ts";

/** The plugins of the default profile, cheap filters first, with upstream's weights. */
export const defaultPlugins: readonly SchedulerPlugin[] = [
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  dynamicResources,
  volumeRestrictions,
  volumeBinding,
  podTopologySpread,
  interPodAffinity,
  nodeResourcesBalancedAllocation,
  imageLocality,
];
