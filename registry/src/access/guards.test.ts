import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realClock, systemRandom } from "@tsukube/host";
import { hashSync } from "bcryptjs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codesOf, digestOf, RegistryUnderTest } from "../registry-under-test.ts";
import { PasswordGuard } from "./password-guard.ts";
import { TokenGuard } from "./token-guard.ts";

let folder: string;
let registry: RegistryUnderTest | undefined;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "tsukube-guards-"))));
afterEach(async () => {
  await registry?.close();
  registry = undefined;
  await rm(folder, { recursive: true });
});

const basic = (user: string, password: string) => ({
  headers: { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` },
});

test("users of a file get in with their passwords, and a file that changes counts at once", async () => {
  const file = join(folder, "users");
  const line = (user: string, password: string): string => `${user}:${hashSync(password, 4).replace("$2b$", "$2y$")}\n`;
  await writeFile(file, `# people\n${line("ali", "open sesame")}`);
  const injected = { clock: realClock, random: systemRandom };
  registry = await RegistryUnderTest.start({ guard: await PasswordGuard.open({ file, realm: "here", ...injected }) });
  const asked = async (init?: RequestInit): Promise<number> => (await registry!.ask("GET", "/v2/", init)).status;
  const refused = await registry.ask("GET", "/v2/");
  expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
    401,
    'Basic realm="here", charset="UTF-8"',
  ]);
  expect(await codesOf(refused)).toEqual(["UNAUTHORIZED"]);
  expect(await asked(basic("ali", "open sesame"))).toBe(200);
  expect(await asked(basic("ali", "open sesame"))).toBe(200);
  for (const [user, password] of [
    ["ali", "wrong"],
    ["eve", "open sesame"],
    ["ali", ""],
    ["", ""],
  ] as const)
    expect(await asked(basic(user, password))).toBe(401);
  expect((await registry.ask("POST", "/v2/app/blobs/uploads/")).status).toBe(401);
  await writeFile(file, line("eve", "apple"));
  expect([await asked(basic("ali", "open sesame")), await asked(basic("eve", "apple"))]).toEqual([401, 200]);
});

test("guesses keep nobody waiting who is known, and too many at once are refused", async () => {
  const file = join(folder, "users");
  await writeFile(file, `ali:${hashSync("open sesame", 10)}\n`);
  const injected = { clock: realClock, random: systemRandom };
  registry = await RegistryUnderTest.start({ guard: await PasswordGuard.open({ file, realm: "here", ...injected }) });
  const asked = async (init: RequestInit): Promise<number> => (await registry!.ask("GET", "/v2/", init)).status;
  const known = basic("ali", "open sesame");
  expect(await Promise.all(Array.from({ length: 20 }, () => asked(known)))).toEqual(Array(20).fill(200));
  let guessing = 0;
  const guesses = Array.from({ length: 40 }, async (_, number) => {
    guessing++;
    return asked(basic("ali", `guess ${number}`)).finally(() => guessing--);
  });
  expect(await asked(known)).toBe(200);
  expect(guessing).toBeGreaterThan(0);
  const answers = await Promise.all(guesses);
  expect([...new Set(answers)].toSorted()).toEqual([401, 429]);
  expect(await asked(basic("ali", "wrong"))).toBe(401);
});

test("a file with other hashes than bcrypt's is refused", async () => {
  const file = join(folder, "users");
  await writeFile(file, "ali:$apr1$x$y\n");
  const opened = PasswordGuard.open({ file, realm: "here", clock: realClock, random: systemRandom });
  await expect(opened).rejects.toMatchObject({ code: "usage", message: expect.stringContaining('user "ali"') });
});

const NOW = Math.floor(Date.now() / 1000);
const CLAIMS = { iss: "issuer", aud: "registry", exp: NOW + 300 };

function jwt(claims: object, key: KeyObject, header: object = { alg: "ES256" }): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part(header)}.${part(claims)}`;
  const hash = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  return `${signed}.${sign(hash, Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

const access = (name: string, ...actions: readonly string[]) => ({ type: "repository", name, actions });
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

async function startWithTokens(pair: { readonly publicKey: KeyObject }): Promise<RegistryUnderTest> {
  const key = pair.publicKey.export({ type: "spki", format: "pem" }).toString();
  const guard = new TokenGuard({
    realm: "https://auth/token",
    service: "registry",
    issuer: "issuer",
    key,
    clock: realClock,
  });
  return RegistryUnderTest.start({ guard });
}

test("a token lets in to what it names, and a challenge says what is needed", async () => {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  registry = await startWithTokens(pair);
  const status = async (method: string, path: string, ...granted: readonly object[]): Promise<number> =>
    (await registry!.ask(method, path, bearer(jwt({ ...CLAIMS, access: granted }, pair.privateKey)))).status;
  const digest = digestOf("x");
  const challenge = async (method: string, path: string, init?: RequestInit): Promise<string | null> =>
    (await registry!.ask(method, path, init)).headers.get("www-authenticate");
  const base = 'Bearer realm="https://auth/token",service="registry"';
  expect(await challenge("GET", "/v2/")).toBe(base);
  expect(await challenge("GET", "/v2/team/app/manifests/1")).toBe(`${base},scope="repository:team/app:pull"`);
  expect(await challenge("POST", `/v2/app/blobs/uploads/?mount=${digest}&from=base`)).toBe(
    `${base},scope="repository:app:pull,push repository:base:pull"`,
  );
  expect(await challenge("GET", "/v2/_catalog", bearer(jwt(CLAIMS, pair.privateKey)))).toBe(
    `${base},scope="registry:catalog:*",error="insufficient_scope"`,
  );
  expect(await status("GET", "/v2/")).toBe(200);
  expect(await status("POST", "/v2/app/blobs/uploads/", access("app", "pull"))).toBe(401);
  expect(await status("POST", "/v2/app/blobs/uploads/", access("app", "pull", "push"))).toBe(202);
  expect(await status("POST", "/v2/app/blobs/uploads/", access("other", "pull", "push"))).toBe(401);
  expect(await status("DELETE", `/v2/app/manifests/${digest}`, access("app", "pull", "push"))).toBe(401);
  expect(await status("DELETE", `/v2/app/manifests/${digest}`, access("app", "delete"))).toBe(404);
  expect(await status("GET", "/v2/_catalog", { type: "registry", name: "catalog", actions: ["*"] })).toBe(200);
});

test("a blob is not mounted from where its token may not read, nor from nowhere in particular", async () => {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  registry = await startWithTokens(pair);
  const post = async (path: string, granted: readonly object[], body?: string): Promise<number> =>
    (
      await registry!.ask("POST", path, {
        ...bearer(jwt({ ...CLAIMS, access: granted }, pair.privateKey)),
        ...(body === undefined ? {} : { body }),
      })
    ).status;
  const digest = digestOf("secret");
  const mine = access("mine", "pull", "push");
  expect(await post(`/v2/theirs/blobs/uploads/?digest=${digest}`, [access("theirs", "*")], "secret")).toBe(201);
  expect(await post(`/v2/mine/blobs/uploads/?mount=${digest}&from=theirs`, [mine])).toBe(202);
  expect(await post(`/v2/mine/blobs/uploads/?mount=${digest}`, [mine])).toBe(202);
  expect(await post(`/v2/mine/blobs/uploads/?mount=${digest}&from=theirs`, [mine, access("theirs", "pull")])).toBe(201);
});

test("a token of another key, issuer, service, time or algorithm is none", async () => {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
  registry = await startWithTokens(pair);
  const asked = async (token: string) => registry!.ask("GET", "/v2/", bearer(token));
  const unsigned = jwt(CLAIMS, pair.privateKey, { alg: "none" }).replace(/[^.]*$/, "");
  const wrong = [
    jwt(CLAIMS, other.privateKey),
    jwt({ ...CLAIMS, iss: "else" }, pair.privateKey),
    jwt({ ...CLAIMS, aud: ["else"] }, pair.privateKey),
    jwt({ ...CLAIMS, exp: NOW - 100 }, pair.privateKey),
    jwt({ iss: "issuer", aud: "registry" }, pair.privateKey),
    jwt({ ...CLAIMS, nbf: NOW + 1000 }, pair.privateKey),
    jwt(CLAIMS, pair.privateKey, { alg: "HS256" }),
    jwt(CLAIMS, pair.privateKey, { alg: "ES256", crit: ["b64"] }),
    unsigned,
    `${unsigned}AAAA`,
    "a.b.c",
  ];
  for (const token of wrong) expect([token, (await asked(token)).status]).toEqual([token, 401]);
  expect((await asked(jwt({ ...CLAIMS, aud: ["else", "registry"] }, pair.privateKey))).status).toBe(200);
});

test("keys may be RSA or Ed25519, too; weak ones are refused", async () => {
  for (const [pair, alg] of [
    [generateKeyPairSync("rsa", { modulusLength: 2048 }), "RS256"],
    [generateKeyPairSync("ed25519"), "EdDSA"],
  ] as const) {
    registry = await startWithTokens(pair);
    expect((await registry.ask("GET", "/v2/", bearer(jwt(CLAIMS, pair.privateKey, { alg })))).status).toBe(200);
    await registry.close();
  }
  registry = undefined;
  await expect(startWithTokens(generateKeyPairSync("rsa", { modulusLength: 1024 }))).rejects.toMatchObject({
    code: "usage",
  });
});
