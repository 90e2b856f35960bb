import { FeatureGates } from "../feature-gates/feature-gates.ts";
import type { Unstructured } from "../object.ts";
import type { Check } from "./check.ts";

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

/**
 * Checks of one place of objects, none of which is made again where an update leaves alone what it found right under the same gates:
 * what is stored is frozen, and most of it comes back as it was.
 * @param place Where in the object that is replaced.
 * @param checkOf Depends on nothing but its argument, the value, the gates, and what had such a value before.
 */
export function remembered<Of extends string | undefined>(
  place: (old: Unstructured) => unknown,
  checkOf: (of: Of) => Check,
): (of: Of) => Check {
  const right = new WeakMap<object, { readonly gates: FeatureGates; readonly of: Of }>();
  return (of) => (value, at, errors) => {
    const { gates, old } = scope;
    const known = typeof value === "object" && value !== null ? right.get(value) : undefined;
    const isKnown = known?.gates === gates && known.of === of && Object.isFrozen(value);
    if (isKnown && old !== undefined && place(old) === value) return;
    const before = errors.length;
    checkOf(of)(value, at, errors);
    if (errors.length === before && typeof value === "object" && value !== null) right.set(value, { gates, of });
  };
}
