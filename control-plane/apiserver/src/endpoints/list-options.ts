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
  const asked = optionsOf(query, isWatch);
  const { sendInitialEvents, match, resourceVersion = 0 } = asked;
  // a watch that does not say from where begins with what is there, as if it had asked for that
  const isPlain = isWatch && sendInitialEvents === undefined && match === "" && resourceVersion === 0;
  const options = isPlain ? { ...asked, sendInitialEvents: true, match: "NotOlderThan" as const } : asked;
  const errors = isWatch ? watchErrors(options) : listErrors(options);
  if (errors.length > 0) throw ApiError.invalid({ group: "meta.k8s.io", kind: "ListOptions" }, "", errors);
  return options;
}

function optionsOf(query: URLSearchParams, isWatch: boolean): ListOptions {
  const initial = query.get("sendInitialEvents");
  return {
    limit: numberOf(query, "limit") ?? 0,
    continue: query.get("continue") ?? "",
    resourceVersion: revisionOf(query.get("resourceVersion") ?? "", isWatch),
    match: (query.get("resourceVersionMatch") ?? "") as ListOptions["match"],
    sendInitialEvents: initial === null ? undefined : isTrue(initial),
    bookmarks: isTrue(query.get("allowWatchBookmarks")),
    timeoutSeconds: numberOf(query, "timeoutSeconds"),
  };
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

const MOST_REVISIONS = 2n ** 64n - 1n;

/** @param isPlain Of a watch or a get, whose error is a 500, as upstream's, but for events. @throws {ApiError} 400, 500. */
export function revisionOf(text: string, isPlain: boolean): number | undefined {
  if (text === "") return undefined;
  const isNumber = /^\d+$/.test(text);
  if (isNumber && BigInt(text) <= MOST_REVISIONS) return Number(text);
  const quoted = goQuote(text);
  const problem = isNumber ? "value out of range" : "invalid syntax";
  const why = `resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: ${problem}`;
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

/** A continue token: which revision, and from which key on below what is listed. */
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
  if (typeof rv === "string")
    return refuse("json: cannot unmarshal string into Go struct field continueToken.rv of type int64");
  if (typeof rv !== "number" || rv === 0)
    return refuse("incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
  if (typeof start !== "string" || start === "") return refuse("encoded start key empty (version meta.k8s.io/v1)");
  const key = start.replace(/^\//, "");
  if (key.split("/").some((part) => part === "" || part === "." || part === "..")) return refuse(start);
  return { revision: rv, start: key, ...(typeof since === "number" && { since }) };
}

/** Where a text stops being base64 for URLs without padding, as Go says it; -1: it is. */
function wrongBase64(text: string): number {
  const at = text.search(/[^\w-]/);
  return at >= 0 || text.length % 4 !== 1 ? at : text.length - 1;
}

interface Token {
  readonly v?: string;
  readonly rv?: number | string;
  readonly start?: string;
  readonly since?: number;
}

function parseToken(bytes: Uint8Array, refuse: (why: string) => never): Token {
  const value = jsonOf(bytes, refuse);
  if (Array.isArray(value)) refuse("json: cannot unmarshal array into Go value of type storage.continueToken");
  return typeof value === "object" && value !== null ? (value as Token) : {};
}

function jsonOf(bytes: Uint8Array, refuse: (why: string) => never): Json {
  try {
    return decodeUnstructured<Json>(bytes).object;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}
