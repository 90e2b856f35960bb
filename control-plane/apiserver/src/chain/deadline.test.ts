import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { createMetrics } from "@tsukube/host";
import { createSigningKey } from "@tsukube/host/certificates";
import { MemoryStore, StoreError } from "@tsukube/store";
import { seededRandom, VirtualClock } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startApiServer } from "../server.ts";
import { type Allotted, Deadlines, deadlineOf } from "./deadline.ts";
import { parseRequestInfo } from "./request-info.ts";

let lifetime: Lifetime;
beforeEach(() => {
  lifetime = new Lifetime();
});
afterEach(() => lifetime.close());

const asked = (timeout: string) => deadlineOf(parseRequestInfo("GET", `/version?timeout=${timeout}`));

test("a client says how long it waits, but no longer than a minute", () => {
  expect(asked("1.5s")).toBe(1500);
  expect(["", "0s", "3m"].map(asked)).toEqual([undefined, undefined, undefined]);
  expect(() => asked("invalid")).toThrow(
    'invalid timeout specified in the request URL - time: invalid duration "invalid"',
  );
});

const ALLOTTED = "Timeout: request did not complete within the allotted timeout";
const REQUESTED = "Timeout: request did not complete within requested timeout - context deadline exceeded";

test("what takes longer is answered with 504, writes sooner than reads, whatever a client asks for", async () => {
  const clock = new VirtualClock();
  const deadlines = new Deadlines(clock, () => false);
  const MAPS = "/api/v1/namespaces/a/configmaps";
  for (const [method, path, ms, message] of [
    ["GET", `${MAPS}?timeout=1s`, 1000, ALLOTTED],
    ["POST", `${MAPS}?timeout=1s`, 1000, ALLOTTED],
    ["GET", MAPS, 60_000, ALLOTTED],
    ["GET", "/version?timeout=3m", 60_000, ALLOTTED],
    ["GET", `${MAPS}?timeout=50s`, 50_000, ALLOTTED],
    ["POST", `${MAPS}?timeout=50s`, 34_000, REQUESTED],
    ["PUT", `${MAPS}/a`, 34_000, REQUESTED],
    ["PATCH", `${MAPS}/a`, 34_000, REQUESTED],
    ["DELETE", `${MAPS}/a`, 34_000, REQUESTED],
    ["DELETE", MAPS, 60_000, ALLOTTED],
  ] as const) {
    const info = parseRequestInfo(method, path);
    let late: unknown;
    const never = new Promise(() => {});
    let allotted: Allotted | undefined;
    const work = (time: Allotted) => {
      allotted = time;
      return never;
    };
    deadlines.hold(info, deadlineOf(info), work).catch((error: unknown) => {
      late = error;
    });
    await clock.advance(ms - 1);
    expect([path, late]).toEqual([path, undefined]);
    allotted!.mustLast();
    await clock.advance(1001);
    expect(late).toMatchObject({ httpCode: 504, status: { reason: "Timeout", message } });
    expect(() => allotted!.mustLast()).toThrow(message);
  }
  for (const path of [MAPS, `${MAPS}?timeout=1s`]) {
    const info = parseRequestInfo("GET", path);
    expect(await deadlines.hold(info, deadlineOf(info), async () => "x")).toBe("x");
    const failed = deadlines.hold(info, deadlineOf(info), () => Promise.reject(new Error("y")));
    await expect(failed).rejects.toThrow("y");
  }
});

/** Time goes on while requests wait for it. */
class Hurrying extends VirtualClock {
  override track<T>(work: Promise<T>): Promise<T> {
    return work;
  }
}

async function started(clock: VirtualClock, store: MemoryStore) {
  const options = {
    ...{ openStore: async () => store, clock, random: seededRandom(1), logger: silentLogger, metrics: createMetrics() },
    serviceAccountKey: await createSigningKey(),
    serviceCidr: "10.160.0.0/16",
    nodePorts: { first: 30000, last: 32767 },
    advertise: { address: "10.64.0.1", port: 6443 },
  };
  const server = lifetime.own("server", await startApiServer(options));
  const admin = server.transport({ name: "admin", groups: ["system:masters"], extra: {} });
  const ask = async (method: string, path: string, object?: object) => {
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const { status, body } = await admin.request({
      ...{ method, path, headers: { "content-type": type } },
      ...(object && { body: Buffer.from(JSON.stringify(object)) }),
    });
    return { status, message: JSON.parse(Buffer.from(body as Uint8Array).toString()).message };
  };
  const make = (name: string) => ask("POST", "/api/v1/namespaces", { metadata: { name } });
  return { ask, make };
}

test("a write that the store does not finish in time is not waited for any longer, and goes on", async () => {
  const clock = new Hurrying();
  const store = new MemoryStore({ clock });
  const { make } = await started(clock, store);
  const commit = store.commit.bind(store);
  store.commit = async (mutations) => {
    await clock.sleep(40_000);
    return commit(mutations);
  };
  const late = make("late");
  await clock.advance(36_000);
  expect(await late).toEqual({ status: 504, message: REQUESTED });
  await clock.advance(4000);
  expect((await make("late")).status).toBe(409);
});

test("a write whose time is over before it comes to the store, at first or again, is not stored", async () => {
  const clock = new Hurrying();
  const store = new MemoryStore({ clock });
  const { ask, make } = await started(clock, store);
  expect((await make("there")).status).toBe(201);
  const commit = store.commit.bind(store);
  const [late, path] = [{ metadata: { name: "late" } }, "/api/v1/namespaces/there"];
  for (const [method, where, object, then] of [
    ["POST", "/api/v1/namespaces", late, async () => (await ask("GET", "/api/v1/namespaces/late")).status],
    ["DELETE", path, undefined, async () => (await ask("GET", path)).status],
  ] as const) {
    const before = await then();
    let tries = 0;
    store.commit = async (mutations) => {
      tries += 1;
      if (tries > 1) return commit(mutations);
      await clock.sleep(40_000);
      throw new StoreError("conflict", "somebody was faster");
    };
    const asked = ask(method, where, object);
    await clock.advance(36_000);
    expect(await asked).toEqual({ status: 504, message: REQUESTED });
    await clock.advance(4000);
    await clock.advance(1000);
    store.commit = commit;
    expect([method, tries, await then()]).toEqual([method, 1, before]);
  }
});

test("a write that another server is asked for has as long as a read", async () => {
  const clock = new Hurrying();
  const { ask } = await started(clock, new MemoryStore({ clock }));
  let connections = 0;
  const silent = createServer(() => (connections += 1)).listen(0, "127.0.0.1");
  lifetime.add("silent", () => void silent.close());
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const spec = { type: "ExternalName", externalName: "127.0.0.1" };
  await ask("POST", "/api/v1/namespaces/default/services", { metadata: { name: "silent" }, spec });
  const services = "/apis/apiregistration.k8s.io/v1/apiservices";
  const service = {
    metadata: { name: "v1.taste.example.com" },
    spec: {
      ...{ group: "taste.example.com", version: "v1", groupPriorityMinimum: 2000, versionPriority: 10 },
      ...{ insecureSkipTLSVerify: true, service: { namespace: "default", name: "silent", port } },
    },
  };
  const conditions = [{ type: "Available", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }];
  expect((await ask("POST", services, service)).status).toBe(201);
  expect((await ask("PATCH", `${services}/v1.taste.example.com/status`, { status: { conditions } })).status).toBe(200);
  await expect.poll(() => connections).toBe(1); // whether it is available
  let answer: unknown;
  const asked = ask("POST", "/apis/taste.example.com/v1/flavours", {}).then((given) => (answer = given));
  await expect.poll(() => connections).toBe(2);
  await clock.advance(59_000);
  expect(answer).toBeUndefined();
  await clock.advance(2000);
  expect(await asked).toEqual({ status: 504, message: ALLOTTED });
});
