import type { PodFailurePolicy, PodFailurePolicyRule } from "@tsukube/api/types/batch-v1";
import type { ContainerStatus, Pod } from "@tsukube/api/types/core-v1";

/** What the first rule that matches a failed pod says; without one the failure counts. */
export interface FailureJudgement {
  readonly action: "Count" | "FailIndex" | "FailJob" | "Ignore";
  /** Which rule matched and why; undefined if none did. */
  readonly message?: string;
}

const COUNTED: FailureJudgement = { action: "Count" };

/** Judges a failed pod by `spec.podFailurePolicy`. */
export function judge(policy: PodFailurePolicy | undefined, pod: Pod): FailureJudgement {
  for (const [index, rule] of (policy?.rules ?? []).entries()) {
    const cause = causeFor(rule, pod);
    if (cause === undefined) continue;
    switch (rule.action) {
      case "Count":
      case "FailIndex":
      case "FailJob":
      case "Ignore":
        return { action: rule.action, message: `${cause} matching ${rule.action} rule at index ${index}` };
      default: // of a later version: no rule that is known here
    }
  }
  return COUNTED;
}

function causeFor(rule: PodFailurePolicyRule, pod: Pod): string | undefined {
  const { namespace, name } = pod.metadata ?? {};
  if (rule.onExitCodes !== undefined) {
    const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
    const failed = [...containerStatuses, ...initContainerStatuses].find((status) => exitsWith(rule, status));
    if (failed === undefined) return undefined;
    const code = failed.state?.terminated?.exitCode;
    return `Container ${failed.name} for pod ${namespace}/${name} failed with exit code ${code}`;
  }
  const patterns = rule.onPodConditions ?? [];
  const condition = pod.status?.conditions?.find(({ type, status }) =>
    patterns.some((pattern) => pattern.type === type && (pattern.status ?? "True") === status),
  );
  return condition === undefined ? undefined : `Pod ${namespace}/${name} has condition ${condition.type}`;
}

/** Containers that succeeded match no rule, not even NotIn. */
function exitsWith({ onExitCodes }: PodFailurePolicyRule, { name, state }: ContainerStatus): boolean {
  const code = state?.terminated?.exitCode ?? 0;
  if (onExitCodes === undefined || code === 0) return false;
  if (onExitCodes.containerName !== undefined && onExitCodes.containerName !== name) return false;
  return onExitCodes.values.includes(code) === (onExitCodes.operator === "In");
}
