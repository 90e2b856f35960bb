import { ApiError, goQuote } from "@tsukube/api";
import type { AuthorizationAttributes } from "../contracts.ts";

/** What is refused before anybody looks into it. */
export class Refusal extends ApiError {}

/** "pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "y"". */
export function forbidden(attributes: AuthorizationAttributes, reason: string): Refusal {
  const { isResource, group, resource, name } = attributes;
  const tail = reason === "" ? "" : `: ${reason}`;
  const what = isResource ? { group, resource } : { group: "", resource: "" };
  const why = `${sanitized(messageOf(attributes))}${tail}`;
  return new Refusal(ApiError.forbidden(what, isResource ? name : "", why).status);
}

function messageOf({ user, verb, isResource, ...asked }: AuthorizationAttributes): string {
  const { group, resource, subresource, namespace, path } = asked;
  const who = `User ${goQuote(user.name)} cannot ${verb}`;
  if (!isResource) return `${who} path ${goQuote(path)}`;
  const what = goQuote(subresource === "" ? resource : `${resource}/${subresource}`);
  const scope = namespace === "" ? "at the cluster scope" : `in the namespace ${goQuote(namespace)}`;
  return `${who} resource ${what} in API group ${goQuote(group)} ${scope}`;
}

/** For those who show it in a browser. */
function sanitized(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
