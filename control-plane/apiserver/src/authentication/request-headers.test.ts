import { generateKeyPairSync } from "node:crypto";
import { request } from "node:https";
import { createClient, createHttpTransport } from "@tsukube/client";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock, systemRandom } from "@tsukube/host";
import { createAuthorityKeys, openAuthority } from "@tsukube/host/certificates";
import { MemoryStore } from "@tsukube/store";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startApiServer } from "../server.ts";

const lifetime = new Lifetime();
const FRONT = "front-proxy-client";
let port: number;
let pairs: Readonly<Record<"clientCa" | "frontCa", (name: string) => Promise<{ cert: string; key: string }>>>;
let ca: string;
let client: ReturnType<typeof createClient>;
beforeAll(async () => {
  const [clientCa, frontCa] = [
    await createAuthorityKeys("clients", realClock, systemRandom),
    await createAuthorityKeys("fronts", realClock, systemRandom),
  ];
  const [clients, fronts] = [
    await openAuthority(clientCa, realClock, systemRandom),
    await openAuthority(frontCa, realClock, systemRandom),
  ];
  pairs = {
    clientCa: (commonName) => clients.issue({ commonName, organizations: ["system:masters"], usages: ["client"] }),
    frontCa: (commonName) => fronts.issue({ commonName, organizations: ["system:masters"], usages: ["client"] }),
  };
  const serving = await clients.issue({ commonName: "localhost", sans: ["127.0.0.1"], usages: ["server"] });
  ca = clientCa.cert;
  const server = await startApiServer({
    openStore: async () => new MemoryStore({ clock: realClock }),
    ...{ clock: realClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() },
    serviceAccountKey: generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
      ...{ type: "pkcs8", format: "pem" },
    }) as string,
    serviceCidr: "10.160.0.0/16",
    nodePorts: { first: 30000, last: 32767 },
    advertise: { address: "127.0.0.1", port: 6443 },
    tls: { ...serving, clientCa: clientCa.cert },
    requestHeaders: {
      ca: frontCa.cert,
      allowedNames: [FRONT],
      usernameHeaders: ["X-Remote-User", "X-User"],
      uidHeaders: ["X-Remote-Uid"],
      groupHeaders: ["X-Remote-Group"],
      extraHeaderPrefixes: ["X-Remote-Extra-"],
    },
  });
  lifetime.own("server", server);
  port = await server.listen("127.0.0.1", 0);
  const clientCertificate = await pairs.clientCa("admin");
  const transport = createHttpTransport({ server: `https://127.0.0.1:${port}`, ca, clientCertificate }, realClock);
  client = lifetime.own("client", createClient(transport, { clock: realClock, userAgent: "test" }));
});
afterAll(() => lifetime.close());

/** Who the server takes that for, or the code of its refusal. */
async function told(by: "clientCa" | "frontCa", name: string, headers: Readonly<Record<string, string | string[]>>) {
  const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
  const options = { host: "127.0.0.1", port, path, method: "POST", ca, agent: false, ...(await pairs[by](name)) };
  return new Promise((resolve, reject) => {
    const sent = request({ ...options, headers: { ...headers, "content-type": "application/json" } }, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("end", () => {
        const { status } = JSON.parse(Buffer.concat(pieces).toString());
        resolve(response.statusCode === 201 ? status.userInfo : response.statusCode);
      });
    });
    sent.on("error", reject);
    sent.end('{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}');
  });
}

const JANE = {
  "X-Remote-User": "jane",
  "X-Remote-Group": ["a", "b, c"],
  "X-Remote-Uid": "1",
  "X-Remote-Extra-Acme.com%2fproject": ["p", "q"],
};

test("a proxy with its certificate speaks for users whom it tells by headers", async () => {
  expect(await told("frontCa", FRONT, JANE)).toEqual({
    username: "jane",
    uid: "1",
    groups: ["a", "b, c", "system:authenticated"],
    extra: { "acme.com/project": ["p", "q"] },
  });
  expect(await told("frontCa", FRONT, { "X-User": "joe" })).toMatchObject({ username: "joe" });
});

test("nobody else does, and the proxy is nobody by itself", async () => {
  expect(await told("clientCa", FRONT, JANE)).toMatchObject({ username: FRONT });
  expect(await told("frontCa", "other", JANE)).toBe(401);
  expect(await told("frontCa", FRONT, {})).toBe(401);
});

test("extension servers learn which proxies and headers are good", async () => {
  const { data } = (await client.raw(
    "GET",
    "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication",
  )) as { data: Record<string, string> };
  expect(data).toMatchObject({
    "requestheader-allowed-names": `["${FRONT}"]`,
    "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
    "requestheader-group-headers": '["X-Remote-Group"]',
    "requestheader-username-headers": '["X-Remote-User","X-User"]',
  });
});
