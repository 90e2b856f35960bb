import { ApiError, decodeUnstructured, type FieldError, fieldError, goQuote, type Json } from "@tsukube/api";
import { isTrue } from "../chain/request-info.ts";

/** Query parameters of list and watch, as meta/v1.ListOptions. */
export interface ListOptions {
  readonly limit: number;
  readonly continue: string;
  /** Undefined: not given. */
  readonly resourceVersion: number | undefined;
  readonly match: "" | "Exact" | "NotOlderThan";
  readonly sendInitialEvents: boolean | undefined;
  readonly bookmarks: boolean;
  readonly timeoutSeconds: number | undefined;
}

/** @throws {ApiError} 422 for combinations that make no sense, 400 for numbers that are none. */
export function parseListOptions(query: URLSearchParams, isWatch: boolean): ListOptions {
  const initial = query.get("sendInitialEvents");
  const options = {
    limit: numberOf(query, "limit") ?? 0,
    continue: query.get("continue") ?? "",
    resourceVersion: revisionOf(query.get("resourceVersion") ?? "", isWatch),
    match: (query.get("resourceVersionMatch") ?? "") as ListOptions["match"],
    sendInitialEvents: initial === null || initial === "" ? undefined : isTrue(initial),
    bookmarks: isTrue(query.get("allowWatchBookmarks")),
    timeoutSeconds: numberOf(query, "timeoutSeconds"),
  };
  const errors = isWatch ? watchErrors(options) : listErrors(options);
  if (errors.length > 0) throw ApiError.invalid({ group: "meta.k8s.io", kind: "ListOptions" }, "", errors);
  return options;
}

/** An integer of a query; undefined where it is not given. @throws {ApiError} 400. */
export function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  if (!/^-?\d+$/.test(text))
    throw ApiError.badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (BigInt.asIntN(64, BigInt(text)) !== BigInt(text))
    throw ApiError.badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  return Number(text);
}

/** @param isPlain Of a watch or a get, whose error is a 500, as upstream's, but for events. @throws {ApiError} 400, 500. */
export function revisionOf(text: string, isPlain: boolean): number | undefined {
  if (text === "") return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  const quoted = goQuote(text);
  const why = `resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: invalid syntax`;
  throw isPlain ? ApiError.unknown(why) : ApiError.badRequest(`invalid resource version: ${why}`);
}

function listErrors(options: ListOptions): FieldError[] {
  const { match, resourceVersion, sendInitialEvents } = options;
  const errors: FieldError[] = [];
  if (match !== "") {
    if (resourceVersion === undefined)
      errors.push(
        fieldError.forbidden(
          "resourceVersionMatch",
          "resourceVersionMatch is forbidden unless resourceVersion is provided",
        ),
      );
    if (options.continue !== "")
      errors.push(
        fieldError.forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"),
      );
    if (match !== "Exact" && match !== "NotOlderThan")
      errors.push(fieldError.notSupported("resourceVersionMatch", match, ["Exact", "NotOlderThan", ""]));
    if (match === "Exact" && resourceVersion === 0)
      errors.push(
        fieldError.forbidden(
          "resourceVersionMatch",
          'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
        ),
      );
  }
  if (sendInitialEvents !== undefined)
    errors.push(fieldError.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  return errors;
}

function watchErrors({ match, sendInitialEvents, continue: token }: ListOptions): FieldError[] {
  const at = "resourceVersionMatch";
  const errors: FieldError[] = [];
  const forbid = (why: string): unknown => errors.push(fieldError.forbidden(at, why));
  if (sendInitialEvents !== undefined && match !== "NotOlderThan")
    forbid("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
  if (match === "") return errors;
  if (sendInitialEvents === undefined)
    forbid("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
  if (match !== "NotOlderThan") errors.push(fieldError.notSupported(at, match, ["NotOlderThan"]));
  if (token !== "") forbid("resourceVersionMatch is forbidden when continue is provided");
  return errors;
}

/** A continue token: which revision, and from which key below the resource's prefix on. */
export interface Continuation {
  readonly revision: number;
  readonly start: string;
  /** When the list began, ms since the epoch. */
  readonly since?: number | undefined;
}

export function encodeContinue({ revision, start, since }: Continuation): string {
  return Buffer.from(JSON.stringify({ v: "meta.k8s.io/v1", rv: revision, start, since })).toString("base64url");
}

/** @throws {ApiError} 400. */
export function decodeContinue(token: string): Continuation {
  const refuse = (why: string): never => {
    throw ApiError.badRequest(`invalid continue token: continue key is not valid: ${why}`);
  };
  const wrong = wrongBase64(token);
  if (wrong >= 0) return refuse(`illegal base64 data at input byte ${wrong}`);
  const { v, rv, start, since } = parseToken(Buffer.from(token, "base64url"), refuse);
  if (v !== "meta.k8s.io/v1") return refuse(`server does not recognize this encoded version ${v ?? ""}`);
  if (typeof rv !== "number" || rv === 0)
    return refuse("incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
  if (typeof start !== "string" || start === "" || start.startsWith("/") || start.split("/").includes(".."))
    return refuse(`encoded start key is empty or leaves the resource: ${goQuote(String(start ?? ""))}`);
  return { revision: rv, start, ...(typeof since === "number" && { since }) };
}

/** Where a text stops being base64 for URLs without padding, as Go says it; -1: it is. */
function wrongBase64(text: string): number {
  const at = text.search(/[^\w-]/);
  return at >= 0 || text.length % 4 !== 1 ? at : text.length - 1;
}

interface Token {
  readonly v?: string;
  readonly rv?: number;
  readonly start?: string;
  readonly since?: number;
}

function parseToken(bytes: Uint8Array, refuse: (why: string) => never): Token {
  try {
    const { object } = decodeUnstructured<Json>(bytes);
    return typeof object === "object" && object !== null && !Array.isArray(object) ? (object as Token) : {};
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}
