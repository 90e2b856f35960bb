import { REVIEWS } from "../../validation/groups/reviews.ts";
import type { Resource } from "../resource.ts";

/** SelfSubjectAccessReview: authorization.k8s.io/v1. */
export const selfsubjectaccessreviews: Resource = {
  group: "authorization.k8s.io",
  resource: "selfsubjectaccessreviews",
  isVirtual: true,
  rules: REVIEWS["authorization.k8s.io/SelfSubjectAccessReview"],
};
