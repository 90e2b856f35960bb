import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TokenReview } from "@tsukube/api/types/authentication-v1";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock, systemRandom } from "@tsukube/host";
import { createSigningKey } from "@tsukube/host/certificates";
import { MemoryStore } from "@tsukube/store";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiServer, startApiServer } from "../server.ts";

const lifetime = new Lifetime();
const asked: TokenReview[] = [];
let server: ApiServer;

/** What the webhook says of a token. */
const ANSWERS: Readonly<Record<string, TokenReview["status"]>> = {
  ada: {
    authenticated: true,
    user: { username: "ada", uid: "7", groups: ["dev"], extra: { "example.com/a": ["b"] } },
  },
  elsewhere: { authenticated: true, user: { username: "eve" }, audiences: ["vault"] },
  wrong: { authenticated: false, error: "revoked" },
};

beforeAll(async () => {
  const webhook = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const review = JSON.parse(Buffer.concat(pieces).toString()) as TokenReview;
      asked.push(review);
      const status = ANSWERS[review.spec?.token ?? ""] ?? {};
      response.end(JSON.stringify({ ...review, status }));
    });
  });
  webhook.listen(0, "127.0.0.1");
  await once(webhook, "listening");
  lifetime.add("webhook", () => new Promise<void>((done) => void webhook.close(() => done())));
  const folder = mkdtempSync(join(tmpdir(), "token-webhook-"));
  lifetime.add("folder", () => rmSync(folder, { recursive: true }));
  const url = `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/review`;
  const configFile = join(folder, "kubeconfig.json");
  writeFileSync(
    configFile,
    JSON.stringify({
      clusters: [{ name: "c", cluster: { server: url } }],
      contexts: [{ name: "x", context: { cluster: "c" } }],
      "current-context": "x",
    }),
  );
  server = await startApiServer({
    openStore: async () => new MemoryStore({ clock: realClock }),
    ...{ clock: realClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() },
    serviceAccountKey: await createSigningKey(),
    serviceCidr: "10.160.0.0/16",
    nodePorts: { first: 30000, last: 32767 },
    advertise: { address: "127.0.0.1", port: 6443 },
    audiences: ["api"],
    tokenWebhook: { configFile },
  });
  lifetime.own("server", server);
});
afterAll(() => lifetime.close());

async function create(kind: string, headers: Record<string, string>, isAdmin: boolean, spec: object = {}) {
  const user = isAdmin ? { name: "admin", groups: ["system:masters"], extra: {} } : undefined;
  const answer = await server.transport(user).request({
    method: "POST",
    path: `/apis/authentication.k8s.io/v1/${kind.toLowerCase()}s`,
    headers: { "content-type": "application/json", ...headers },
    body: Buffer.from(JSON.stringify({ kind, apiVersion: "authentication.k8s.io/v1", spec })),
  } as never);
  const body = JSON.parse(Buffer.from(answer.body as Uint8Array).toString()) as TokenReview & {
    readonly status?: { readonly userInfo?: object };
  };
  return { code: answer.status, status: body.status };
}

const whoIs = (token: string) => create("SelfSubjectReview", { authorization: `Bearer ${token}` }, false);
const review = async (token: string, audiences?: readonly string[]) =>
  (await create("TokenReview", {}, true, { token, ...(audiences && { audiences }) })).status;

test("a webhook is asked whose a token is, and its answer is kept", async () => {
  const user = {
    username: "ada",
    uid: "7",
    groups: ["dev", "system:authenticated"],
    extra: { "example.com/a": ["b"] },
  };
  expect((await whoIs("ada")).status?.userInfo).toEqual(user);
  expect(asked).toEqual([
    {
      kind: "TokenReview",
      apiVersion: "authentication.k8s.io/v1beta1",
      metadata: {},
      spec: { token: "ada", audiences: ["api"] },
      status: { user: {} },
    },
  ]);
  expect(await review("ada")).toEqual({ authenticated: true, user, audiences: ["api"] });
  expect(asked).toHaveLength(1);
});

test("what the webhook does not believe is refused with 401, and a TokenReview says why", async () => {
  expect((await whoIs("nobody")).code).toBe(401);
  expect((await whoIs("elsewhere")).code).toBe(401);
  expect((await whoIs("wrong")).code).toBe(401);
  expect(await review("wrong")).toEqual({ user: {}, error: "[invalid bearer token, revoked]" });
  expect((await review("elsewhere", ["vault"]))?.audiences).toEqual(["vault"]);
});
