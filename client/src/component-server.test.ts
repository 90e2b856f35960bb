import { request } from "node:https";
import { text } from "node:stream/consumers";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock, systemRandom } from "@tsukube/host";
import { createAuthorityKeys, openAuthority } from "@tsukube/host/certificates";
import { VirtualClock } from "@tsukube/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startComponentServer } from "./component-server.ts";
import type { Client } from "./types.ts";

const lifetime = new Lifetime();
afterAll(() => lifetime.close());
const clock = new VirtualClock(0);
const reviews: string[] = [];
let isReachable = true;
let port = 0;
let certificates: Readonly<Record<string, { readonly cert: string; readonly key: string }>>;

/** Knows the token "good" as the user prometheus; that one and the subject "operator" may read metrics. */
const create = async ({ kind, spec }: { kind: string; spec: Record<string, never> }) => {
  if (!isReachable) throw new Error("the API server is away");
  const { token, user, nonResourceAttributes } = spec as {
    token?: string;
    user?: string;
    nonResourceAttributes?: { path: string; verb: string };
  };
  if (kind === "TokenReview") {
    reviews.push("token");
    return { status: token === "good" ? { authenticated: true, user: { username: "prometheus" } } : {} };
  }
  const { path, verb } = nonResourceAttributes ?? {};
  reviews.push(`${user} ${verb} ${path}`);
  return { status: { allowed: path === "/metrics" && (user === "prometheus" || user === "operator") } };
};

beforeAll(async () => {
  const ca = await createAuthorityKeys("ca", realClock, systemRandom);
  const authority = await openAuthority(ca, realClock, systemRandom);
  const serving = await authority.issue({ commonName: "s", sans: ["127.0.0.1"], usages: ["server"] });
  const others = await openAuthority(
    await createAuthorityKeys("other", realClock, systemRandom),
    realClock,
    systemRandom,
  );
  certificates = {
    operator: await authority.issue({ commonName: "operator", usages: ["client"] }),
    impostor: await others.issue({ commonName: "operator", usages: ["client"] }),
  };
  const metrics = createMetrics();
  metrics.gauge("up", "Here.").set(1);
  const client = { resource: () => ({ create }) } as unknown as Client;
  const listening = Promise.withResolvers<number>();
  const server = await startComponentServer({
    ...{ client, clock, logger: silentLogger, metrics, ...serving, clientCa: ca.cert },
    ...{ addresses: ["127.0.0.1"], port: 0, listening: listening.resolve },
    health: { healthz: { ping: () => undefined } },
  });
  lifetime.own("server", server);
  port = await listening.promise;
});

function get(path: string, who: { readonly token?: string; readonly name?: string } = {}, method = "GET") {
  const { promise, resolve, reject } = Promise.withResolvers<readonly [number | undefined, string]>();
  request(
    {
      ...{ host: "127.0.0.1", port, path, method, rejectUnauthorized: false, agent: false },
      ...certificates[who.name ?? ""],
      headers: who.token === undefined ? {} : { authorization: `Bearer ${who.token}` },
    },
    (response) => text(response).then((body) => resolve([response.statusCode, body]), reject),
  )
    .once("error", reject)
    .end();
  return promise;
}

const code = async (answer: ReturnType<typeof get>) => (await answer)[0];

test("health is everybody's; who has wrong credentials is told so there, too", async () => {
  expect(await get("/healthz?verbose")).toEqual([200, "[+]ping ok\nhealthz check passed\n"]);
  expect(await get("/healthz", { token: "wrong" })).toEqual([401, expect.stringContaining('"Unauthorized"')]);
  expect(await code(get("/healthz", { name: "impostor" }))).toBe(401);
  expect(await code(get("/healthz/ping"))).toBe(403);
});

test("metrics are for whom the API server lets, by certificate or token", async () => {
  expect(await get("/metrics", { token: "good" })).toEqual([200, expect.stringContaining("\nup 1\n")]);
  expect(await code(get("/metrics", { name: "operator" }))).toBe(200);
  expect(await code(get("/configz", { name: "operator" }))).toBe(403);
  const [refused, body] = await get("/metrics");
  expect([refused, JSON.parse(body)]).toEqual([
    403,
    {
      ...{ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", reason: "Forbidden", details: {} },
      ...{ message: 'forbidden: User "system:anonymous" cannot get path "/metrics"', code: 403 },
    },
  ]);
});

test("the API server is not asked about paths of which there can be nothing", async () => {
  reviews.length = 0;
  expect(await get(`/${"x".repeat(70_000)}`)).toEqual([414, expect.stringContaining('"Failure"')]);
  expect(reviews).toEqual([]);
});

test("answers of the API server count for ten seconds", async () => {
  await get("/metrics", { token: "good" });
  reviews.length = 0;
  await get("/metrics", { token: "good" });
  expect(reviews).toEqual([]);
  await get("/metrics", { token: "good" }, "POST");
  expect(reviews).toEqual(["prometheus post /metrics"]);
  await clock.advance(10_001);
  isReachable = false;
  expect(await code(get("/metrics", { token: "good" }))).toBe(500);
  isReachable = true;
  expect(await code(get("/metrics", { token: "good" }))).toBe(200);
});
