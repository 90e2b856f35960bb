import { afterAll, beforeAll, expect, test } from "vitest";
import { isPeer, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const IN = "/api/v1/namespaces/measured";
const MAPS = `${IN}/configmaps`;

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "measured" } });
});
afterAll(() => server.close());

/** The value of the series of `name` with these labels, and maybe others; undefined: there is none. */
async function value(name: string, labels: Readonly<Record<string, string>>): Promise<number | undefined> {
  const lines = (await admin.get("/metrics")).body.toString().split("\n");
  const wanted = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
  const line = lines.find((line) => line.startsWith(`${name}{`) && wanted.every((one) => line.includes(one)));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
}

const CORE = { group: "", version: "v1" };

test("events of watches are counted and measured", async () => {
  const of = { ...CORE, resource: "configmaps" };
  const before = (await value("apiserver_watch_events_total", of)) ?? 0;
  const sized = (await value("apiserver_watch_events_sizes_count", of)) ?? 0;
  await admin.send("POST", MAPS, { metadata: { name: "present" } });
  const watch = await admin.watch(`${MAPS}?watch=1&fieldSelector=metadata.name%3Dpresent`);
  await watch.change();
  await admin.send("PATCH", `${MAPS}/present`, { data: { a: "b" } });
  await watch.change();
  watch.close();
  expect((await value("apiserver_watch_events_total", of))! - before).toBeGreaterThanOrEqual(2);
  expect((await value("apiserver_watch_events_sizes_count", of))! - sized).toBeGreaterThanOrEqual(2);
});

test("objects are counted by kind", async () => {
  const of = { group: "", resource: "configmaps" };
  const { object } = await admin.get("/api/v1/configmaps");
  // kube-apiserver counts once a minute
  expect(await value("apiserver_resource_objects", of)).toEqual(isPeer ? expect.any(Number) : object.items?.length);
});

test("latency is told with and without what others took, bodies by their size", async () => {
  const of = { ...CORE, resource: "configmaps", verb: "POST" };
  await admin.send("POST", MAPS, { metadata: { name: "sized" } });
  expect(await value("apiserver_request_sli_duration_seconds_count", of)).toBe(
    await value("apiserver_request_duration_seconds_count", of),
  );
  const received = { group: "", resource: "configmaps", verb: "create" };
  expect(await value("apiserver_request_body_size_bytes_sum", received)).toBeGreaterThan(20);
});

test("who comes is counted, and how long certificates last", async () => {
  const attempts = { result: "failure" };
  const before = (await value("authentication_attempts", attempts)) ?? 0;
  await server.clientWith("wrong").get(MAPS);
  expect((await value("authentication_attempts", { result: "success" }))!).toBeGreaterThan(0);
  expect((await value("authenticated_user_requests", { username: "admin" }))!).toBeGreaterThan(0);
  const text = (await admin.get("/metrics")).body.toString();
  expect(text).toMatch(/apiserver_client_certificate_expiration_seconds_bucket\{le="1800"\} 0\n/);
  if (!isPeer) expect(await value("authentication_attempts", attempts)).toBe(before + 1);
});

test("who may is counted, and how long it takes to know that and who comes", async () => {
  const [allowed, denied] = [{ result: "allowed" }, { result: "no-opinion" }];
  const before = (await value("authorization_attempts_total", denied)) ?? 0;
  expect((await (await server.clientOf("nobody-measured")).get(MAPS)).code).toBe(403);
  expect((await value("authorization_attempts_total", denied))! - before).toBeGreaterThanOrEqual(1);
  expect(await value("authorization_duration_seconds_count", allowed)).toBeGreaterThan(0);
  expect(await value("authentication_duration_seconds_count", { result: "success" })).toBeGreaterThan(0);
});

test("what is deprecated is told where it is used", async () => {
  const of = { ...CORE, resource: "endpoints" };
  await admin.get(`${IN}/endpoints`);
  expect(await value("apiserver_requested_deprecated_apis", of)).toBe(1);
});

test("API services that cannot be reached are told", async () => {
  const path = "/apis/apiregistration.k8s.io/v1/apiservices";
  const spec = { group: "gone.example.com", version: "v1", groupPriorityMinimum: 100, versionPriority: 10 };
  const service = { name: "gone", namespace: "measured" };
  await admin.send("POST", path, {
    metadata: { name: "v1.gone.example.com" },
    spec: { ...spec, service, insecureSkipTLSVerify: true },
  });
  await expect.poll(() => value("aggregator_unavailable_apiservice", { name: "v1.gone.example.com" })).toBe(1);
  expect(await value("aggregator_unavailable_apiservice", { name: "v1.apps" })).toBe(0);
  await admin.send("DELETE", `${path}/v1.gone.example.com`);
});
