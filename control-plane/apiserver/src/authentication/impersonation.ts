import { ApiError } from "@tsukube/api";
import type { Authorizer, IncomingRequest, User } from "../contracts.ts";

const EXTRA = "impersonate-extra-";

/**
 * The user that the caller asks to act as (Impersonate-User, -Group, -Uid, -Extra-*), if it may.
 * @throws {ApiError} 403; 400 for groups without user.
 */
export async function impersonated(request: IncomingRequest, user: User, authorizer: Authorizer): Promise<User> {
  const { headers } = request;
  const name = headers["impersonate-user"];
  const groups = (headers["impersonate-group"] ?? "")
    .split(",")
    .map((group) => group.trim())
    .filter((group) => group !== "");
  const extras = Object.entries(headers).filter(([header]) => header.startsWith(EXTRA));
  if (name === undefined) {
    if (groups.length > 0 || extras.length > 0 || headers["impersonate-uid"] !== undefined) {
      throw ApiError.badRequest("requested impersonation of a group, uid or extra without impersonating a user");
    }
    return user;
  }
  const check = async (
    group: string,
    resource: string,
    wanted: string,
    namespace = "",
    subresource = "",
  ): Promise<void> => {
    const attributes = {
      user,
      verb: "impersonate",
      isResource: true,
      group,
      version: "v1",
      resource,
      subresource,
      namespace,
      name: wanted,
      path: "",
    };
    const { decision } = await authorizer.authorize(attributes);
    if (decision === "allow") return;
    const what = { group, resource };
    const scope = namespace === "" ? "at the cluster scope" : `in the namespace "${namespace}"`;
    throw ApiError.forbidden(
      what,
      wanted,
      `User "${user.name}" cannot impersonate resource "${resource}" in API group "${group}" ${scope}`,
    );
  };
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name);
  if (account === null) await check("", "users", name);
  else await check("", "serviceaccounts", account[2] ?? "", account[1] ?? "");
  for (const group of groups) await check("", "groups", group);
  const extra: Record<string, readonly string[]> = {};
  for (const [header, value] of extras) {
    const key = decodeURIComponent(header.slice(EXTRA.length));
    await check("authentication.k8s.io", "userextras", value, "", key);
    extra[key] = [value];
  }
  const implied = account === null ? [] : ["system:serviceaccounts", `system:serviceaccounts:${account[1]}`];
  const base = groups.length > 0 ? groups : implied;
  const last = name === "system:anonymous" ? "system:unauthenticated" : "system:authenticated";
  const uid = headers["impersonate-uid"];
  return { name, groups: base.includes(last) ? base : [...base, last], extra, ...(uid !== undefined && { uid }) };
}
