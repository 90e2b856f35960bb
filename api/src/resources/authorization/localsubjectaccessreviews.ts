import { REVIEWS } from "../../validation/groups/reviews.ts";
import type { Resource } from "../resource.ts";

/** LocalSubjectAccessReview: authorization.k8s.io/v1. */
export const localsubjectaccessreviews: Resource = {
  group: "authorization.k8s.io",
  resource: "localsubjectaccessreviews",
  isVirtual: true,
  rules: REVIEWS["authorization.k8s.io/LocalSubjectAccessReview"],
};
