import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import * as x509 from "@peculiar/x509";
import { Lifetime } from "@tsukube/foundation";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectTrusting, trusting } from "./trusting.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const HOUR = 3_600_000;

interface Holder {
  readonly keys: webcrypto.CryptoKeyPair;
  readonly pem: string;
}

/** Hours from now, and what it is for. */
interface Made {
  readonly host?: string;
  readonly from?: number;
  readonly to?: number;
  readonly usage?: string;
}

let lifetime: Lifetime;
beforeEach(() => {
  lifetime = new Lifetime();
});
afterEach(() => lifetime.close());

/** An authority, or what one has signed under its own name: nothing in it tells whose key that was. */
async function holder(
  signer?: Holder,
  { host = "hook.svc", from = -1, to = 1, usage = "1.3.6.1.5.5.7.3.1" } = {},
): Promise<Holder> {
  const keys = (await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: signer === undefined ? "01" : "02",
    subject: "CN=hook",
    issuer: "CN=hook",
    notBefore: new Date(Date.now() + from * HOUR),
    notAfter: new Date(Date.now() + to * HOUR),
    signingKey: (signer?.keys ?? keys).privateKey,
    publicKey: keys.publicKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(signer === undefined, undefined, true),
      new x509.SubjectAlternativeNameExtension([{ type: "dns", value: host }]),
      new x509.ExtendedKeyUsageExtension([usage]),
    ],
  });
  return { keys, pem: certificate.toString("pem") };
}

async function connectTo({ keys, pem }: Holder, ca: string): Promise<string> {
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  const server = createServer({ cert: pem, key }, (socket) => socket.end("hello"));
  server.on("tlsClientError", () => {});
  lifetime.add("server", () => void server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const options = { host: "127.0.0.1", port, servername: "hook.svc", ...trusting(ca) };
  const socket = await connectTrusting(options, new AbortController().signal);
  lifetime.add("socket", () => void socket.destroy());
  const [said] = (await once(socket, "data")) as [Buffer];
  return said.toString();
}

test("a certificate with the name of its authority is believed when that authority has signed it", async () => {
  const authority = await holder();
  const other = await holder();
  expect(await connectTo(await holder(authority), other.pem + authority.pem)).toBe("hello");
});

test.each([
  ["that another authority of that name has signed", { isOthers: true }, "self-signed certificate"],
  ["for another host", { made: { host: "other.svc" } }, "self-signed certificate"],
  ["of an authority that is over", { authority: { from: -2, to: -1 } }, "self-signed certificate"],
  ["that is over", { made: { from: -2, to: -1 } }, "certificate has expired"],
  ["that is not valid yet", { made: { from: 1, to: 2 } }, "certificate is not yet valid"],
  ["for clients", { made: { usage: "1.3.6.1.5.5.7.3.2" } }, "unsuitable certificate purpose"],
] as const)("one %s is not", async (_what, more: { isOthers?: boolean; made?: Made; authority?: Made }, problem) => {
  const authority = await holder(undefined, more.authority);
  const server = await holder(more.isOthers === true ? await holder() : authority, more.made);
  await expect(connectTo(server, authority.pem)).rejects.toThrow(problem);
});
