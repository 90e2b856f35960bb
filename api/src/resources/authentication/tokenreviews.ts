import { REVIEWS } from "../../validation/groups/reviews.ts";
import type { Resource } from "../resource.ts";

/** TokenReview: authentication.k8s.io/v1. */
export const tokenreviews: Resource = {
  group: "authentication.k8s.io",
  resource: "tokenreviews",
  isVirtual: true,
  rules: REVIEWS["authentication.k8s.io/TokenReview"],
};
