import { ApiError, type FieldError, fieldError } from "@tsukube/api";
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
    resourceVersion: revisionOf(query.get("resourceVersion") ?? ""),
    match: (query.get("resourceVersionMatch") ?? "") as ListOptions["match"],
    sendInitialEvents: initial === null || initial === "" ? undefined : isTrue(initial),
    bookmarks: isTrue(query.get("allowWatchBookmarks")),
    timeoutSeconds: numberOf(query, "timeoutSeconds"),
  };
  const errors = isWatch ? watchErrors(options) : listErrors(options);
  if (errors.length > 0) throw ApiError.invalid({ group: "meta.k8s.io", kind: "ListOptions" }, "", errors);
  return options;
}

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  if (!/^-?\d+$/.test(text))
    throw ApiError.badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

/** @throws {ApiError} */
export function revisionOf(text: string): number | undefined {
  if (text === "") return undefined;
  if (!/^\d+$/.test(text)) {
    throw ApiError.invalid({ group: "meta.k8s.io", kind: "ListOptions" }, "", [
      fieldError.invalid("resourceVersion", text, `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`),
    ]);
  }
  return Number(text);
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

function watchErrors(options: ListOptions): FieldError[] {
  const { match, sendInitialEvents } = options;
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined) {
    if (match === "")
      errors.push(
        fieldError.forbidden(
          "resourceVersionMatch",
          `sendInitialEvents requires setting resourceVersionMatch to NotOlderThan`,
        ),
      );
    else if (match !== "NotOlderThan")
      errors.push(fieldError.notSupported("resourceVersionMatch", match, ["NotOlderThan"]));
  } else if (match !== "") {
    errors.push(
      fieldError.forbidden(
        "resourceVersionMatch",
        "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
      ),
    );
  }
  return errors;
}

/** A continue token: which revision, and from which key below the resource's prefix on. */
export interface Continuation {
  readonly revision: number;
  readonly start: string;
}

export function encodeContinue({ revision, start }: Continuation): string {
  return Buffer.from(JSON.stringify({ v: "meta.k8s.io/v1", rv: revision, start })).toString("base64url");
}

/** @throws {ApiError} 400. */
export function decodeContinue(token: string): Continuation {
  try {
    const { v, rv, start } = JSON.parse(Buffer.from(token, "base64url").toString("utf8")) as {
      v?: string;
      rv?: number;
      start?: string;
    };
    if (
      v !== "meta.k8s.io/v1" ||
      typeof rv !== "number" ||
      typeof start !== "string" ||
      start === "" ||
      start.includes("..")
    )
      throw new Error("bad");
    return { revision: rv, start };
  } catch {
    throw ApiError.badRequest("continue key is not valid: encoded string does not represent a valid continue token");
  }
}
