// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as authentication_v1 from "./authentication-v1.ts";
import type * as meta_v1 from "./meta-v1.ts";
export type ExtraValue = readonly string[];
export interface SelfSubjectReview extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly status?: SelfSubjectReviewStatus;
}
export interface SelfSubjectReviewStatus {
  readonly userInfo?: authentication_v1.UserInfo;
}
export interface TokenReview extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly spec: TokenReviewSpec;
  readonly status?: TokenReviewStatus;
}
export interface TokenReviewSpec {
  readonly token: string;
  readonly audiences?: readonly string[];
}
export interface TokenReviewStatus {
  readonly authenticated?: boolean;
  readonly user?: UserInfo;
  readonly audiences?: readonly string[];
  readonly error?: string;
}
export interface UserInfo {
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: { readonly [key: string]: ExtraValue };
}
