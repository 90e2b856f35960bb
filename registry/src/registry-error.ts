import { TsukubeError } from "@tsukube/foundation";

/** The codes of OCI distribution spec 1.1, "Error Codes", and `UNKNOWN` for what is the registry's own fault. */
export type ErrorCode =
  | "BLOB_UNKNOWN"
  | "BLOB_UPLOAD_INVALID"
  | "BLOB_UPLOAD_UNKNOWN"
  | "DIGEST_INVALID"
  | "MANIFEST_BLOB_UNKNOWN"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "SIZE_INVALID"
  | "UNAUTHORIZED"
  | "DENIED"
  | "UNSUPPORTED"
  | "TOOMANYREQUESTS"
  | "UNKNOWN";

const STATUS: Readonly<Record<ErrorCode, number>> = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
  UNKNOWN: 500,
};

interface Extras {
  /** Instead of the code's usual one. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** One error for each, with it as its `detail`; one without by default. */
  readonly details?: readonly object[];
  readonly cause?: unknown;
}

/** What a request is refused with. */
export class RegistryError extends TsukubeError<ErrorCode> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly #details: readonly object[];

  constructor(code: ErrorCode, message: string, extras: Extras = {}) {
    super(code, message, { cause: extras.cause });
    this.status = extras.status ?? STATUS[code];
    this.headers = extras.headers ?? {};
    this.#details = extras.details ?? [];
  }

  /** The error document. */
  get body(): string {
    const { code, message } = this;
    const errors =
      this.#details.length === 0 ? [{ code, message }] : this.#details.map((detail) => ({ code, message, detail }));
    return JSON.stringify({ errors });
  }
}
