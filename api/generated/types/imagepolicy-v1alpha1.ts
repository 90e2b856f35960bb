// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as meta_v1 from "./meta-v1.ts";
export interface ImageReview extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly spec?: ImageReviewSpec;
  readonly status?: ImageReviewStatus;
}
export interface ImageReviewContainerSpec {
  readonly image?: string;
}
export interface ImageReviewSpec {
  readonly containers?: readonly ImageReviewContainerSpec[];
  readonly annotations?: { readonly [key: string]: string };
  readonly namespace?: string;
}
export interface ImageReviewStatus {
  readonly allowed?: boolean;
  readonly reason?: string;
  readonly auditAnnotations?: { readonly [key: string]: string };
}
