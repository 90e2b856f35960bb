import { FeatureGates } from "../feature-gates/feature-gates.ts";
import type { Unstructured } from "../object.ts";

/** What a check knows besides its value. Checks never wait, so that one validation is under way at a time. */
interface Scope {
  readonly gates: FeatureGates;
  readonly old: Unstructured | undefined;
}

let scope: Scope = { gates: FeatureGates.defaults, old: undefined };

/** Runs checks under these gates. @param old What the object replaces; undefined: it is new. */
export function underGates<T>(gates: FeatureGates, old: Unstructured | undefined, check: () => T): T {
  const before = scope;
  scope = { gates, old };
  try {
    return check();
  } finally {
    scope = before;
  }
}

/** Whether a gate lets a value be: it is on, or the object had such a value before it was off. */
export function allows(gate: string, hadIt: (old: Unstructured) => boolean = () => false): boolean {
  return scope.gates.isOn(gate) || (scope.old !== undefined && hadIt(scope.old));
}
