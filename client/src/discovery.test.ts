import { expect, test } from "vitest";
import { createClient } from "./api-client.ts";
import type { ApiRequest, ApiResponse } from "./transport.ts";

const version = (name: string, ...resources: readonly string[]) => ({
  version: name,
  resources: resources.map((resource) => ({
    resource,
    responseKind: { kind: resource.toUpperCase() },
    scope: "Namespaced",
    verbs: ["get", "list"],
    subresources: [{ subresource: "status" }],
  })),
});
const group = (name: string, ...versions: readonly object[]) => ({ metadata: { name }, versions });

test("each resource is discovered in the first version that has it, and asked for again only when something changed", async () => {
  let groups = [group("shop", version("v1", "orders"), version("v1beta1", "orders", "drafts"))];
  const asked: string[] = [];
  const transport = {
    async request({ path, headers }: ApiRequest): Promise<ApiResponse> {
      const body = Buffer.from(
        JSON.stringify({ items: path === "/api" ? [group("", version("v1", "pods"))] : groups }),
      );
      const etag = `"${body.length}"`;
      const isKnown = headers["if-none-match"] === etag;
      asked.push(`${path} ${isKnown ? 304 : 200}`);
      return { status: isKnown ? 304 : 200, headers: { etag }, body: isKnown ? new Uint8Array(0) : body };
    },
    close: async () => {},
  };
  const client = createClient(transport, { userAgent: "test" });
  const names = async () =>
    (await client.discover()).map((found) => `${found.group}/${found.version}/${found.resource} ${found.kind}`);
  const first = await names();
  expect(first).toEqual(["/v1/pods PODS", "shop/v1/orders ORDERS", "shop/v1beta1/drafts DRAFTS"]);
  expect(await names()).toEqual(first);
  expect(asked.splice(0)).toEqual(["/api 200", "/apis 200", "/api 304", "/apis 304"]);
  groups = [group("gone", { version: "v1", freshness: "Stale" }), ...groups];
  expect((await client.discoverAll()).stale).toEqual(["gone/v1"]);
  expect(asked.splice(0)).toEqual(["/api 304", "/apis 200"]);
  groups = [...groups, group("new", version("v1", "things"))];
  expect(await names()).toEqual([...first, "new/v1/things THINGS"]);
  expect(asked).toEqual(["/api 304", "/apis 200"]);
});
