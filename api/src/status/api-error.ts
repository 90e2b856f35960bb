import { TsukubeError } from "@tsukube/foundation";
import type { Status, StatusCause, StatusDetails } from "../../generated/types/meta-v1.ts";
import { aggregateMessage, causesOf, type FieldError, fieldErrorMessage, goQuote, tellable } from "./field-error.ts";

/** metav1.StatusReason. "" stands for errors that upstream answers without a reason (code 500). */
export type StatusReason =
  | ""
  | "Unauthorized"
  | "Forbidden"
  | "NotFound"
  | "AlreadyExists"
  | "Conflict"
  | "Gone"
  | "Invalid"
  | "ServerTimeout"
  | "StorageReadError"
  | "Timeout"
  | "TooManyRequests"
  | "BadRequest"
  | "MethodNotAllowed"
  | "NotAcceptable"
  | "RequestEntityTooLarge"
  | "UnsupportedMediaType"
  | "InternalError"
  | "Expired"
  | "ServiceUnavailable";

/** What a message names: a resource ("pods") or a kind ("Pod") with its group ("" for core). */
export interface Qualified {
  readonly group: string;
  /** Plural resource name. */
  readonly resource: string;
}

interface GroupKind {
  readonly group: string;
  readonly kind: string;
}

/** What the generic wording for a bare HTTP code says. */
const GENERIC: Readonly<Record<number, readonly [StatusReason, string]>> = {
  400: ["BadRequest", "the server rejected our request for an unknown reason"],
  401: ["Unauthorized", "the server has asked for the client to provide credentials"],
  403: ["Forbidden", "the server does not allow access to the requested resource"],
  404: ["NotFound", "the server could not find the requested resource"],
  405: ["MethodNotAllowed", "the server does not allow this method on the requested resource"],
  406: ["NotAcceptable", "the server was unable to respond with a content type that the client supports"],
  409: ["Conflict", "the server reported a conflict"],
  413: ["RequestEntityTooLarge", "Request entity too large"],
  415: ["UnsupportedMediaType", "the server was unable to respond with a content type that the client supports"],
  422: ["Invalid", "the server rejected our request due to an error in our request"],
  429: ["TooManyRequests", "the server has received too many requests and has asked us to try again later"],
  503: ["ServiceUnavailable", "the server is currently unable to handle the request"],
  504: [
    "Timeout",
    "the server was unable to return a response in the time allotted, but may still be processing the request",
  ],
};

/**
 * An answer of the API server that is not a success: thrown by the server's parts, and by clients for answers they got.
 * `status` is the body as clients see it; `code` of the base class is its reason.
 */
export class ApiError extends TsukubeError<StatusReason> {
  /** metav1.Status, with kind and apiVersion. */
  readonly status: Status;
  /** HTTP status code. */
  readonly httpCode: number;

  constructor(status: Status, options?: { readonly cause?: unknown }) {
    super((status.reason ?? "") as StatusReason, status.message ?? "", options);
    this.status = { kind: "Status", apiVersion: "v1", metadata: {}, ...status };
    this.httpCode = status.code ?? 500;
  }

  /** metav1.StatusReason; "" where upstream gives none. */
  get reason(): StatusReason {
    return this.code;
  }

  static notFound(what: Qualified, name: string): ApiError {
    return failure(404, "NotFound", `${resourceText(what)} ${goQuote(name)} not found`, detailsOf(what, name));
  }

  /** @param isLeaving It is being deleted: the name will be free. */
  static alreadyExists(what: Qualified, name: string, isLeaving = false): ApiError {
    const message = `${isLeaving ? "object is being deleted: " : ""}${resourceText(what)} ${goQuote(name)} already exists`;
    return failure(409, "AlreadyExists", message, detailsOf(what, name));
  }

  /** generateName found no free name. */
  static generateNameConflict(what: Qualified, name: string): ApiError {
    const message = `${resourceText(what)} ${goQuote(name)} already exists, the server was not able to generate a unique name for the object`;
    return failure(409, "AlreadyExists", message, { ...detailsOf(what, name), retryAfterSeconds: 1 });
  }

  static conflict(what: Qualified, name: string, why: string): ApiError {
    const message = `Operation cannot be fulfilled on ${resourceText(what)} ${goQuote(name)}: ${why}`;
    return failure(409, "Conflict", message, detailsOf(what, name));
  }

  /** The stale-resourceVersion conflict. */
  static modified(what: Qualified, name: string): ApiError {
    const why = "the object has been modified; please apply your changes to the latest version and try again";
    return ApiError.conflict(what, name, why);
  }

  /** Server-side apply met fields of other managers. `message` as fieldmanager words it. */
  static applyConflict(causes: readonly StatusCause[], message: string): ApiError {
    return failure(409, "Conflict", message, { causes });
  }

  static invalid(kind: GroupKind, name: string, errors: readonly FieldError[]): ApiError {
    const qualified = kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
    const shown = tellable(errors);
    const why = aggregateMessage(shown.map(fieldErrorMessage));
    const message = `${qualified} ${goQuote(name)} is invalid${why === "" ? "" : `: ${why}`}`;
    return failure(422, "Invalid", message, {
      ...(name === "" ? {} : { name }),
      ...(kind.group === "" ? {} : { group: kind.group }),
      ...(kind.kind === "" ? {} : { kind: kind.kind }),
      causes: causesOf(shown),
    });
  }

  static badRequest(message: string): ApiError {
    return failure(400, "BadRequest", message);
  }

  /** `pods "x" is forbidden: why`; without name `pods is forbidden: why`; without resource `forbidden: why`. */
  static forbidden(what: Qualified, name: string, why: string, causes?: readonly StatusCause[]): ApiError {
    const text = resourceText(what);
    const subject =
      text === "" ? "forbidden" : name === "" ? `${text} is forbidden` : `${text} ${goQuote(name)} is forbidden`;
    const details = { ...detailsOf(what, name), ...(causes === undefined ? {} : { causes }) };
    return failure(403, "Forbidden", `${subject}: ${why}`, details);
  }

  static unauthorized(message = "Unauthorized"): ApiError {
    return failure(401, "Unauthorized", message);
  }

  static methodNotAllowed(): ApiError {
    return ApiError.generic(405);
  }

  /** A resource that lacks the verb: `delete is not supported on resources of kind "x"`. */
  static methodNotSupported(what: Qualified, verb: string): ApiError {
    const message = `${verb} is not supported on resources of kind ${goQuote(resourceText(what))}`;
    return failure(405, "MethodNotAllowed", message, detailsOf(what, ""));
  }

  /** @param accepted Media types that can be served. */
  static notAcceptable(accepted: readonly string[]): ApiError {
    const message = `only the following media types are accepted: ${accepted.join(", ")}`;
    return failure(406, "NotAcceptable", message);
  }

  /** @param accepted Media types that the request could have had. */
  static unsupportedMediaType(accepted: readonly string[]): ApiError {
    const known = accepted.join(", ");
    const message = `the body of the request was in an unknown format - accepted media types include: ${known}`;
    return failure(415, "UnsupportedMediaType", message);
  }

  static gone(message: string): ApiError {
    return failure(410, "Gone", message);
  }

  /** The revision asked for was compacted. `continueToken` lets a list go on inconsistently. */
  static expired(message: string, continueToken?: string): ApiError {
    const status: Status = { status: "Failure", message, reason: "Expired", code: 410 };
    return new ApiError(continueToken === undefined ? status : { ...status, metadata: { continue: continueToken } });
  }

  static timeout(message: string, retryAfterSeconds = 0): ApiError {
    return failure(504, "Timeout", `Timeout: ${message}`, retryDetails(retryAfterSeconds));
  }

  static serverTimeout(what: Qualified, action: string, retryAfterSeconds = 0): ApiError {
    const message = `The ${action} operation against ${resourceText(what)} could not be completed at this time, please try again.`;
    return failure(500, "ServerTimeout", message, { ...detailsOf(what, action), ...retryDetails(retryAfterSeconds) });
  }

  /** A list or watch from a revision that the server has not reached. */
  static tooLargeResourceVersion(asked: number | string, current: number | string): ApiError {
    return failure(504, "Timeout", `Timeout: Too large resource version: ${asked}, current: ${current}`, {
      causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
      retryAfterSeconds: 1,
    });
  }

  static tooManyRequests(message: string, retryAfterSeconds = 0, causes?: readonly StatusCause[]): ApiError {
    const details = { ...(causes === undefined ? {} : { causes }), ...retryDetails(retryAfterSeconds) };
    return failure(429, "TooManyRequests", message, details);
  }

  /** `limit is N` or the like follows "Request entity too large: ". */
  static requestEntityTooLarge(why: string): ApiError {
    return failure(413, "RequestEntityTooLarge", `Request entity too large: ${why}`);
  }

  static internal(cause: unknown): ApiError {
    const message = cause instanceof Error ? cause.message : String(cause);
    const details = { causes: [{ message }] };
    return failure(500, "InternalError", `Internal error occurred: ${message}`, details, { cause });
  }

  /** A 500 without reason, as upstream answers errors that carry no Status. */
  static unknown(message: string): ApiError {
    return failure(500, "", message);
  }

  static serviceUnavailable(why: string): ApiError {
    return failure(503, "ServiceUnavailable", why);
  }

  /** Upstream's stock sentence for an HTTP code. @param of Another server's answer: to what, and what it said. */
  static generic(
    httpCode: number,
    of?: { readonly resource: string; readonly name: string; readonly said: string },
  ): ApiError {
    const [reason, usual] = GENERIC[httpCode] ?? unnamed(httpCode, of?.said);
    const message = httpCode === 403 ? (of?.said ?? usual) : usual; // who may not is told by whom
    if (of === undefined) return failure(httpCode, reason, message, {});
    const { resource, name } = of;
    const about = resource === "" && name === "" ? "" : ` ( ${resource} ${name})`;
    return failure(httpCode, reason, `${message}${about}`, { name, kind: resource });
  }

  /** True for an ApiError of `reason`; for `catch` clauses. */
  static is(error: unknown, reason: StatusReason): error is ApiError {
    return error instanceof ApiError && error.reason === reason;
  }

  /** Anything thrown, as the answer to give: an ApiError as it is, everything else as InternalError. */
  static from(error: unknown): ApiError {
    return error instanceof ApiError ? error : ApiError.internal(error);
  }
}

function unnamed(code: number, said: string | undefined): readonly [StatusReason, string] {
  if (code < 500) return ["", `the server responded with the status code ${code} but did not return more information`];
  const words = said === undefined ? "" : `(${JSON.stringify(said)}) `;
  return ["InternalError", `an error on the server ${words}has prevented the request from succeeding`];
}

function failure(
  code: number,
  reason: StatusReason,
  message: string,
  details?: StatusDetails,
  options?: { readonly cause?: unknown },
): ApiError {
  const status: Status = { status: "Failure", message, ...(reason === "" ? {} : { reason }) };
  return new ApiError({ ...status, ...(details === undefined ? {} : { details }), code }, options);
}

function detailsOf(what: Qualified, name: string): StatusDetails {
  return {
    ...(name === "" ? {} : { name }),
    ...(what.group === "" ? {} : { group: what.group }),
    ...(what.resource === "" ? {} : { kind: what.resource }),
  };
}

function retryDetails(retryAfterSeconds: number): StatusDetails {
  return retryAfterSeconds > 0 ? { retryAfterSeconds } : {};
}

function resourceText(what: Qualified): string {
  return what.group === "" ? what.resource : `${what.resource}.${what.group}`;
}
