import { type Cluster, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";

const ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts";
const REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews";
let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster();
  await cluster.client.raw("POST", ACCOUNTS, { metadata: { name: "robot" } });
});
afterEach(() => cluster.close());

interface Answer {
  readonly status: {
    readonly token?: string;
    readonly authenticated?: boolean;
    readonly user: { readonly username?: string; readonly groups?: readonly string[] };
  };
}

const send = async (path: string, spec: object) => (await cluster.client.raw("POST", path, { spec })) as Answer;

test("a token is its ServiceAccount and nothing more, whoever asked for it", async () => {
  const { status } = await send(`${ACCOUNTS}/robot/token`, {});
  const review = await send(REVIEWS, { token: status.token });
  expect(review.status.user).toMatchObject({
    username: "system:serviceaccount:default:robot",
    groups: ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"],
  });
});

test("a token ends with its ServiceAccount, and is for its audiences only", async () => {
  const { status } = await send(`${ACCOUNTS}/robot/token`, { audiences: ["vault"] });
  expect((await send(REVIEWS, { token: status.token, audiences: ["vault"] })).status.authenticated).toBe(true);
  expect((await send(REVIEWS, { token: status.token })).status.authenticated).toBeUndefined();
  await cluster.client.raw("DELETE", `${ACCOUNTS}/robot`);
  expect((await send(REVIEWS, { token: status.token, audiences: ["vault"] })).status.authenticated).toBeUndefined();
});

test("a changed token is none", async () => {
  const { status } = await send(`${ACCOUNTS}/robot/token`, {});
  const [header, payload = "", signature] = (status.token ?? "").split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as { sub: string };
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: "system:admin" })).toString("base64url");
  const review = await send(REVIEWS, { token: `${header}.${forged}.${signature}` });
  expect(review.status.authenticated).toBeUndefined();
});
