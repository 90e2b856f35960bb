// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as meta_v1 from "./meta-v1.ts";
export interface APIGroupDiscovery extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly versions?: readonly APIVersionDiscovery[];
}
export interface APIGroupDiscoveryList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items?: readonly APIGroupDiscovery[];
}
export interface APIResourceDiscovery {
  readonly resource?: string;
  readonly responseKind?: meta_v1.GroupVersionKind;
  readonly scope?: string;
  readonly singularResource?: string;
  readonly verbs?: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly APISubresourceDiscovery[];
}
export interface APISubresourceDiscovery {
  readonly subresource?: string;
  readonly responseKind?: meta_v1.GroupVersionKind;
  readonly acceptedTypes?: readonly meta_v1.GroupVersionKind[];
  readonly verbs?: readonly string[];
}
export interface APIVersionDiscovery {
  readonly version?: string;
  readonly resources?: readonly APIResourceDiscovery[];
  readonly freshness?: string;
}
