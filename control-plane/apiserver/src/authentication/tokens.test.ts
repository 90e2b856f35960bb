import { sign } from "node:crypto";
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
    readonly error?: string;
    readonly audiences?: readonly string[];
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
  const { token } = (await send(`${ACCOUNTS}/robot/token`, { audiences: ["vault", "safe"] })).status;
  const review = async (...audiences: readonly string[]) => (await send(REVIEWS, { token, audiences })).status;
  expect(await review("other", "safe", "vault")).toMatchObject({ authenticated: true, audiences: ["safe", "vault"] });
  const own = "https://kubernetes.default.svc.cluster.local";
  for (const [asked, shown] of [
    [[], `"${own}"`],
    [["a", "b"], '"a" "b"'],
  ] as const)
    expect(await review(...asked)).toEqual(
      refused(`token audiences ["vault" "safe"] is invalid for the target audiences [${shown}]`),
    );
  await cluster.client.raw("DELETE", `${ACCOUNTS}/robot`);
  expect(await review("vault")).toEqual(refused('serviceaccounts "robot" not found'));
});

const refused = (why: string) => ({ user: {}, error: `[invalid bearer token, ${why}]` });

const HELD = { finalizers: ["example.com/held"] };

test.each([
  ["ServiceAccount", ACCOUNTS, {}],
  [
    "Pod",
    "/api/v1/namespaces/default/pods",
    { spec: { serviceAccountName: "robot", containers: [{ name: "c", image: "i" }] } },
  ],
  ["Secret", "/api/v1/namespaces/default/secrets", {}],
  ["Node", "/api/v1/nodes", {}],
])(
  "a token of a %s outlives its deletion by a minute, and is not of another with that name",
  async (kind, path, more) => {
    const make = () => cluster.client.raw("POST", path, { metadata: { name: "bound", ...HELD }, ...more });
    await make();
    const isAccount = kind === "ServiceAccount";
    const account = isAccount ? "bound" : "robot";
    const spec = isAccount ? {} : { boundObjectRef: { apiVersion: "v1", kind, name: "bound" } };
    const { token } = (await send(`${ACCOUNTS}/${account}/token`, spec)).status;
    const review = async () => (await send(REVIEWS, { token })).status;
    await cluster.client.raw("DELETE", `${path}/bound`, { gracePeriodSeconds: 0 });
    await cluster.clock.advance(50_000);
    expect((await review()).authenticated).toBe(true);
    await cluster.clock.advance(20_000);
    const gone = isAccount
      ? "service account default/bound has been deleted"
      : "service account token has been invalidated";
    expect(await review()).toEqual(refused(gone));
    const headers = { "content-type": "application/merge-patch+json" };
    const body = Buffer.from('{"metadata":{"finalizers":null}}');
    await cluster.transport.request({ method: "PATCH", path: `${path}/bound`, headers, body });
    await make();
    const what = isAccount ? "service account UID" : `${kind.toLowerCase()} UID`;
    expect((await review()).error).toMatch(
      new RegExp(`^\\[invalid bearer token, ${what} \\([0-9a-f-]+\\) does not match .*claim \\([0-9a-f-]+\\)\\]$`),
    );
  },
);

test("a changed token is none", async () => {
  const { status } = await send(`${ACCOUNTS}/robot/token`, {});
  const [header, payload = "", signature] = (status.token ?? "").split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as { sub: string };
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: "system:admin" })).toString("base64url");
  const review = async (token: string) => (await send(REVIEWS, { token })).status;
  expect(await review(`${header}.${forged}.${signature}`)).toEqual(
    refused("go-jose/go-jose: error in cryptographic primitive"),
  );
  const other = Buffer.from(JSON.stringify({ alg: "ES256", kid: "other" })).toString("base64url");
  expect(await review(`${other}.${payload}.${signature}`)).toEqual(refused("invalid signature, no keys found"));
  for (const token of [
    "nonsense",
    "a.b.c",
    `${header}.${Buffer.from('{"iss":"other"}').toString("base64url")}.${signature}`,
  ])
    expect(await review(token)).toEqual({ user: {}, error: "invalid bearer token" });
});

test("a token is good for its time", async () => {
  const { token } = (await send(`${ACCOUNTS}/robot/token`, { expirationSeconds: 600 })).status;
  await cluster.clock.advance(599_000);
  expect((await send(REVIEWS, { token })).status.authenticated).toBe(true);
  await cluster.clock.advance(1000);
  expect((await send(REVIEWS, { token })).status).toEqual(refused("service account token has expired"));
});

/** As kube-controller-manager makes it, which has the key as well. */
function legacyToken(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "ES256" })}.${part({ iss: "kubernetes/serviceaccount", ...claims })}`;
  const key = { key: cluster.serviceAccountKey, dsaEncoding: "ieee-p1363" as const };
  return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
}

test("a token in a Secret is its ServiceAccount until the Secret holds another, and its use is noted", async () => {
  const account = (await cluster.client.raw("GET", `${ACCOUNTS}/robot`)) as { metadata: { uid: string } };
  const of = (name: string) => `kubernetes.io/serviceaccount/${name}`;
  const token = legacyToken({
    sub: "system:serviceaccount:default:robot",
    [of("namespace")]: "default",
    [of("secret.name")]: "old",
    [of("service-account.name")]: "robot",
    [of("service-account.uid")]: account.metadata.uid,
  });
  const secrets = "/api/v1/namespaces/default/secrets";
  const hold = (text: string) => ({ metadata: { name: "old" }, data: { token: Buffer.from(text).toString("base64") } });
  const reviewed = async (more: object = {}) => (await send(REVIEWS, { token, ...more })).status;
  expect(await reviewed()).toEqual(refused("Token has been invalidated"));
  await cluster.client.raw("POST", secrets, hold(token));
  expect(await reviewed()).toMatchObject({ user: { username: "system:serviceaccount:default:robot" } });
  expect((await reviewed({ audiences: ["vault"] })).error).toContain('is invalid for the target audiences ["vault"]');
  const labels = async () =>
    ((await cluster.client.raw("GET", `${secrets}/old`)) as { metadata: { labels?: object } }).metadata.labels;
  const today = new Date(cluster.clock.now()).toISOString().slice(0, 10);
  await expect.poll(labels).toEqual({ "kubernetes.io/legacy-token-last-used": today });
  await cluster.client.raw("PUT", `${secrets}/old`, hold("another"));
  expect(await reviewed()).toEqual(refused("Token does not match server's copy"));
});
