import { gunzipSync } from "node:zlib";
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

test("each series is there once, below the words and the type of its family", async () => {
  const lines = (await admin.get("/metrics")).body.toString().trimEnd().split("\n");
  const types = new Map<string, string>();
  const seen = new Set<string>();
  for (const [index, line] of lines.entries()) {
    const [, name = "", type] = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line) ?? [];
    if (type !== undefined) {
      expect([types.has(name), lines[index - 1]?.startsWith(`# HELP ${name} `)]).toEqual([false, true]);
      types.set(name, type);
    }
    if (line.startsWith("#")) continue;
    const [, series = "", labels = ""] = /^([a-z_0-9]+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    const family = series.replace(/_(?:bucket|sum|count)$/, "");
    expect([line, types.has(series) || types.get(family) === "histogram"]).toEqual([line, true]);
    const key = `${series} ${[...labels.matchAll(/\w+="(?:[^"\\]|\\.)*"/g)].map(([label]) => label).sort()}`;
    expect([key, seen.has(key)]).toEqual([key, false]);
    seen.add(key);
  }
});

test("whoever asks for them gets them as protobuf, and packed", async () => {
  const type = "application/vnd.google.protobuf";
  const accept = `${type};proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,text/plain;q=0.2`;
  const plain = await admin.get("/metrics", { accept });
  expect(plain.headers["content-type"]).toContain(
    `${type}; proto=io.prometheus.client.MetricFamily; encoding=delimited`,
  );
  expect(plain.body.includes("apiserver_request_duration_seconds")).toBe(true);
  const packed = await admin.get("/metrics", { accept, "accept-encoding": "gzip" });
  expect(packed.headers["content-encoding"]).toBe("gzip");
  expect(gunzipSync(packed.body).includes("apiserver_request_duration_seconds")).toBe(true);
});

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

test("how much is stored is told, and how long reads wait for news", async () => {
  const of = { group: "", resource: "namespaces" };
  const items = (await admin.get("/api/v1/namespaces")).body.length;
  const size = (await value("apiserver_resource_size_estimate_bytes", of))!;
  if (!isPeer) expect([size > 500, size < items * 2]).toEqual([true, true]);
  const text = (await admin.get("/metrics")).body.toString();
  expect(text).toContain("# TYPE apiserver_watch_cache_initializations_total counter\n");
  expect(await value("apiserver_watch_cache_initializations_total", of)).toBe(1);
  const { object } = await admin.get(`${IN}/podtemplates`);
  const wanted = Number(object.metadata!.resourceVersion) + 1;
  const late = admin.get(`${IN}/podtemplates?resourceVersion=${wanted}&resourceVersionMatch=NotOlderThan`);
  await expect.poll(async () => (await admin.send("POST", MAPS, { metadata: { generateName: "a" } })).code).toBe(201);
  expect((await late).code).toBe(200);
  const waited = { group: "", resource: "podtemplates" };
  await expect.poll(() => value("apiserver_watch_cache_read_wait_seconds_count", waited)).toBeGreaterThan(0);
});

test("what requests pass is measured", async () => {
  const filters = ["authentication", "audit", "constrainedimpersonation", "priorityandfairness", "authorization"];
  const count = async (filter: string) => (await value("apiserver_request_filter_duration_seconds_count", { filter }))!;
  const before = await Promise.all(filters.map(count));
  await admin.get(MAPS);
  const after = await Promise.all(filters.map(count));
  expect(after.every((number, index) => number > before[index]!)).toBe(true);
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
  const attempts = { result: "error" };
  const before = (await value("authentication_attempts", attempts)) ?? 0;
  await server.clientWith("wrong").get(MAPS);
  expect((await value("authentication_attempts", { result: "success" }))!).toBeGreaterThan(0);
  expect((await value("authenticated_user_requests", { username: "admin" }))!).toBeGreaterThan(0);
  const text = (await admin.get("/metrics")).body.toString();
  expect(text).toMatch(/apiserver_client_certificate_expiration_seconds_bucket\{le="1800"\} 0\n/);
  expect(await value("authentication_attempts", attempts)).toBe(before + 1);
  const somebody = { username: "other" };
  const others = (await value("authenticated_user_requests", somebody)) ?? 0;
  await server.clientWith().get(MAPS);
  expect(await value("authenticated_user_requests", somebody)).toBe(others + 1);
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

test("lists are counted with what they read and what they give, consistent ones apart", async () => {
  const of = { group: "", resource: "podtemplates" };
  const cached = { ...of, storage: "watchcache" };
  const numbers = async () => ({
    lists: (await value("apiserver_storage_list_total", { ...cached, index: "" })) ?? 0,
    fetched: (await value("apiserver_storage_list_fetched_objects_total", cached)) ?? 0,
    returned: (await value("apiserver_storage_list_returned_objects_total", cached)) ?? 0,
    consistent: (await value("apiserver_watch_cache_consistent_read_total", { ...of, success: "true" })) ?? 0,
  });
  const spec = { containers: [{ name: "c", image: "i" }] };
  for (const [name, labels] of Object.entries({ one: { is: "odd" }, two: {}, three: {} }))
    await admin.send("POST", `${IN}/podtemplates`, { metadata: { name, labels }, template: { spec } });
  const before = await numbers();
  await admin.get(`${IN}/podtemplates`);
  await admin.get(`${IN}/podtemplates?resourceVersion=0&labelSelector=is!%3Dodd`);
  const after = await numbers();
  expect(after.lists - before.lists).toBe(2);
  expect(after.fetched - before.fetched).toBe(6);
  expect(after.returned - before.returned).toBe(5);
  expect(after.consistent - before.consistent).toBe(1);
});

test("what the store tells is counted by kind, once for the cache and once for watches", async () => {
  const of = { group: "", resource: "limitranges" };
  const before = (await value("apiserver_watch_cache_events_received_total", of)) ?? 0;
  await admin.send("POST", `${IN}/limitranges`, { metadata: { name: "one" }, spec: { limits: [] } });
  await admin.send("DELETE", `${IN}/limitranges/one`);
  await expect.poll(async () => (await value("apiserver_watch_cache_events_received_total", of))! - before).toBe(2);
  expect(await value("apiserver_storage_events_received_total", of)).toBeGreaterThanOrEqual(2);
  expect(await value("apiserver_watch_cache_events_dispatched_total", of)).toBeGreaterThanOrEqual(2);
});

test("streamed lists are measured, and what watches begin with is counted", async () => {
  const scoped = { ...CORE, resource: "secrets", scope: "namespace" };
  const before = (await value("apiserver_init_events_total", { group: "", resource: "secrets" })) ?? 0;
  await admin.send("POST", `${IN}/secrets`, { metadata: { name: "one" } });
  const begin = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
  const watch = await admin.watch(`${IN}/secrets?watch=1&${begin}`);
  await watch.take(2);
  watch.close();
  expect(await value("apiserver_watch_list_duration_seconds_count", scoped)).toBe(1);
  expect((await value("apiserver_init_events_total", { group: "", resource: "secrets" }))! - before).toBeGreaterThan(0);
});

test("pods are counted by what they were held against and what came of it", async () => {
  const prefix = "pod-security.kubernetes.io";
  const standards = { enforce: "baseline", warn: "restricted", "warn-version": "v1.30" };
  const labels = Object.fromEntries(Object.entries(standards).map(([mode, text]) => [`${prefix}/${mode}`, text]));
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "secured", labels } });
  await admin.send("POST", "/api/v1/namespaces/secured/serviceaccounts", { metadata: { name: "default" } });
  const created = { request_operation: "create", subresource: "" };
  const enforced = { ...created, mode: "enforce", policy_level: "baseline", policy_version: "latest", resource: "pod" };
  const warned = { ...created, mode: "warn", policy_level: "restricted", policy_version: "v1.30", decision: "deny" };
  const wanted = [
    { ...enforced, decision: "allow" },
    { ...enforced, decision: "deny" },
    { ...warned, resource: "pod" },
    { ...warned, resource: "controller" },
  ];
  const counts = () =>
    Promise.all(wanted.map(async (labels) => (await value("pod_security_evaluations_total", labels)) ?? 0));
  const before = await counts();
  const containers = [{ name: "c", image: "i" }];
  await admin.send("POST", "/api/v1/namespaces/secured/pods", { metadata: { name: "fine" }, spec: { containers } });
  const bad = { metadata: { name: "bad" }, spec: { containers, hostNetwork: true } };
  expect((await admin.send("POST", "/api/v1/namespaces/secured/pods", bad)).code).toBe(403);
  const template = { metadata: { name: "template" }, template: { spec: { containers } } };
  await admin.send("POST", "/api/v1/namespaces/secured/podtemplates", template);
  expect(await counts()).toEqual(before.map((count) => count + 1));
  const exempt = { request_operation: "update", resource: "controller", subresource: "" };
  expect(await value("pod_security_exemptions_total", exempt)).toBe(0);
});

test("addresses and node ports are counted as they are given, asked for or not, and as they are held", async () => {
  const [addresses, ports] = ["kube_apiserver_clusterip_allocator", "kube_apiserver_nodeport_allocator"];
  const cidr = "10.0.0.0/24";
  const plain = async (name: string): Promise<number> => {
    const text = (await admin.get("/metrics")).body.toString();
    return Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);
  };
  const numbers = async () => ({
    dynamic: (await value(`${addresses}_allocation_total`, { cidr, scope: "dynamic" })) ?? 0,
    static: (await value(`${addresses}_allocation_total`, { cidr, scope: "static" })) ?? 0,
    errors: (await value(`${addresses}_allocation_errors_total`, { cidr, scope: "static" })) ?? 0,
    took: (await value(`${addresses}_allocation_duration_seconds_count`, { cidr })) ?? 0,
    ports: (await value(`${ports}_allocation_total`, { scope: "dynamic" })) ?? 0,
  });
  const make = (name: string, spec: object) =>
    admin.send("POST", `${IN}/services`, { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });
  const before = await numbers();
  await make("any", { type: "NodePort" });
  await make("fixed", { clusterIP: "10.0.0.99" });
  expect((await make("taken", { clusterIP: "10.0.0.99" })).code).toBe(422);
  const tried = { metadata: { name: "tried" }, spec: { type: "NodePort", ports: [{ port: 80 }] } };
  expect((await admin.send("POST", `${IN}/services?dryRun=All`, tried)).code).toBe(201);
  // what is refused after that was given something, too
  expect((await make("any", {})).code).toBe(409);
  expect((await make("wrong", { sessionAffinity: "wrong" })).code).toBe(422);
  const quota = { metadata: { name: "none" }, spec: { hard: { services: "0" } } };
  const { object: made } = await admin.send("POST", `${IN}/resourcequotas`, quota);
  const status = { hard: { services: "0" }, used: { services: "0" } };
  await admin.send("PUT", `${IN}/resourcequotas/none/status`, { ...made, status });
  expect((await make("many", { clusterIP: "10.0.0.98" })).code).toBe(403);
  await admin.send("DELETE", `${IN}/resourcequotas/none`);
  const after = await numbers();
  expect(after).toEqual({
    dynamic: before.dynamic + 3,
    static: before.static + 2,
    errors: before.errors + 1,
    took: expect.any(Number),
    ports: before.ports + 1,
  });
  expect(after.took - before.took).toBeGreaterThanOrEqual(2);
  const [held, free] = [
    await value(`${addresses}_allocated_ips`, { cidr }),
    await value(`${addresses}_available_ips`, { cidr }),
  ];
  expect(held).toBeGreaterThanOrEqual(2);
  expect(held! + free!).toBe(254);
  const [heldPorts, freePorts] = [await plain(`${ports}_allocated_ports`), await plain(`${ports}_available_ports`)];
  expect([heldPorts >= 1, heldPorts + freePorts]).toEqual([true, 2768]);
  for (const name of ["any", "fixed"]) await admin.send("DELETE", `${IN}/services/${name}`);
});

test("writes are measured by what they want to hear of fields that there are not", async () => {
  await admin.send("POST", `${MAPS}?fieldValidation=Strict`, { metadata: { name: "strict" } });
  const count = await value("field_validation_request_duration_seconds_count", { field_validation: "Strict" });
  expect(count).toBe(isPeer ? 0 : 1); // kube-apiserver has the series, but observes nothing
});

test("tokens of pods are counted while they are to be used", async () => {
  const account = `${IN}/serviceaccounts/default`;
  await admin.send("POST", `${IN}/serviceaccounts`, { metadata: { name: "default" } });
  const spec = { containers: [{ name: "c", image: "i" }] };
  const pod = await admin.send("POST", `${IN}/pods`, { metadata: { name: "holder" }, spec });
  const boundObjectRef = { kind: "Pod", apiVersion: "v1", name: "holder", uid: pod.object.metadata?.uid };
  const asked = { spec: { audiences: [], expirationSeconds: 3607, boundObjectRef } };
  const kind = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest" };
  const { object } = await admin.send("POST", `${account}/token`, { ...kind, ...asked });
  const { token, expirationTimestamp } = object["status"] as { token: string; expirationTimestamp: string };
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  const lasts = Date.parse(expirationTimestamp) / 1000 - claims.iat;
  expect([Math.abs(lasts - 3607) <= 1, claims.exp - claims.iat]).toEqual([true, 365 * 24 * 60 * 60]);
  expect(claims["kubernetes.io"].warnafter - claims.iat).toBe(3607);
  const valid = async (): Promise<number> => {
    const text = (await admin.get("/metrics")).body.toString();
    return Number(/^serviceaccount_valid_tokens_total (.*)$/m.exec(text)?.[1]);
  };
  const before = await valid();
  await server.clientWith(token).get(MAPS);
  expect(await valid()).toBe(before + 1);
});
