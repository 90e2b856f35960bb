import type { Authorizer, RequestContext } from "../contracts.ts";
import { forbidden } from "./forbidden.ts";

/** A PUT or an apply of what is not there creates it, which is a right of its own. @throws {ApiError} 403 to whom it is not given. */
export async function mustCreate(authorizer: Authorizer, { user, info }: RequestContext): Promise<void> {
  const { group, version, resource, subresource, namespace, name, path } = info;
  const what = { group, version, resource, subresource, namespace, name, path };
  const attributes = { ...what, user, verb: "create", isResource: true };
  const { decision, reason } = await authorizer.authorize(attributes);
  if (decision !== "allow") throw forbidden(attributes, reason);
}
