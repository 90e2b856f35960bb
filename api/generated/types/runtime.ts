// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
export interface TypeMeta {
  readonly apiVersion?: string;
  readonly kind?: string;
}
export interface Unknown extends TypeMeta {
  readonly "-"?: string;
  readonly ContentEncoding: string;
  readonly ContentType: string;
}
