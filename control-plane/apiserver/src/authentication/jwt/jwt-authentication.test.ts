import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SelfSubjectReview, TokenReview } from "@tsukube/api/types/authentication-v1";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock, systemRandom } from "@tsukube/host";
import { createAuthorityKeys, createSigningKey, openAuthority } from "@tsukube/host/certificates";
import { MemoryStore } from "@tsukube/store";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type ApiServer, startApiServer } from "../../server.ts";
import { TokenKey } from "../token-key.ts";

const lifetime = new Lifetime();
const metrics = createMetrics();
const folder = mkdtempSync(join(tmpdir(), "jwt-"));
lifetime.add("folder", () => rmSync(folder, { recursive: true }));
const file = join(folder, "authentication.json");
const EC = pairOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
const RSA = pairOf(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey);
let published: object[] = [];
let fetches = 0;
let url: string;
let server: ApiServer;
let configuration: Readonly<Record<string, unknown>>;

interface Pair {
  readonly key: TokenKey;
  readonly privateKey: KeyObject;
}

function pairOf(privateKey: KeyObject): Pair {
  return { key: new TokenKey(privateKey), privateKey };
}

/** A small issuer, and a server that believes it. */
beforeAll(async () => {
  const keys = await createAuthorityKeys("issuer", realClock, systemRandom);
  const authority = await openAuthority(keys, realClock, systemRandom);
  const issuer = createServer(await authority.issue({ commonName: "i", sans: ["127.0.0.1"], usages: ["server"] }));
  issuer.on("request", (request, response) => {
    if (request.url === "/keys") fetches += 1;
    const answers: Readonly<Record<string, unknown>> = {
      "/.well-known/openid-configuration": { issuer: url, jwks_uri: `${url}/keys` },
      "/elsewhere": { issuer: `${url}/second`, jwks_uri: `${url}/keys` },
      "/keys": { keys: published },
    };
    if (request.url === "/groups" && request.headers.authorization === "Bearer for-groups")
      return void response.end(tokenOf({ groups: ["told"] }));
    const answer = answers[request.url ?? ""];
    response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(answer ?? {}));
  });
  issuer.listen(0, "127.0.0.1");
  await once(issuer, "listening");
  lifetime.add("issuer", () => new Promise<void>((done) => void issuer.close(() => done())));
  url = `https://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
  published = [EC.key.jwk];
  configuration = {
    kind: "AuthenticationConfiguration",
    apiVersion: "apiserver.config.k8s.io/v1",
    jwt: [
      {
        issuer: { url, certificateAuthority: keys.cert, audiences: ["web", "cli"], audienceMatchPolicy: "MatchAny" },
        claimValidationRules: [
          { claim: "tenant", requiredValue: "shop" },
          { expression: "claims.exp - claims.nbf <= 7200", message: "lasts too long" },
        ],
        claimMappings: { username: { claim: "sub", prefix: "oidc:" }, groups: { claim: "groups", prefix: "oidc:" } },
        userValidationRules: [{ expression: "!user.username.startsWith('oidc:system:')", message: "reserved" }],
      },
      {
        issuer: {
          url: `${url}/second`,
          discoveryURL: `${url}/elsewhere`,
          certificateAuthority: keys.cert,
          audiences: ["web"],
        },
        claimMappings: {
          username: { expression: "claims.email_verified ? claims.email : 'nobody'" },
          groups: { expression: "claims.roles.split(',')" },
          uid: { expression: "claims.?oid.orValue('')" },
          extra: [{ key: "example.com/city", valueExpression: "claims.address.home__dash__town" }],
        },
      },
    ],
    anonymous: { enabled: true, conditions: [{ path: "/livez" }] },
  };
  writeFileSync(file, JSON.stringify(configuration));
  server = await startApiServer({
    openStore: async () => new MemoryStore({ clock: realClock }),
    ...{ clock: realClock, random: systemRandom, logger: silentLogger, metrics },
    serviceAccountKey: await createSigningKey(),
    serviceCidr: "10.160.0.0/16",
    nodePorts: { first: 30000, last: 32767 },
    advertise: { address: "127.0.0.1", port: 6443 },
    authentication: { file },
  });
  lifetime.own("server", server);
  await vi.waitFor(async () => expect((await whoIs(tokenOf({}))).status).toBe(201), { timeout: 20_000 });
});
afterAll(() => lifetime.close());

const now = (): number => Math.floor(Date.now() / 1000);

function tokenOf(claims: object, { key, privateKey }: Pair = EC, header: object = {}): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const usual = { iss: url, aud: "web", sub: "ada", tenant: "shop", nbf: now() - 10, exp: now() + 3600 };
  const signed = `${part({ alg: key.alg, kid: key.id, ...header })}.${part({ ...usual, ...claims })}`;
  return `${signed}.${key.sign(signed, privateKey).toString("base64url")}`;
}

async function ask(
  path: string,
  headers: Record<string, string>,
  object?: object,
): Promise<{ status: number; body: Buffer }> {
  const request = {
    method: object === undefined ? "GET" : "POST",
    path,
    headers: { "content-type": "application/json", ...headers },
  };
  const body = object === undefined ? {} : { body: Buffer.from(JSON.stringify(object)) };
  const answer = await server.transport(undefined).request({ ...request, ...body } as never);
  return { status: answer.status, body: Buffer.from(answer.body as Uint8Array) };
}

async function whoIs(token: string) {
  const kind = { kind: "SelfSubjectReview", apiVersion: "authentication.k8s.io/v1" };
  const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
  const { status, body } = await ask(path, { authorization: `Bearer ${token}` }, kind);
  return { status, user: (JSON.parse(body.toString()) as SelfSubjectReview).status?.userInfo };
}

/** What a TokenReview says, as an administrator asks. */
async function review(token: string): Promise<TokenReview["status"]> {
  const admin = server.transport({ name: "admin", groups: ["system:masters"], extra: {} });
  const object = { kind: "TokenReview", apiVersion: "authentication.k8s.io/v1", spec: { token } };
  const headers = { "content-type": "application/json" };
  const path = "/apis/authentication.k8s.io/v1/tokenreviews";
  const answer = await admin.request({
    method: "POST",
    path,
    headers,
    body: Buffer.from(JSON.stringify(object)),
  } as never);
  return (JSON.parse(Buffer.from(answer.body as Uint8Array).toString()) as TokenReview).status;
}

test("a token of an issuer tells a user, with prefixes, and its id", async () => {
  const { user } = await whoIs(tokenOf({ groups: ["dev", "ops"], jti: "4b1" }));
  expect(user).toEqual({
    username: "oidc:ada",
    groups: ["oidc:dev", "oidc:ops", "system:authenticated"],
    extra: { "authentication.kubernetes.io/credential-id": ["JTI=4b1"] },
  });
  expect((await whoIs(tokenOf({ groups: "one", aud: ["x", "cli"] }))).user?.groups).toEqual([
    "oidc:one",
    "system:authenticated",
  ]);
  const sources = { there: { endpoint: `${url}/groups`, access_token: "for-groups" } };
  const elsewhere = tokenOf({ _claim_names: { groups: "there" }, _claim_sources: sources });
  await vi.waitFor(async () => expect((await whoIs(elsewhere)).user?.groups).toContain("oidc:told"), {
    timeout: 20_000,
  });
});

test("expressions make users out of claims, of an issuer that tells of itself elsewhere", async () => {
  const claims = { iss: `${url}/second`, email: "ada@example.com", email_verified: true, roles: "a,,b", oid: "u-7" };
  const { user } = await whoIs(tokenOf({ ...claims, address: { "home-town": "London" } }));
  expect(user).toEqual({
    username: "ada@example.com",
    uid: "u-7",
    groups: ["a", "b", "system:authenticated"],
    extra: { "example.com/city": ["London"] },
  });
});

test("a token that is not good is refused with 401, and a TokenReview says why", async () => {
  const other = pairOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
  const cases: readonly (readonly [string, string])[] = [
    [tokenOf({ aud: "x" }), 'oidc: verify token: oidc: expected audience in ["cli" "web"] got ["x"]'],
    [
      tokenOf({ exp: 1700000000 }),
      "oidc: verify token: oidc: token is expired (Token Expiry: 2023-11-14 22:13:20 +0000 UTC)",
    ],
    [tokenOf({}, other), "oidc: verify token: failed to verify signature: failed to verify id token signature"],
    [
      tokenOf({}, EC, { alg: "HS256" }),
      'oidc: verify token: oidc: id token signed with unsupported algorithm, expected ["ES256" "ES384" "ES512" "PS256" "PS384" "PS512" "RS256" "RS384" "RS512"] got "HS256"',
    ],
    [tokenOf({ tenant: "x" }), "oidc: required claim tenant value does not match. Got = x, want = shop"],
    [
      tokenOf({ sub: 7 }),
      "oidc: verify token: oidc: failed to unmarshal claims: json: cannot unmarshal number into Go struct field idToken.sub of type string",
    ],
    [
      tokenOf({ sub: "system:x" }),
      "oidc: error evaluating user info validation rule: validation expression '!user.username.startsWith('oidc:system:')' failed: reserved",
    ],
    [
      tokenOf({ exp: now() + 9000 }),
      "oidc: error evaluating claim validation expression: validation expression 'claims.exp - claims.nbf <= 7200' failed: lasts too long",
    ],
  ];
  for (const [token, why] of cases) {
    expect((await whoIs(token)).status).toBe(401);
    expect(await review(token)).toEqual({ user: {}, error: `[invalid bearer token, ${why}]` });
  }
  expect(await review(tokenOf({ iss: "https://x" }))).toEqual({ user: {}, error: "invalid bearer token" });
  expect((await review(tokenOf({})))?.user?.username).toBe("oidc:ada");
});

test("keys are kept, and fetched again for a token that names another", async () => {
  const before = fetches;
  await whoIs(tokenOf({}));
  expect(fetches).toBe(before);
  published = [EC.key.jwk, RSA.key.jwk];
  expect((await whoIs(tokenOf({}, RSA))).user?.username).toBe("oidc:ada");
  expect(fetches).toBe(before + 1);
});

test("who shows no credentials is let in where the file says so", async () => {
  expect((await ask("/livez", {})).status).toBe(200);
  expect((await ask("/readyz", {})).status).toBe(401);
});

test("the file is followed while it is right", async () => {
  const change = (next: object): void => writeFileSync(file, JSON.stringify(next));
  const [first] = configuration["jwt"] as { claimMappings: object }[];
  change({ ...configuration, jwt: [{ ...first, claimMappings: { username: { claim: "" } } }] });
  const told = (status: string): boolean =>
    new RegExp(`apiserver_authentication_config_controller_automatic_reloads_total\\{[^}]*status="${status}"`).test(
      metrics.expose(),
    );
  await vi.waitFor(() => expect(told("failure")).toBe(true), { timeout: 20_000 });
  expect((await whoIs(tokenOf({}))).user?.username).toBe("oidc:ada");
  change({ ...configuration, jwt: [{ ...first, claimMappings: { username: { claim: "sub", prefix: "new:" } } }] });
  await vi.waitFor(async () => expect((await whoIs(tokenOf({}))).user?.username).toBe("new:ada"), { timeout: 20_000 });
  await vi.waitFor(() => expect(told("success")).toBe(true), { timeout: 20_000 });
  expect(metrics.expose()).toMatch(
    /apiserver_authentication_jwt_authenticator_latency_seconds_count\{[^}]*result="success"/,
  );
});
