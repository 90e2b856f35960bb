import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { createHttpTransport } from "@tsukube/client";
import { realClock } from "@tsukube/host";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWireServer, type WireServer } from "./wire-server.ts";

const UID = "1.3.6.1.4.1.57683.2";

let server: WireServer;
beforeAll(async () => void (server = await startWireServer()));
afterAll(() => server.close());

/** What the server says of who comes with a certificate of this subject: [code, name, uid, groups]. */
async function known(subject: x509.JsonName, token?: string): Promise<readonly unknown[]> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const request = { name: subject, keys, signingAlgorithm: algorithm };
  const csr = (await x509.Pkcs10CertificateRequestGenerator.create(request)).toString("pem");
  const cert = await server.authority.signAsAsked(csr, { usages: ["client auth"], ttlMs: 3_600_000 });
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  const key = x509.PemConverter.encode(pkcs8, "PRIVATE KEY");
  const options = { server: `https://127.0.0.1:${server.port}`, ca: server.ca, clientCertificate: { cert, key } };
  const transport = createHttpTransport(options, realClock);
  const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
  const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  const bearer = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const headers = { "content-type": "application/json", ...bearer };
  const body = Buffer.from(JSON.stringify(review));
  const { status, body: answer } = await transport.request({ method: "POST", path, headers, body });
  const pieces: Uint8Array[] = [];
  for await (const piece of answer instanceof Uint8Array ? [answer] : answer) pieces.push(piece);
  await transport.close();
  const { userInfo } = JSON.parse(Buffer.concat(pieces).toString()).status ?? {};
  return [status, userInfo?.username, userInfo?.uid, userInfo?.groups];
}

test("a certificate may tell the uid of its user", async () => {
  const groups = ["dev", "system:authenticated"];
  expect(await known([{ O: ["dev"] }, { CN: ["jane"] }])).toEqual([201, "jane", undefined, groups]);
  expect(await known([{ O: ["dev"] }, { CN: ["jane"] }, { [UID]: ["u-1"] }])).toEqual([201, "jane", "u-1", groups]);
});

test("a certificate with two of them is none", async () => {
  const [code] = await known([{ CN: ["jane"] }, { [UID]: ["u-1"] }, { [UID]: ["u-2"] }]);
  expect(code).toBe(401);
});

test("whatever a certificate is worth, a token beside it counts", async () => {
  const { admin } = server;
  const path = "/api/v1/namespaces/default/serviceaccounts";
  await admin.send("POST", path, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "bearer" } });
  const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
  const { object } = await admin.send("POST", `${path}/bearer/token`, request);
  const { token } = object["status"] as { readonly token: string };
  const [code, name] = await known([{ CN: ["jane"] }, { [UID]: ["u-1"] }, { [UID]: ["u-2"] }], token);
  expect([code, name]).toEqual([201, "system:serviceaccount:default:bearer"]);
  expect((await known([{ O: ["nobody"] }], token))[1]).toBe("system:serviceaccount:default:bearer");
});
