import type { Secret, ServiceAccount } from "@tsukube/api/types/core-v1";
import type { ResourceClient } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";
import { TEST_AUTHORITY } from "./test-authority.ts";

let cluster: Cluster;
let secrets: ResourceClient<Secret>;
let accounts: ResourceClient<ServiceAccount>;
beforeEach(async () => {
  cluster = await startManagedCluster();
  secrets = cluster.client.resource({ group: "", version: "v1", resource: "secrets" }, "default");
  accounts = cluster.client.resource({ group: "", version: "v1", resource: "serviceaccounts" }, "default");
  await accounts.create({ metadata: { name: "robot" } });
});
afterEach(() => cluster.close());

const settle = () => cluster.clock.advance(1000);
const names = async () => (await secrets.list()).items.map(({ metadata }) => metadata?.name);
const text = (base64: string | undefined) => Buffer.from(base64 ?? "", "base64").toString();

async function create(name = "robot-token", account = "robot"): Promise<void> {
  const annotations = { "kubernetes.io/service-account.name": account };
  await secrets.create({ metadata: { name, annotations }, type: "kubernetes.io/service-account-token" });
  await settle();
}

/** Who the token makes one; undefined when it is not accepted. */
async function userOf(token: string): Promise<string | undefined> {
  const kind = { group: "authentication.k8s.io", version: "v1", resource: "tokenreviews" };
  const review = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } };
  const { status } = (await cluster.client.resource(kind).create(review as object)) as {
    status?: { authenticated?: boolean; user?: { username?: string } };
  };
  return status?.authenticated === true ? status.user?.username : undefined;
}

test("a Secret that asks for a token of an account gets one, which lasts", async () => {
  await create();
  const { data, metadata } = await secrets.get("robot-token");
  expect(text(data?.["namespace"])).toBe("default");
  expect(text(data?.["ca.crt"])).toBe(TEST_AUTHORITY.cert);
  const { metadata: account } = await accounts.get("robot");
  expect(metadata?.annotations?.["kubernetes.io/service-account.uid"]).toBe(account?.uid);
  const token = text(data?.["token"]);
  expect(await userOf(token)).toBe("system:serviceaccount:default:robot");
  await cluster.clock.advance(3600_000);
  expect(await userOf(token)).toBe("system:serviceaccount:default:robot");
  expect(text((await secrets.get("robot-token")).data?.["token"])).toBe(token);
});

test("it ends with its Secret", async () => {
  await create();
  const token = text((await secrets.get("robot-token")).data?.["token"]);
  await secrets.delete("robot-token");
  expect(await userOf(token)).toBeUndefined();
});

test("the Secret goes with its account, and one without an account at once", async () => {
  await create();
  await create("lost", "nobody");
  expect(await names()).toEqual(["robot-token"]);
  await accounts.delete("robot");
  await settle();
  expect(await names()).toEqual([]);
});
