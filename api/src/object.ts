import type { ObjectMeta } from "../generated/types/meta-v1.ts";

/** Any JSON value as the decoder yields it; bigint only for integers beyond 2^53. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [key: string]: Json };

/** The part of an object that generic code relies on. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: ObjectMeta;
}

/** An object of unknown kind. */
export type Unstructured = KubeObject & { readonly [field: string]: unknown };
