import type { Node, NodeCondition } from "@tsukube/api/types/core-v1";

export function conditionOf(node: Node, type: string): NodeCondition | undefined {
  return node.status?.conditions?.find((condition) => condition.type === type);
}

/** "True", "False" or "Unknown"; undefined before any kubelet or controller said anything. */
export function readinessOf(node: Node): string | undefined {
  return conditionOf(node, "Ready")?.status;
}
