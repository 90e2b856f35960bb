import { fieldError } from "../../status/field-error.ts";
import { type Check, element, listOf, member, nonNegative, valueAt } from "../check.ts";
import { type UpdateCheck, updates } from "../kind-rules.ts";
import { statusOf } from "./status-of.ts";

/** Numbers that count something. */
function counts(...names: readonly string[]): Check {
  return (status, at, errors) => {
    for (const name of names) nonNegative(member(status, name), `${at}.${name}`, errors);
  };
}

const numberIn = (status: unknown, name: string): number => Number(member(status, name) ?? 0);

/** Of all replicas no more can be of a kind than there are. */
function within(names: readonly string[], readyName = "readyReplicas"): Check {
  return (status, at, errors) => {
    const all = numberIn(status, "replicas");
    for (const name of names) {
      const count = numberIn(status, name);
      if (count > all)
        errors.push(fieldError.invalid(`${at}.${name}`, count, "cannot be greater than status.replicas"));
    }
    const available = numberIn(status, "availableReplicas");
    if (available > numberIn(status, "readyReplicas"))
      errors.push(fieldError.invalid(`${at}.availableReplicas`, available, `cannot be greater than ${readyName}`));
  };
}

const collisionsGrow: UpdateCheck = (next, old) => {
  const at = "status.collisionCount";
  const [count, before] = [Number(valueAt(next, at) ?? 0), valueAt(old, at)];
  if (before === undefined || count >= Number(before)) return [];
  return [fieldError.invalid(at, count, "cannot be decremented")];
};

const ready = ["readyReplicas", "availableReplicas"];

export const deploymentStatus: UpdateCheck = updates(
  statusOf(
    counts("observedGeneration", "replicas", "updatedReplicas", ...ready),
    counts("unavailableReplicas", "terminatingReplicas", "collisionCount"),
    within(["updatedReplicas", ...ready]),
  ),
  collisionsGrow,
);

export const replicaSetStatus: UpdateCheck = statusOf(
  counts("replicas", "fullyLabeledReplicas", ...ready, "observedGeneration", "terminatingReplicas"),
  within(["fullyLabeledReplicas", ...ready]),
);

export const replicationControllerStatus: UpdateCheck = statusOf(
  counts("replicas", "fullyLabeledReplicas", ...ready, "observedGeneration"),
  within(["fullyLabeledReplicas", ...ready]),
);

export const statefulSetStatus: UpdateCheck = updates(
  statusOf(
    counts("replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"),
    counts("observedGeneration", "collisionCount"),
    within(["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"], "status.readyReplicas"),
  ),
  collisionsGrow,
);

export const daemonSetStatus: UpdateCheck = updates(
  statusOf(
    counts(
      "currentNumberScheduled",
      "numberMisscheduled",
      "desiredNumberScheduled",
      "numberReady",
      "observedGeneration",
    ),
    counts("updatedNumberScheduled", "numberAvailable", "numberUnavailable", "collisionCount"),
  ),
  collisionsGrow,
);

export const autoscalerStatus: UpdateCheck = statusOf((status, at, errors) => {
  listOf(member(status, "conditions")).forEach((condition, index) => {
    const here = `${element(`${at}.conditions`, index)}.observedGeneration`;
    nonNegative(member(condition, "observedGeneration"), here, errors);
  });
  counts("currentReplicas", "desiredReplicas")(status, at, errors);
});

export const budgetCounts: Check = counts("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods");
