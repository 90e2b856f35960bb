// Generated from the gRPC descriptor by tools/src/generate-grpc-types.ts. Do not edit.
export interface KeyManagementService {
  Status: { request: StatusRequest; response: StatusResponse; requestStream: false; responseStream: false };
  Decrypt: { request: DecryptRequest; response: DecryptResponse; requestStream: false; responseStream: false };
  Encrypt: { request: EncryptRequest; response: EncryptResponse; requestStream: false; responseStream: false };
}
export interface StatusRequest {
}
export interface StatusResponse {
  readonly version?: string;
  readonly healthz?: string;
  readonly keyId?: string;
}
export interface DecryptRequest {
  readonly ciphertext?: Uint8Array;
  readonly uid?: string;
  readonly keyId?: string;
  readonly annotations?: { readonly [key: string]: Uint8Array };
}
export interface DecryptResponse {
  readonly plaintext?: Uint8Array;
}
export interface EncryptRequest {
  readonly plaintext?: Uint8Array;
  readonly uid?: string;
}
export interface EncryptResponse {
  readonly ciphertext?: Uint8Array;
  readonly keyId?: string;
  readonly annotations?: { readonly [key: string]: Uint8Array };
}
