// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as core_v1 from "./core-v1.ts";
import type * as meta_v1 from "./meta-v1.ts";
export interface Endpoint {
  readonly addresses: readonly string[];
  readonly conditions?: EndpointConditions;
  readonly hostname?: string;
  readonly targetRef?: core_v1.ObjectReference;
  readonly topology?: { readonly [key: string]: string };
  readonly nodeName?: string;
  readonly hints?: EndpointHints;
}
export interface EndpointConditions {
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
}
export interface EndpointHints {
  readonly forZones?: readonly ForZone[];
  readonly forNodes?: readonly ForNode[];
}
export interface EndpointPort {
  readonly name?: string;
  readonly protocol?: string;
  readonly port?: number;
  readonly appProtocol?: string;
}
export interface EndpointSlice extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly addressType: string;
  readonly endpoints: readonly Endpoint[];
  readonly ports?: readonly EndpointPort[];
}
export interface EndpointSliceList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly EndpointSlice[];
}
export interface ForNode {
  readonly name: string;
}
export interface ForZone {
  readonly name: string;
}
