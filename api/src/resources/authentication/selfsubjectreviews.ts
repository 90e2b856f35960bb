import { REVIEWS } from "../../validation/groups/reviews.ts";
import type { Resource } from "../resource.ts";

/** SelfSubjectReview: authentication.k8s.io/v1. */
export const selfsubjectreviews: Resource = {
  group: "authentication.k8s.io",
  resource: "selfsubjectreviews",
  isVirtual: true,
  rules: REVIEWS["authentication.k8s.io/SelfSubjectReview"],
};
