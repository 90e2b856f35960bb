import type { Unstructured } from "@tsukube/api";
import { silentLogger } from "@tsukube/foundation";
import { createMetrics } from "@tsukube/host";
import { createSigningKey } from "@tsukube/host/certificates";
import { MemoryStore } from "@tsukube/store";
import { seededRandom, VirtualClock } from "@tsukube/testing";
import { afterEach, expect, test } from "vitest";
import { startApiServer } from "../server.ts";

const ADMIN = { name: "admin", groups: ["system:masters", "system:authenticated"], extra: {} };
const FLOW = "/apis/flowcontrol.apiserver.k8s.io/v1";
const DEFAULT = "namespaces/default";
const SERVICE = `/api/v1/${DEFAULT}/services/kubernetes`;
const SLICE = `/apis/discovery.k8s.io/v1/${DEFAULT}/endpointslices/kubernetes`;
const AUTO_UPDATE = "apf.kubernetes.io/autoupdate-spec";

interface Answer extends Unstructured {
  readonly code: number;
  readonly items?: readonly Unstructured[];
}

let close: (() => Promise<void>) | undefined;
afterEach(async () => {
  await close?.();
  close = undefined;
});

async function start(isShared = false, given?: MemoryStore) {
  const [clock, random] = [new VirtualClock(), seededRandom(1)];
  const store = given ?? new MemoryStore({ clock });
  if (isShared) Object.defineProperty(store, "isShared", { value: true });
  const server = await startApiServer({
    openStore: async (visit) => {
      for (const record of (await store.range("")).records) visit(record);
      return store;
    },
    ...{ clock, random, logger: silentLogger, metrics: createMetrics() },
    serviceAccountKey: await createSigningKey(),
    serviceCidr: "10.160.0.0/16",
    nodePorts: { first: 30000, last: 32767 },
    advertise: { address: "10.64.0.1", port: 6443 },
  });
  close = () => server.close();
  const ask = async (method: string, path: string, body?: object): Promise<Answer> => {
    const sent = body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) };
    const headers = { "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json" };
    const response = await server.transport(ADMIN).request({ method, path, headers, ...sent });
    return { code: response.status, ...JSON.parse(Buffer.from(response.body as Uint8Array).toString()) };
  };
  return { clock, ask };
}

test.each([SERVICE, `/api/v1/${DEFAULT}/endpoints/kubernetes`, SLICE])(
  "%s is there again within 10 s",
  async (path) => {
    const { clock, ask } = await start();
    const { metadata: first, ...before } = await ask("GET", path);
    await ask("DELETE", path);
    expect(await ask("GET", path)).toMatchObject({ code: 404 });
    await clock.advance(10_000);
    const { metadata, ...again } = await ask("GET", path);
    expect(metadata!.uid).not.toBe(first!.uid);
    expect({ ...again, labels: metadata!.labels }).toEqual({ ...before, labels: first!.labels });
  },
);

test("the Service has its address again, unless somebody else took it", async () => {
  const { clock, ask } = await start();
  await ask("DELETE", SERVICE);
  const spec = { clusterIP: "10.160.0.1", ports: [{ port: 80 }] };
  expect(await ask("POST", `/api/v1/${DEFAULT}/services`, { metadata: { name: "quick" }, spec })).toMatchObject({
    code: 201,
  });
  await clock.advance(10_000);
  expect(await ask("GET", SERVICE)).toMatchObject({ code: 404 });
  await ask("DELETE", `/api/v1/${DEFAULT}/services/quick`);
  await clock.advance(10_000);
  expect(await ask("GET", SERVICE)).toMatchObject({ code: 200, spec: { clusterIP: "10.160.0.1" } });
  expect(await ask("GET", "/apis/networking.k8s.io/v1/ipaddresses/10.160.0.1")).toMatchObject({
    spec: { parentRef: { name: "kubernetes", namespace: "default" } },
  });
});

test("an endpoint that tells of another server is put right, unless the store is shared; the Service stays as it was changed", async () => {
  for (const isShared of [false, true]) {
    const { clock, ask } = await start(isShared);
    const endpoints = [{ addresses: ["10.64.0.9"] }];
    await ask("PATCH", SLICE, { endpoints });
    await ask("PATCH", SERVICE, { metadata: { labels: { own: "yes" } }, spec: { sessionAffinity: "ClientIP" } });
    await clock.advance(10_000);
    expect(await ask("GET", SLICE)).toMatchObject({
      metadata: { generation: isShared ? 2 : 3 },
      endpoints: [{ addresses: [isShared ? "10.64.0.9" : "10.64.0.1"] }],
    });
    expect(await ask("GET", SERVICE)).toMatchObject({
      metadata: { labels: { own: "yes", component: "apiserver" } },
      spec: { sessionAffinity: "ClientIP" },
    });
    await close?.();
  }
});

test("a namespace of the system is there again within a minute", async () => {
  const { clock, ask } = await start();
  const path = "/api/v1/namespaces/kube-node-lease";
  await ask("DELETE", path);
  await ask("PUT", `${path}/finalize`, {
    ...(await ask("GET", path)),
    spec: { finalizers: [] },
  });
  expect(await ask("GET", path)).toMatchObject({ code: 404 });
  await clock.advance(60_000);
  expect(await ask("GET", path)).toMatchObject({ code: 200, status: { phase: "Active" } });
});

test("objects of flow control that were deleted are there again, changed ones as far as they may not be changed", async () => {
  const { clock, ask } = await start();
  const [level, schema] = [`${FLOW}/prioritylevelconfigurations`, `${FLOW}/flowschemas`];
  await ask("DELETE", `${level}/workload-low`);
  await ask("DELETE", `${schema}/probes`);
  const changed = { metadata: { annotations: { [AUTO_UPDATE]: "false" } }, spec: { matchingPrecedence: 777 } };
  await ask("PATCH", `${schema}/service-accounts`, changed);
  await ask("PATCH", `${schema}/system-nodes`, { spec: { matchingPrecedence: 778 } });
  await ask("PATCH", `${schema}/catch-all`, { ...changed, spec: { distinguisherMethod: { type: "ByNamespace" } } });
  await ask("PATCH", `${level}/exempt`, { spec: { exempt: { nominalConcurrencyShares: 5 } } });
  await ask("PATCH", `${level}/system`, { metadata: { annotations: null } });
  await ask("PATCH", `${level}/node-high`, {
    metadata: { annotations: null },
    spec: { limited: { nominalConcurrencyShares: 41 } },
  });
  await clock.advance(60_000);

  expect(await ask("GET", `${level}/workload-low`)).toMatchObject({ code: 200, metadata: { generation: 1 } });
  expect(await ask("GET", `${schema}/probes`)).toMatchObject({ code: 200 });
  expect(await ask("GET", `${schema}/service-accounts`)).toMatchObject({ spec: { matchingPrecedence: 777 } });
  expect(await ask("GET", `${schema}/system-nodes`)).toMatchObject({
    metadata: { generation: 3 },
    spec: { matchingPrecedence: 500 },
  });
  expect(await ask("GET", `${schema}/catch-all`)).toMatchObject({
    metadata: { annotations: { [AUTO_UPDATE]: "true" } },
    spec: { distinguisherMethod: { type: "ByUser" } },
  });
  expect(await ask("GET", `${level}/exempt`)).toMatchObject({ spec: { exempt: { nominalConcurrencyShares: 5 } } });
  expect(await ask("GET", `${level}/system`)).toMatchObject({
    metadata: { generation: 1, annotations: { [AUTO_UPDATE]: "true" } },
  });
  expect(await ask("GET", `${level}/node-high`)).toMatchObject({
    metadata: { annotations: { [AUTO_UPDATE]: "false" } },
    spec: { limited: { nominalConcurrencyShares: 41 } },
  });
});

test("an object of flow control that only an older server made by itself goes", async () => {
  const { clock, ask } = await start();
  const levels = `${FLOW}/prioritylevelconfigurations`;
  const made = (name: string, isAuto: string) => ({
    metadata: { name, annotations: { [AUTO_UPDATE]: isAuto } },
    spec: { type: "Limited", limited: { limitResponse: { type: "Reject" } } },
  });
  for (const isAuto of ["true", "false", "odd"]) await ask("POST", levels, made(isAuto, isAuto));
  await clock.advance(60_000);
  const names = (await ask("GET", levels)).items?.map(({ metadata }) => metadata!.name);
  expect(names).toEqual(expect.arrayContaining(["false", "odd", "exempt"]));
  expect(names).not.toContain("true");
});

test("a binding that was a part of another once is made again for whom that was changed to be for", async () => {
  const store = new MemoryStore({ clock: new VirtualClock() });
  const bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
  const first = await start(false, store);
  const subjects = [{ kind: "Group", apiGroup: "rbac.authorization.k8s.io", name: "system:authenticated" }];
  const annotations = { "rbac.authorization.kubernetes.io/autoupdate": "false", mine: "yes" };
  await first.ask("PATCH", `${bindings}/system:discovery`, { metadata: { annotations }, subjects });
  await first.ask("DELETE", `${bindings}/system:public-info-viewer`);
  const copy = store.fork();
  await close?.();
  const later = await start(false, copy);
  expect(await later.ask("GET", `${bindings}/system:public-info-viewer`)).toMatchObject({
    metadata: { name: "system:public-info-viewer", annotations },
    roleRef: { name: "system:public-info-viewer" },
    subjects,
  });
});
