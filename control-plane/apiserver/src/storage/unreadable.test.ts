import { type Logger, silentLogger } from "@tsukube/foundation";
import { createMetrics } from "@tsukube/host";
import { createSigningKey } from "@tsukube/host/certificates";
import { MemoryStore } from "@tsukube/store";
import { seededRandom, VirtualClock } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { User } from "../contracts.ts";
import { type ApiServer, startApiServer } from "../server.ts";
import { indexOf } from "./cached-object.ts";
import { encryptedStore } from "./encryption/encrypted-store.ts";
import { Encryption } from "./encryption/encryption.ts";
import { sameForm } from "./stored-form.ts";

const ADMIN: User = { name: "admin", groups: ["system:masters", "system:authenticated"], extra: {} };
const SECRETS = "/api/v1/namespaces/default/secrets";
const KEY = "/registry/secrets/default/foreign";
const CONFIGURATION = `kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
  - resources: [secrets]
    providers: [{kms: {apiVersion: v2, name: k, endpoint: "unix:///k"}}]
`;
const NOTHING: Uint8Array = new Uint8Array(0);
const turned = (bytes = NOTHING): Uint8Array => bytes.map((byte) => byte ^ 0xff);

const random = seededRandom(1);
let clock: VirtualClock;
let store: MemoryStore;
let server: ApiServer;
let isDown: boolean;
let logged: string[];

/** A KMS that turns bytes, while it is up. */
const dialKms = () => ({
  Status: async () => ({ version: "v2", healthz: "ok", keyId: "1" }),
  Encrypt: async ({ plaintext }: { readonly plaintext?: Uint8Array }) => ({
    ciphertext: turned(plaintext),
    keyId: "1",
    annotations: {},
  }),
  Decrypt: async ({ ciphertext }: { readonly ciphertext?: Uint8Array }) => {
    if (isDown) throw new Error("connection refused");
    return { plaintext: turned(ciphertext) };
  },
  close: () => {},
});
const encryption = (): Encryption => new Encryption(CONFIGURATION, { clock, random, dialKms });

beforeEach(async () => {
  clock = new VirtualClock();
  store = new MemoryStore({ clock });
  isDown = false;
  logged = [];
  const note = (message: string, fields?: object): void => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { ...silentLogger, error: note, info: note, child: () => logger };
  server = await startApiServer({
    openStore: encryptedStore(async () => store, sameForm, encryption(), logger),
    clock,
    random,
    logger,
    metrics: createMetrics(),
    serviceAccountKey: await createSigningKey(),
    serviceCidr: "10.160.0.0/16",
    nodePorts: { first: 30000, last: 32767 },
    advertise: { address: "10.64.0.1", port: 6443 },
  });
});
afterEach(() => server.close());

async function ask(method: string, path: string, body?: object) {
  const headers = { "content-type": "application/json" };
  const sent = body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) };
  const response = await server.transport(ADMIN).request({ method, path, headers, ...sent });
  return { code: response.status, text: Buffer.from(response.body as Uint8Array).toString() };
}

/** What another server writes with a seed of its own. */
async function writtenElsewhere(data: string): Promise<void> {
  const metadata = { name: "foreign", namespace: "default", uid: "u1" };
  const value = Buffer.from(JSON.stringify({ kind: "Secret", apiVersion: "v1", metadata, data: { data } }));
  const sealed = await encryption().over(sameForm).write(KEY, value);
  await store.commit([{ type: "put", key: KEY, value: sealed, index: indexOf(value, "u1"), expected: "any" }]);
}

/** The same, until this server knows. */
async function written(data: string): Promise<void> {
  await writtenElsewhere(data);
  await clock.settle();
}

const configMap = (name: string) =>
  ask("POST", "/api/v1/namespaces/default/configmaps", { metadata: { name } }).then(({ code }) => code);

test("an object that cannot be read is an error of its own: the server goes on, says so, and reads it when it can", async () => {
  await ask("POST", SECRETS, { metadata: { name: "own" } });
  const events: string[] = [];
  const stop = new AbortController();
  const path = `${SECRETS}?watch=1`;
  const watch = await server.transport(ADMIN).request({ method: "GET", path, headers: {}, signal: stop.signal });
  const seen = (async () => {
    for await (const piece of watch.body as AsyncIterable<Uint8Array>) {
      for (const line of Buffer.from(piece).toString().trim().split("\n")) {
        const { type, object } = JSON.parse(line) as { type: string; object: { metadata: { name: string } } };
        events.push(`${type} ${object.metadata.name}`);
      }
    }
  })();
  isDown = true;
  await written("MQ==");
  const why = /Cannot decrypt with KMS \\"k\\" at unix:\/\/\/k: connection refused, expected its plugin to answer/;
  for (const [method, path] of [
    ["GET", `${SECRETS}/foreign`],
    ["GET", SECRETS],
    ["GET", "/api/v1/secrets"],
    ["DELETE", `${SECRETS}/foreign`],
  ] as const) {
    const { code, text } = await ask(method, path);
    expect([code, JSON.parse(text).reason, text], path).toEqual([500, "InternalError", expect.stringMatching(why)]);
  }
  expect((await ask("POST", SECRETS, { metadata: { name: "foreign" } })).code).toBe(500);
  expect((await ask("GET", `${SECRETS}/own`)).code).toBe(200);
  expect((await ask("GET", "/api/v1/namespaces/kube-system/secrets")).code).toBe(200);
  expect(await configMap("a")).toBe(201);
  expect(logged.filter((line) => line.startsWith("cannot read an object"))).toEqual([
    expect.stringContaining(`"key":"${KEY}"`),
  ]);

  isDown = false;
  await clock.advance(10_000);
  expect(await configMap("b")).toBe(201);
  expect(JSON.parse((await ask("GET", `${SECRETS}/foreign`)).text).data).toEqual({ data: "MQ==" });
  expect((await ask("GET", SECRETS)).code).toBe(200);
  expect(logged).toContain(`can read an object again {"key":"${KEY}"}`);
  await expect.poll(() => events).toEqual(["ADDED own", "ADDED foreign"]);
  stop.abort();
  await seen;
});

const UNREAD = "ignoreStoreReadErrorWithClusterBreakingPotential=true";

test("an object that cannot be read is deleted unread by who asks for that", async () => {
  isDown = true;
  await written("MQ==");
  const path = `${SECRETS}/foreign`;
  const asked = await ask("DELETE", `${path}?${UNREAD}&gracePeriodSeconds=0`);
  expect([asked.code, JSON.parse(asked.text).details.causes[0].message]).toEqual([
    422,
    "Invalid value: true: cannot be set together with .gracePeriodSeconds",
  ]);
  expect((await ask("DELETE", `${SECRETS}?${UNREAD}`)).code).toBe(422);
  expect((await ask("DELETE", path)).code).toBe(500);
  expect((await ask("DELETE", `${path}?${UNREAD}&dryRun=All`)).code).toBe(200);
  expect((await ask("GET", path)).code).toBe(500);
  const { code, text } = await ask("DELETE", `${path}?${UNREAD}`);
  expect([code, JSON.parse(text)]).toMatchObject([
    200,
    { status: "Success", details: { name: "foreign", kind: "Secret" } },
  ]);
  expect((await ask("GET", path)).code).toBe(404);
  expect((await ask("DELETE", `${path}?${UNREAD}`)).code).toBe(404);
  expect(await store.get(KEY)).toBeUndefined();
});

test("an object is not deleted unread when it can be read by then, or was written anew meanwhile", async () => {
  isDown = true;
  await written("MQ==");
  isDown = false;
  const path = `${SECRETS}/foreign?${UNREAD}`;
  for (const query of ["", "&dryRun=All"]) {
    const { code, text } = await ask("DELETE", path + query);
    expect([code, text]).toEqual([409, expect.stringContaining("the object is decodable from storage")]);
  }
  expect(await store.get(KEY)).toBeDefined();

  isDown = true;
  await written("MQ==");
  const commit = store.commit.bind(store);
  store.commit = async (mutations) => {
    store.commit = commit;
    isDown = false;
    await writtenElsewhere("Mg==");
    return commit(mutations);
  };
  expect((await ask("DELETE", path)).code).toBe(409);
  expect(JSON.parse((await ask("GET", `${SECRETS}/foreign`)).text).data).toEqual({ data: "Mg==" });
});

test("an object that cannot be read may be written anew or deleted by who can", async () => {
  isDown = true;
  await written("MQ==");
  expect((await ask("GET", `${SECRETS}/foreign`)).code).toBe(500);
  await store.commit([{ type: "delete", key: KEY, expected: "any" }]);
  await clock.settle();
  expect((await ask("GET", `${SECRETS}/foreign`)).code).toBe(404);
  await written("MQ==");
  expect((await ask("GET", `${SECRETS}/foreign`)).code).toBe(500);
  isDown = false;
  await clock.advance(4000);
  await written("Mg==");
  expect(JSON.parse((await ask("GET", `${SECRETS}/foreign`)).text).data).toEqual({ data: "Mg==" });
});
