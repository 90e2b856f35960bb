import { parseFieldSelector } from "@tsukube/api";
import type { RequestInfo } from "../contracts.ts";

/** Of resources; other methods have none. */
const VERBS: ReadonlyMap<string, string> = new Map([
  ["POST", "create"],
  ["GET", "get"],
  ["HEAD", "get"],
  ["PUT", "update"],
  ["PATCH", "patch"],
  ["DELETE", "delete"],
]);

/** Subresources of a namespace itself; /namespaces/x/other is a resource in x. */
const NAMESPACE_SUBRESOURCES = new Set(["status", "finalize"]);

/** Parses method and path as upstream's RequestInfoFactory: /api/v1/..., /apis/GROUP/VERSION/..., anything else is no resource. */
export function parseRequestInfo(method: string, target: string): RequestInfo {
  const at = target.indexOf("?");
  const path = at < 0 ? target : target.slice(0, at);
  const query = new URLSearchParams(at < 0 ? "" : readable(target.slice(at + 1)));
  const parts = partsOf(path);
  const isCore = parts[0] === "api";
  const prefix = isCore ? 2 : 3;
  if ((!isCore && parts[0] !== "apis") || parts.length <= prefix) return nonResource(method, decode(path), query);
  const info = {
    isResource: true,
    path,
    query,
    verb: VERBS.get(method) ?? "",
    group: isCore ? "" : (parts[1] ?? ""),
    version: parts[prefix - 1] ?? "",
    namespace: "",
  };
  let rest = parts.slice(prefix);
  if (rest[0] === "watch") {
    info.verb = "watch"; // the deprecated /watch/ prefix
    rest = rest.slice(1);
  }
  if (rest[0] === "namespaces" && rest.length > 1) {
    info.namespace = rest[1] ?? "";
    if (rest.length > 2 && !NAMESPACE_SUBRESOURCES.has(rest[2] ?? "")) rest = rest.slice(2);
  }
  const [resource = "", name = "", subresource = "", ...tail] = rest;
  const known = { ...info, resource, name, subresource, rest: tail.join("/") };
  // what follows .../proxy/ keeps its own slashes
  if (subresource === "proxy") return { ...known, rest: following(path, parts.length - rest.length + 3) };
  return withCollectionVerb(known);
}

const VERBS_IN_PATHS: ReadonlySet<string> = new Set(["watch", "proxy"]);

/** Whether the path begins with the deprecated /watch/, which few resources have routes for. */
export function isWatchedByPath({ verb, path, group }: RequestInfo): boolean {
  return verb === "watch" && partsOf(path)[group === "" ? 2 : 3] === "watch";
}

/** Whether a path says what to do and not with what. */
export function lacksResource({ isResource, resource, path }: RequestInfo): boolean {
  if (!isResource || (resource !== "" && resource !== "proxy")) return false;
  const parts = partsOf(path);
  return parts.length === (parts[0] === "api" ? 3 : 4) && VERBS_IN_PATHS.has(parts.at(-1)!);
}

/** A query without the parameters that Go does not read: those with a semicolon, and with escapes that are none. */
function readable(query: string): string {
  if (!query.includes(";") && !query.includes("%")) return query;
  return query
    .split("&")
    .filter((parameter) => !parameter.includes(";") && !/%(?![0-9a-f]{2})/i.test(parameter))
    .join("&");
}

function partsOf(encoded: string): readonly string[] {
  const path = decode(encoded);
  let start = 0;
  let end = path.length;
  while (path.charCodeAt(start) === SLASH) start += 1;
  while (end > start && path.charCodeAt(end - 1) === SLASH) end -= 1;
  return start === end ? [] : path.slice(start, end).split("/");
}

const SLASH = 0x2f;

/** What follows the first `count` segments of a path, as it is written; "" for nothing. */
function following(path: string, count: number): string {
  let rest = path.replace(/^(?:\/|%2f)+/i, "");
  for (let left = count; left > 0; left -= 1) {
    const slash = /\/|%2f/i.exec(rest);
    if (slash === null) return "";
    rest = rest.slice(slash.index + slash[0].length);
  }
  return `/${rest}`;
}

function withCollectionVerb(info: RequestInfo): RequestInfo {
  if (info.name !== "") return info;
  if (info.verb === "get") return { ...info, verb: isTrue(info.query.get("watch")) ? "watch" : "list" };
  if (info.verb === "delete") return { ...info, verb: "deletecollection" };
  return info;
}

/** The object that a request is about: of a list, or a watch that no path asks for, the one that its field selector names. */
export function nameOf(info: RequestInfo): string {
  const { name, verb, query } = info;
  if (name !== "" || (verb !== "list" && verb !== "watch") || isWatchedByPath(info)) return name;
  const selector = query.get("fieldSelector") ?? "";
  return selector.includes(NAME) ? selectedName(selector) : "";
}

const NAME = "metadata.name";

function selectedName(selector: string): string {
  try {
    const value = parseFieldSelector(selector).exactValue(NAME) ?? "";
    return value === "." || value === ".." || /[/%]/.test(value) ? "" : value; // no path could have it
  } catch {
    return ""; // the endpoint refuses it
  }
}

function nonResource(method: string, path: string, query: URLSearchParams): RequestInfo {
  const empty = { group: "", version: "", resource: "", subresource: "", namespace: "", name: "", rest: "" };
  return { isResource: false, path, query, verb: method.toLowerCase(), ...empty };
}

/** A query parameter as upstream reads it: only its absence, "0" and "false" are false. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== "0" && value.toLowerCase() !== "false";
}

function decode(path: string): string {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
