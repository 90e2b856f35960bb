import { createPrivateKey, generateKeyPairSync, verify } from "node:crypto";
import { systemRandom } from "@tsukube/host";
import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import { Tokens } from "./tokens.ts";

const ISSUER = "https://issuer.example";
const [rsa, p256, p384, p521, ed25519] = [
  generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
  ...["P-256", "P-384", "P-521"].map((namedCurve) => generateKeyPairSync("ec", { namedCurve }).privateKey),
  generateKeyPairSync("ed25519").privateKey,
].map((key) => key.export({ type: "pkcs8", format: "pem" }) as string) as [string, string, string, string, string];

const clock = new VirtualClock();
const tokensOf = (key: string, otherKeys: readonly string[] = [], more: object = {}) =>
  new Tokens({ key, issuer: ISSUER, otherKeys, clock, random: systemRandom, ...more });
const REQUEST = {
  ...{ namespace: "default", serviceAccount: "robot", serviceAccountUid: "1" },
  ...{ audiences: [ISSUER], expirationSeconds: 3600 },
};
const partsOf = (token: string) =>
  token
    .split(".")
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, "base64url").toString()));

test.each([
  ["RS256", rsa, "RSA"],
  ["ES256", p256, "EC"],
  ["ES384", p384, "EC"],
  ["ES512", p521, "EC"],
])("tokens are signed with %s by a key that is for it, and anybody can check them", (alg, key, kty) => {
  const { token } = tokensOf(key).issue(REQUEST);
  const [header, claims] = partsOf(token);
  const { keys } = tokensOf(key).jwks as { keys: readonly Readonly<Record<string, string>>[] };
  expect(keys).toEqual([expect.objectContaining({ use: "sig", kty, alg, kid: header.kid })]);
  expect(Object.keys(keys[0]!)).toEqual([
    "use",
    "kty",
    "kid",
    ...(kty === "EC" ? ["crv", "alg", "x", "y"] : ["alg", "n", "e"]),
  ]);
  expect(header.alg).toBe(alg);
  expect(claims.sub).toBe("system:serviceaccount:default:robot");
  const [head, payload, signature = ""] = token.split(".");
  const publicKey = { key: keys[0]!, format: "jwk", dsaEncoding: "ieee-p1363" } as const;
  const signed = Buffer.from(`${head}.${payload}`);
  expect(verify(`sha${alg.slice(2)}`, signed, publicKey as never, Buffer.from(signature, "base64url"))).toBe(true);
  const others = [rsa, p256, p384, p521].filter((one) => one !== key);
  expect(() => tokensOf(others[0]!, others.slice(1)).check(token)).toThrow("no keys found");
  expect(tokensOf(others[0]!, [...others.slice(1), key]).check(token)).toMatchObject({ iss: ISSUER });
});

test("all keys that are good are told, once each", () => {
  const { keys } = tokensOf(p384, [p384, rsa]).jwks as { keys: readonly { readonly alg: string }[] };
  expect(keys.map(({ alg }) => alg)).toEqual(["ES384", "RS256"]);
  expect(tokensOf(p384, [p384, rsa]).algorithms).toEqual(["ES384", "RS256"]);
});

test("a token of another issuer is good where that is named, too", () => {
  const { token } = tokensOf(p256, [], { issuer: "https://old.example" }).issue(REQUEST);
  expect(tokensOf(p256).check(token)).toBeUndefined();
  expect(tokensOf(p256, [], { otherIssuers: ["https://old.example"] }).check(token)).toMatchObject({
    jti: expect.any(String),
  });
});

test("an algorithm that is not the key's is refused", () => {
  const { token } = tokensOf(rsa).issue(REQUEST);
  const [, payload, signature] = token.split(".");
  const header = Buffer.from(JSON.stringify({ alg: "RS512" })).toString("base64url");
  expect(() => tokensOf(rsa).check(`${header}.${payload}.${signature}`)).toThrow("cryptographic primitive");
  const none = Buffer.from('{"alg":"none"}').toString("base64url");
  expect(() => tokensOf(rsa).check(`${none}.${payload}.`)).toThrow("cryptographic primitive");
});

test("a key that Kubernetes signs nothing with is refused", () => {
  expect(createPrivateKey(ed25519).asymmetricKeyType).toBe("ed25519");
  expect(() => tokensOf(ed25519)).toThrow(/key of type ed25519, expected RSA, P-256, P-384 or P-521/);
  expect(() => tokensOf(p256, [ed25519])).toThrow(/key of type ed25519/);
});
