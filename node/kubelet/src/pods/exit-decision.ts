import type { Container, ContainerRestartRule, Pod } from "@tsukube/api/types/core-v1";
import { isEphemeral, isInit, isSidecar } from "./pod-containers.ts";

/** What comes after a container's end: it runs again, all of the pod begins anew, or that was it. */
export type ExitDecision = "restart" | "restart-all" | "stay";

/** Pure: the first of the container's rules that matches, else its policy, else the pod's (KEP-5307, KEP-5532). */
export function afterExit(pod: Pod, container: Container, exitCode: number): ExitDecision {
  if (isEphemeral(pod, container.name)) return "stay";
  const rule = (container.restartPolicyRules ?? []).find((candidate) => matches(candidate, exitCode));
  if (rule !== undefined) return rule.action === "RestartAllContainers" ? "restart-all" : "restart";
  switch (restartPolicyOf(pod, container)) {
    case "Never":
      return "stay";
    case "OnFailure":
      return exitCode === 0 ? "stay" : "restart";
    default:
      return "restart";
  }
}

function matches({ exitCodes }: ContainerRestartRule, exitCode: number): boolean {
  const isListed = (exitCodes?.values ?? []).includes(exitCode);
  return exitCodes?.operator === "NotIn" ? !isListed : isListed;
}

/** "Always", "OnFailure" or "Never". An init container that is no sidecar never runs again once it succeeded. */
export function restartPolicyOf(pod: Pod, container: Container): string {
  const policy = container.restartPolicy ?? pod.spec?.restartPolicy ?? "Always";
  return policy === "Always" && isInit(pod, container.name) && !isSidecar(container) ? "OnFailure" : policy;
}
