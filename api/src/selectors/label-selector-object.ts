import type { LabelSelector, LabelSelectorRequirement } from "../../generated/types/meta-v1.ts";
import { ApiError } from "../status/api-error.ts";
import {
  everything,
  type LabelMatcher,
  labelMatcher,
  nothing,
  type Requirement,
  requirement,
} from "./label-selector.ts";

/**
 * Compiles metav1.LabelSelector. Absent selects nothing, an empty one selects everything.
 * @throws {ApiError} 400 for an invalid one (validation has refused it before).
 */
export function labelMatcherOf(selector: LabelSelector | undefined): LabelMatcher {
  if (selector === undefined) return nothing;
  const exact = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => requirement(key, "=", [value]));
  const expressions = (selector.matchExpressions ?? []).map(compileExpression);
  return exact.length + expressions.length === 0 ? everything : labelMatcher([...exact, ...expressions]);
}

function compileExpression({ key, operator, values = [] }: LabelSelectorRequirement): Requirement {
  switch (operator) {
    case "In":
      return requirement(key, "in", values);
    case "NotIn":
      return requirement(key, "notin", values);
    case "Exists":
      return requirement(key, "exists", []);
    case "DoesNotExist":
      return requirement(key, "!", []);
    default:
      throw ApiError.badRequest(`"${operator}" is not a valid label selector operator`);
  }
}
