import { fieldError } from "../../status/field-error.ts";
import { type Check, child, element, isUnset, listOf, member, text } from "../check.ts";
import { dns1035Label, dnsSubdomain } from "../names.ts";

const REVIEWS = ["v1", "v1beta1"];

/** Versions of reviews that a webhook takes: one at least that the server sends. */
export const reviewVersions: Check = (value, at, errors) => {
  const versions = listOf(value).map((version) => version ?? "");
  versions.forEach((version, index) => {
    const here = element(at, index);
    if (versions.indexOf(version) < index) errors.push(fieldError.invalid(here, version, "duplicate version"));
    else text(dns1035Label)(version, here, errors);
  });
  if (versions.some((version) => REVIEWS.includes(String(version)))) return;
  errors.push(fieldError.invalid(at, versions, `must include at least one of ${REVIEWS.join(", ")}`));
};

/** Upstream says of the one that the other is missing. */
const MIXED_UP = [
  ["namespace", "name"],
  ["name", "namespace"],
] as const;

const webhookUrl: Check = (value, at, errors) => {
  const form = "; desired format: https://host[/path]";
  const [, scheme = "", authority = "", query = "", fragment = ""] =
    /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^/?#]*))?[^?#]*(?:\?([^#]*))?(?:#(.*))?$/s.exec(String(value)) ?? [];
  const user = authority.includes("@") ? authority.slice(0, authority.lastIndexOf("@")) : "";
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  const refuse = (part: string, why: string): void => void errors.push(fieldError.invalid(at, part, why));
  if (scheme.toLowerCase() !== "https") refuse(scheme.toLowerCase(), `'https' is the only allowed URL scheme${form}`);
  if (host === "") refuse(host, `host must be specified${form}`);
  if (user !== "") refuse(user, "user information is not permitted in the URL");
  if (fragment !== "") refuse(fragment, "fragments are not permitted in the URL");
  if (query !== "") refuse(query, "query parameters are not permitted in the URL");
};

const servicePath: Check = (value, at, errors) => {
  const path = String(value ?? "");
  const refuse = (why: string): void => void errors.push(fieldError.invalid(at, path, why));
  if (path === "" || path === "/") return;
  if (!path.startsWith("/")) refuse("must start with a '/'");
  const segments = path.slice(1).replace(/\/$/, "").split("/");
  segments.forEach((segment, index) => {
    if (segment === "") refuse(`segment[${index}] may not be empty`);
    else for (const why of dnsSubdomain(segment)) refuse(`segment[${index}]: ${why}`);
  });
};

/** Where a webhook is: at a URL or at a Service. */
export const webhookClient: Check = (value, at, errors) => {
  const [url, service] = [member(value, "url"), member(value, "service")];
  if ((url === undefined) === (service === undefined))
    errors.push(fieldError.required(at, "exactly one of url or service is required"));
  if (url !== undefined) webhookUrl(url, child(at, "url"), errors);
  if (service === undefined) return;
  const here = child(at, "service");
  for (const [name, said] of MIXED_UP)
    if (isUnset(member(service, name))) errors.push(fieldError.required(child(here, said)));
  const port = Number(member(service, "port") ?? 443);
  if (port < 1 || port > 65_535)
    errors.push(
      fieldError.invalid(child(here, "port"), port, "port is not valid: must be between 1 and 65535, inclusive"),
    );
  servicePath(member(service, "path"), child(here, "path"), errors);
};
