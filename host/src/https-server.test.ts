import "reflect-metadata"; // @peculiar/x509 needs it before its own import
import { webcrypto } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect } from "node:http2";
import { request as httpsRequest } from "node:https";
import { connect as connectTls } from "node:tls";
import * as x509 from "@peculiar/x509";
import { Lifetime } from "@tsukube/foundation";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createAuthorityKeys, type KeyPair, openAuthority } from "./certificates.ts";
import { cipherList } from "./cipher-suites.ts";
import { realClock } from "./clock.ts";
import { createHttpsServer, type Exchange, type Patience, verified } from "./https-server.ts";
import { systemRandom } from "./random.ts";

let lifetime: Lifetime;
beforeEach(() => {
  lifetime = new Lifetime();
});
afterEach(() => lifetime.close());

async function serve(handle: (exchange: Exchange) => void, patience?: Patience, authorities?: KeyPair) {
  const keys = authorities ?? (await createAuthorityKeys("ca", realClock, systemRandom));
  const authority = await openAuthority(keys, realClock, systemRandom);
  const pair = await authority.issue({ commonName: "server", sans: ["localhost", "127.0.0.1"], usages: ["server"] });
  const client = await authority.issue({ commonName: "alice", organizations: ["dev", "ops"], usages: ["client"] });
  const server = lifetime.own(
    "server",
    createHttpsServer({ ...pair, clientCa: keys.cert, handle, ...(patience && { patience }) }),
  );
  const port = await server.listen("127.0.0.1", 0);
  return { port, ca: keys.cert, client };
}

const answer = (exchange: Exchange): void => {
  void exchange.body(100).then(
    (body) => {
      const { commonName, organizations } = verified(exchange.peer) ?? {};
      exchange.send(200, {}, Buffer.from(`${exchange.method} ${commonName} ${organizations} ${body.length}`));
    },
    () => exchange.send(413, {}, new Uint8Array(0)),
  );
};

async function overHttp2(at: Awaited<ReturnType<typeof serve>>, path: string, body: string): Promise<string> {
  const session = connect(`https://localhost:${at.port}`, { ca: at.ca, ...at.client });
  lifetime.add("session", () => session.destroy());
  const stream = session.request({ ":path": path, ":method": "POST" });
  stream.end(body);
  let text = "";
  for await (const piece of stream) text += piece;
  return text;
}

function overHttp1(
  at: Awaited<ReturnType<typeof serve>>,
  body: string,
  withCertificate: boolean,
  path = "/",
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { port: at.port, host: "localhost", path, ca: at.ca, method: "POST", agent: false as const };
    const request = httpsRequest(withCertificate ? { ...options, ...at.client } : options, (response) => {
      let text = `${response.statusCode} `;
      response.on("data", (piece) => (text += piece));
      response.on("end", () => resolve(text));
    });
    request.on("error", reject);
    request.end(body);
  });
}

test("HTTP/2 and HTTP/1.1 on one port see the same request and the verified client certificate", async () => {
  const at = await serve(answer);
  expect(await overHttp2(at, "/x", "hello")).toBe("POST alice dev,ops 5");
  expect(await overHttp1(at, "hello", true)).toBe("200 POST alice dev,ops 5");
  expect(await overHttp1(at, "hello", false)).toBe("200 POST undefined undefined 5");
});

/** The authority of a certificate that another one signed, which nobody is shown. */
async function intermediate(): Promise<KeyPair> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const generate = () => webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const [root, own] = [await generate(), await generate()];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: "01",
    ...{ subject: "CN=intermediate", issuer: "CN=root", publicKey: own.publicKey, signingKey: root.privateKey },
    notBefore: new Date(realClock.now() - 60_000),
    notAfter: new Date(realClock.now() + 86_400_000),
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const bytes = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", own.privateKey)).toString("base64");
  return {
    cert: certificate.toString("pem"),
    key: `-----BEGIN PRIVATE KEY-----\n${bytes}\n-----END PRIVATE KEY-----\n`,
  };
}

test("an intermediate alone is an authority, and others are none", async () => {
  const at = await serve(answer, undefined, await intermediate());
  const other = await openAuthority(await intermediate(), realClock, systemRandom);
  const stranger = await other.issue({ commonName: "mallory", usages: ["client"] });
  for (const [client, seen] of [
    [at.client, "alice dev,ops"],
    [stranger, "undefined undefined"],
  ] as const) {
    const socket = connectTls({ port: at.port, host: "localhost", rejectUnauthorized: false, ...client });
    socket.end("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let text = "";
    for await (const piece of socket) text += piece;
    expect(text).toContain(`GET ${seen} 0`);
  }
});

test("headers of an answer may be any text, over either version of HTTP", async () => {
  const at = await serve((exchange) => exchange.send(200, { warning: ["a", "é😀"] }, new Uint8Array(0)));
  const request = httpsRequest({ port: at.port, host: "localhost", ca: at.ca, agent: false }).end();
  const [plain] = (await once(request, "response")) as [IncomingMessage];
  plain.resume();
  const session = connect(`https://localhost:${at.port}`, { ca: at.ca });
  lifetime.add("session", () => session.destroy());
  const [headers] = (await once(session.request().end(), "response")) as [Record<string, string>];
  const text = (value: unknown) => Buffer.from(String(value), "latin1").toString();
  expect([plain.headers["warning"], headers["warning"]].map(text)).toEqual(["a, é😀", "a, é😀"]);
});

test("a body over the limit is refused and the connection can answer", async () => {
  const at = await serve(answer);
  expect(await overHttp1(at, "x".repeat(101), false)).toBe("413 ");
});

test("a path may be as long as a selector of thousands of names makes it", async () => {
  const at = await serve((exchange) => exchange.send(200, {}, Buffer.from(String(exchange.path.length))));
  expect(await overHttp1(at, "", false, `/${"x".repeat(500_000)}`)).toBe("200 500001");
});

test("the signal aborts when the client goes away in the middle of a streamed answer", async () => {
  const gone = Promise.withResolvers<void>();
  const at = await serve((exchange) => {
    exchange.begin(200, {}).write(Buffer.from("x"));
    exchange.signal.addEventListener("abort", () => gone.resolve());
  });
  const session = connect(`https://localhost:${at.port}`, { ca: at.ca });
  lifetime.add("session", () => session.destroy());
  const stream = session.request({ ":path": "/" });
  stream.once("data", () => stream.close());
  await gone.promise;
});

test("an exchange that is abandoned is an error to its client, and to no other", async () => {
  const at = await serve((exchange) => (exchange.path === "/broken" ? exchange.abandon() : answer(exchange)));
  await expect(overHttp2(at, "/broken", "hello")).rejects.toThrow("NGHTTP2_INTERNAL_ERROR");
  expect(await overHttp2(at, "/x", "hello")).toBe("POST alice dev,ops 5");
});

test("who says nothing for long is disconnected, who waits for an answer is not", async () => {
  const waiting: Exchange[] = [];
  const at = await serve((exchange) => void waiting.push(exchange), { head: 1000, idle: 1000 });
  const options = { port: at.port, host: "localhost", ca: at.ca };
  const slow = connectTls({ ...options, ALPNProtocols: ["http/1.1"] });
  await once(slow, "secureConnect");
  slow.write("GET / HTTP/1.1\r\nhost: a\r\n");
  const idle = connect(`https://localhost:${at.port}`, { ca: at.ca });
  const busy = connect(`https://localhost:${at.port}`, { ca: at.ca });
  lifetime.add("session", () => busy.destroy());
  const stream = busy.request({ ":path": "/" });
  slow.resume();
  await Promise.all([once(slow, "close"), once(idle, "close")]);
  await realClock.sleep(1200);
  expect([busy.closed, waiting.length]).toEqual([false, 1]);
  waiting[0]!.send(200, {}, Buffer.from("late"));
  expect(String(await once(stream, "data"))).toBe("late");
});

test("speaks no older TLS than it is told, and no other cipher suites", async () => {
  const authority = await openAuthority(
    await createAuthorityKeys("ca", realClock, systemRandom),
    realClock,
    systemRandom,
  );
  const pair = await authority.issue({ commonName: "server", sans: ["127.0.0.1"], usages: ["server"] });
  const spoken = async (options: object, client: object): Promise<string> => {
    const server = lifetime.own("server", createHttpsServer({ ...pair, handle: answer, ...options }));
    const port = await server.listen("127.0.0.1", 0);
    server.setCertificate(pair.key, pair.cert);
    const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false, ...client });
    lifetime.add("socket", () => void socket.destroy());
    return once(socket, "secureConnect").then(
      () => `${socket.getProtocol()} ${socket.getCipher().standardName}`,
      () => "none",
    );
  };
  const old = { maxVersion: "TLSv1.2" } as const;
  expect(await spoken({ minVersion: "TLSv1.3" }, old)).toBe("none");
  expect(await spoken({ minVersion: "TLSv1.3" }, {})).toMatch(/^TLSv1\.3 /);
  const suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
  const ciphers = cipherList([suite])!;
  expect(await spoken({ ciphers }, old)).toBe(`TLSv1.2 ${suite}`);
  expect(await spoken({ ciphers }, { ...old, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" })).toBe("none");
  expect(await spoken({ ciphers }, {})).toMatch(/^TLSv1\.3 /);
});
