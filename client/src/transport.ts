/** One HTTP request to an API server. */
export interface ApiRequest {
  readonly method: string;
  /** Path with query, such as "/api/v1/pods?limit=500". */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal;
}

export interface ApiResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Whole, or in pieces as they come (watch, log -f): read from it at once, Node drops what nobody has begun to read when an answer ends. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

/** Carries requests to an API server: over TLS, or in process through the server's whole request chain. */
export interface Transport {
  request(request: ApiRequest): Promise<ApiResponse>;
  close(): Promise<void>;
}
