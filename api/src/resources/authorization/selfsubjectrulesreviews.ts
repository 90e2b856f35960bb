import { REVIEWS } from "../../validation/groups/reviews.ts";
import type { Resource } from "../resource.ts";

/** SelfSubjectRulesReview: authorization.k8s.io/v1. */
export const selfsubjectrulesreviews: Resource = {
  group: "authorization.k8s.io",
  resource: "selfsubjectrulesreviews",
  isVirtual: true,
  rules: REVIEWS["authorization.k8s.io/SelfSubjectRulesReview"],
};
