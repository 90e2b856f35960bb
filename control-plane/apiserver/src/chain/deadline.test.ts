import { silentLogger } from "@tsukube/foundation";
import { createMetrics } from "@tsukube/host";
import { createSigningKey } from "@tsukube/host/certificates";
import { MemoryStore } from "@tsukube/store";
import { seededRandom, VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import { startApiServer } from "../server.ts";
import { Deadlines, deadlineOf } from "./deadline.ts";
import { parseRequestInfo } from "./request-info.ts";

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
  const deadlines = new Deadlines(clock);
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
    deadlines.hold(info, deadlineOf(info), never).catch((error: unknown) => {
      late = error;
    });
    await clock.advance(ms - 1);
    expect([path, late]).toEqual([path, undefined]);
    await clock.advance(1001);
    expect(late).toMatchObject({ httpCode: 504, status: { reason: "Timeout", message } });
  }
  for (const path of [MAPS, `${MAPS}?timeout=1s`]) {
    const info = parseRequestInfo("GET", path);
    expect(await deadlines.hold(info, deadlineOf(info), Promise.resolve("x"))).toBe("x");
    await expect(deadlines.hold(info, deadlineOf(info), Promise.reject(new Error("y")))).rejects.toThrow("y");
  }
});

/** Time goes on while requests wait for it. */
class Hurrying extends VirtualClock {
  override track<T>(work: Promise<T>): Promise<T> {
    return work;
  }
}

test("a write that the store does not finish in time is not waited for any longer, and goes on", async () => {
  const clock = new Hurrying();
  const store = new MemoryStore({ clock });
  const server = await startApiServer({
    ...{ openStore: async () => store, clock, random: seededRandom(1), logger: silentLogger, metrics: createMetrics() },
    serviceAccountKey: await createSigningKey(),
    serviceCidr: "10.160.0.0/16",
    nodePorts: { first: 30000, last: 32767 },
    advertise: { address: "10.64.0.1", port: 6443 },
  });
  const admin = server.transport({ name: "admin", groups: ["system:masters"], extra: {} });
  const make = (name: string) =>
    admin.request({
      method: "POST",
      path: "/api/v1/namespaces",
      headers: { "content-type": "application/json" },
      body: Buffer.from(JSON.stringify({ metadata: { name } })),
    });
  const commit = store.commit.bind(store);
  store.commit = async (mutations) => {
    await clock.sleep(40_000);
    return commit(mutations);
  };
  const late = make("late");
  await clock.advance(36_000);
  const { status, body } = await late;
  expect([status, JSON.parse(Buffer.from(body as Uint8Array).toString()).message]).toEqual([504, REQUESTED]);
  await clock.advance(4000);
  expect((await make("late")).status).toBe(409);
  await server.close();
});
