import { ApiError } from "@tsukube/api";
import type { ApiResponse } from "@tsukube/client";
import type { Store } from "@tsukube/store";
import type { RequestContext } from "../contracts.ts";

/** Where everything that is stored is handed out, as the store's file. Values lie in it as they lie in the store. */
export const STORE_COPY_PATH = "/tsukube/store";

/** @throws {ApiError} 405, or 404 where the objects lie in an etcd. */
export async function copyOfStore({ info, request }: RequestContext, store: Store): Promise<ApiResponse | undefined> {
  if (info.path !== STORE_COPY_PATH) return undefined;
  if (request.method !== "GET") throw ApiError.methodNotAllowed();
  const body = await store.copy();
  if (body === undefined) throw ApiError.generic(404);
  return { status: 200, headers: { "content-type": "application/octet-stream" }, body };
}
