import type { Client } from "@tsukube/client";
import { VirtualClock } from "@tsukube/testing";
import { beforeEach, expect, test } from "vitest";
import { KubeletAuthorizer, subresourcesOf } from "./kubelet-authorizer.ts";

let clock: VirtualClock;
let reviews: string[];
let authorizer: KubeletAuthorizer;

/** Knows the token "good" as the user prometheus, who may read metrics; the API server may use proxy. */
beforeEach(() => {
  clock = new VirtualClock(0);
  reviews = [];
  const create = async (review: { kind: string; spec: Record<string, never> }) => {
    const spec = review.spec as {
      token?: string;
      user?: string;
      resourceAttributes?: { verb: string; subresource: string; name: string };
    };
    if (review.kind === "TokenReview") {
      reviews.push("token");
      return { status: spec.token === "good" ? { authenticated: true, user: { username: "prometheus" } } : {} };
    }
    const { verb = "", subresource = "", name } = spec.resourceAttributes ?? {};
    reviews.push(`${spec.user} ${verb} ${subresource} of ${name}`);
    const allowed = { prometheus: ["get metrics"], "kube-apiserver": ["get proxy", "create proxy"] }[spec.user ?? ""];
    return { status: { allowed: allowed?.includes(`${verb} ${subresource}`) === true } };
  };
  const client = { resource: () => ({ create }) } as unknown as Client;
  authorizer = new KubeletAuthorizer({ client, clock, nodeName: "vm" });
});

const ask = (path: string, who: { token?: string; name?: string } = {}, method = "GET") =>
  authorizer.authorize({
    peer:
      who.name === undefined
        ? undefined
        : { commonName: who.name, organizations: [], uids: [], fingerprint: "", expiresAt: 0 },
    headers: who.token === undefined ? {} : { authorization: `Bearer ${who.token}` },
    method,
    path,
  });

test("nobody and a token that is no good are not let in", async () => {
  expect([await ask("/pods"), await ask("/metrics", { token: "bad" })]).toEqual([401, 401]);
});

test("a user may do what the API server says, and nothing else", async () => {
  expect(await ask("/metrics/cadvisor", { token: "good" })).toBe(200);
  expect(await ask("/pods", { token: "good" })).toBe(403);
  expect(await ask("/exec/n/p/c", { token: "good" }, "POST")).toBe(403);
  expect(await ask("/exec/n/p/c", { name: "kube-apiserver" }, "POST")).toBe(200);
  expect(await ask("/pods", { name: "kube-apiserver" })).toBe(200);
});

test("answers are remembered for a minute", async () => {
  for (let round = 0; round < 3; round += 1) await ask("/metrics", { token: "good" });
  expect(reviews).toEqual(["token", "prometheus get metrics of vm"]);
  await clock.advance(61_000);
  await ask("/metrics", { token: "good" });
  expect(reviews).toHaveLength(4);
});

test.each([
  ["/metrics/resource", ["metrics"]],
  ["/stats/summary", ["stats"]],
  ["/checkpoint/n/p/c", ["checkpoint"]],
  ["/pods", ["pods", "proxy"]],
  ["/healthz", ["healthz", "proxy"]],
  ["/configz", ["configz", "proxy"]],
  ["/flagz", ["configz"]],
  ["/statusz", ["statusz"]],
  ["/containerLogs/n/p/c", ["proxy"]],
  ["/metricsx", ["proxy"]],
])("%s needs one of %j", (path, expected) => {
  expect(subresourcesOf(path)).toEqual(expected);
});
