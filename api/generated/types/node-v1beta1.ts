// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as core_v1 from "./core-v1.ts";
import type * as meta_v1 from "./meta-v1.ts";
export interface Overhead {
  readonly podFixed?: { readonly [key: string]: string };
}
export interface RuntimeClass extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly handler: string;
  readonly overhead?: Overhead;
  readonly scheduling?: Scheduling;
}
export interface RuntimeClassList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly RuntimeClass[];
}
export interface Scheduling {
  readonly nodeSelector?: { readonly [key: string]: string };
  readonly tolerations?: readonly core_v1.Toleration[];
}
