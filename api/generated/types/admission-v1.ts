// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as authentication_v1 from "./authentication-v1.ts";
import type * as meta_v1 from "./meta-v1.ts";
export interface AdmissionRequest {
  readonly uid?: string;
  readonly kind?: meta_v1.GroupVersionKind;
  readonly resource?: meta_v1.GroupVersionResource;
  readonly subResource?: string;
  readonly requestKind?: meta_v1.GroupVersionKind;
  readonly requestResource?: meta_v1.GroupVersionResource;
  readonly requestSubResource?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly operation?: string;
  readonly userInfo?: authentication_v1.UserInfo;
  readonly object?: unknown;
  readonly oldObject?: unknown;
  readonly dryRun?: boolean;
  readonly options?: unknown;
}
export interface AdmissionResponse {
  readonly uid?: string;
  readonly allowed?: boolean;
  readonly status?: meta_v1.Status;
  readonly patch?: string;
  readonly patchType?: string;
  readonly auditAnnotations?: { readonly [key: string]: string };
  readonly warnings?: readonly string[];
}
export interface AdmissionReview extends meta_v1.TypeMeta {
  readonly request?: AdmissionRequest;
  readonly response?: AdmissionResponse;
}
