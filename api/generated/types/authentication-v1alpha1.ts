// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as authentication_v1 from "./authentication-v1.ts";
import type * as meta_v1 from "./meta-v1.ts";
export interface SelfSubjectReview extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly status?: SelfSubjectReviewStatus;
}
export interface SelfSubjectReviewStatus {
  readonly userInfo?: authentication_v1.UserInfo;
}
