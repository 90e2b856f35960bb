import { REVIEWS } from "../../validation/groups/reviews.ts";
import type { Resource } from "../resource.ts";

/** SubjectAccessReview: authorization.k8s.io/v1. */
export const subjectaccessreviews: Resource = {
  group: "authorization.k8s.io",
  resource: "subjectaccessreviews",
  isVirtual: true,
  rules: REVIEWS["authorization.k8s.io/SubjectAccessReview"],
};
