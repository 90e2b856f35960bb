import { existsSync } from "node:fs";
import { join } from "node:path";
import type { KubeObject } from "@tsukube/api";
import { type Client, createClient, type ResourceClient, type Transport } from "@tsukube/client";
import { cpuSecondsOf } from "./bench-cluster.ts";
import type { Measured } from "./bench-scenarios.ts";
import { type Server, startOwnProcess, startUpstream } from "./differential/servers.ts";
import { peersFolder } from "./peers.ts";

const NAMESPACE = "bench";
const CLIENTS = 16;
const LISTED = 2000;
const WATCHERS = 64; // upstream takes a hundred streams over one connection
const WATCHED_EVENTS = 50;
const FILLER = "x".repeat(9000);

const core = (resource: string) => ({ group: "", version: "v1", resource });
const DEPLOYMENTS = { group: "apps", version: "v1", resource: "deployments" };
const LEASES = { group: "coordination.k8s.io", version: "v1", resource: "leases" };

type Free = KubeObject & { readonly [member: string]: unknown };

/** One kind of request: how often it is made, how many units of work each is, and how. */
interface Operation {
  readonly name: string;
  readonly times: number;
  /** Makes the `index`th request. */
  request(index: number): Promise<unknown>;
  /** Requests made before, so that programs are measured as they run; as many by default. */
  readonly warm?: number;
  /** How many at a time; 1 by default. */
  readonly parallel?: number;
  /** Units of work of all requests together, where that is not their number. */
  readonly units?: number;
  readonly unit?: string;
}

/**
 * CPU time of the API server a request, beside kube-apiserver and etcd as `npm run peers` builds them, in the same run: each
 * alone, durable on disk, without controllers.
 */
export async function peers(): Promise<readonly Measured[]> {
  if (!existsSync(join(peersFolder(), "kube-apiserver")))
    throw new Error(
      `Cannot compare with kube-apiserver: not in ${peersFolder()}, expected it there; run "npm run peers"`,
    );
  const own = await startOwnProcess();
  const ours = await costsOf(own).finally(() => own.close());
  const upstream = await startUpstream(true);
  const theirs = await costsOf(upstream).finally(() => upstream.close());
  return [...ours].flatMap(([name, { milliseconds, unit }]) => {
    const other = theirs.get(name)?.milliseconds ?? 0;
    return [
      { what: name, value: milliseconds, unit },
      { what: `${name}, upstream`, value: other, unit },
      { what: `${name}, upstream to ours`, value: other / milliseconds, unit: "x" },
    ];
  });
}

type Costs = ReadonlyMap<string, { readonly milliseconds: number; readonly unit: string }>;

async function costsOf({ name: server, transport, pids }: Server): Promise<Costs> {
  const client = createClient(transport, { userAgent: "bench" });
  const seconds = (): number => pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
  const costs = new Map<string, { readonly milliseconds: number; readonly unit: string }>();
  await prepare(client);
  for (const operation of operationsOn(client, transport)) {
    const { name, times, warm = times, parallel = 1, units = times, unit = "ms CPU" } = operation;
    process.stderr.write(`\r${server}: ${name}\u001b[K`);
    await inParallel(parallel, warm, (index) => operation.request(times + index));
    const before = seconds();
    await inParallel(parallel, times, (index) => operation.request(index));
    costs.set(name, { milliseconds: ((seconds() - before) * 1000) / units, unit });
  }
  return costs;
}

async function inParallel(
  parallel: number,
  times: number,
  request: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < times; index = next++) await request(index);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

async function prepare(client: Client): Promise<void> {
  const ignoringConflicts = (made: Promise<unknown>) => made.catch(() => {}); // controllers, where there are some, are as quick
  await ignoringConflicts(client.resource(core("namespaces")).create({ metadata: { name: NAMESPACE } }));
  await ignoringConflicts(
    client.resource(core("serviceaccounts"), NAMESPACE).create({ metadata: { name: "default" } }),
  );
  await client.resource<Free>(core("pods"), NAMESPACE).create(pod("read"));
  await client.resource<Free>(core("configmaps"), NAMESPACE).create(configMap("watched", 0));
}

function operationsOn(client: Client, transport: Transport): readonly Operation[] {
  const pods = client.resource<Free>(core("pods"), NAMESPACE);
  const configMaps = client.resource<Free>(core("configmaps"), NAMESPACE);
  const deployments = client.resource<Free>(DEPLOYMENTS, NAMESPACE);
  const leases = client.resource<Free>(LEASES, NAMESPACE);
  const path = `/api/v1/namespaces/${NAMESPACE}/pods`;
  const read = (query: string, accept: string) => async () => {
    const { body } = await transport.request({ method: "GET", path: path + query, headers: { accept } });
    if (!(body instanceof Uint8Array)) for await (const _piece of body);
  };
  const json = "application/json";
  const protobuf = "application/vnd.kubernetes.protobuf";
  const apply = (replicas: number) =>
    deployments.patch("d", { type: "apply", body: deployment(replicas), fieldManager: "bench", force: true });
  return [
    { name: "get a pod, JSON", times: 6000, parallel: CLIENTS, request: read("/read", json) },
    { name: "get a pod, protobuf", times: 6000, parallel: CLIENTS, request: read("/read", protobuf) },
    {
      ...{ name: "create a ConfigMap", times: 2000, parallel: CLIENTS },
      request: (index) => configMaps.create(configMap(`c-${index}`, 100)),
    },
    {
      ...{ name: "create a Pod", times: 2000, parallel: CLIENTS },
      request: (index) => pods.create(pod(`p-${index}`)),
    },
    {
      ...{ name: "patch a Pod", times: 1500, parallel: CLIENTS },
      request: (index) =>
        pods.patch(`p-${index % 1000}`, { type: "strategic", body: { metadata: { labels: { step: `${index}` } } } }),
    },
    {
      ...{ name: "apply a Deployment, a change", times: 400 },
      request: (index) => apply(1 + (index % 2)),
    },
    { name: "apply a Deployment, nothing to change", times: 400, request: () => apply(3) },
    {
      ...{ name: "renew a Lease", times: 2000, parallel: CLIENTS },
      request: (index) => renew(leases, index),
    },
    {
      ...{ name: `fill with ${LISTED} pods of 9 KB`, times: LISTED, warm: 0, parallel: CLIENTS },
      request: (index) => pods.create(pod(`l-${index}`, { rare: index % 100 === 0 ? "yes" : "no" }, FILLER)),
    },
    { name: `list them, JSON`, times: 12, request: read("", json) },
    { name: `list them, protobuf`, times: 12, request: read("", protobuf) },
    { name: "list 1% by a label", times: 400, request: read("?labelSelector=rare%3Dyes", json) },
    {
      ...{ name: "begin an informer on them", times: 4 },
      request: () => begin(pods),
    },
    {
      ...{ name: `deliver an event of 10 KB to ${WATCHERS}`, times: 4, units: 4 * WATCHED_EVENTS * WATCHERS },
      request: () => deliver(configMaps),
    },
  ];
}

/** To the end of the initial events of a WatchList (KEP-3157). */
async function begin(pods: ResourceClient<Free>): Promise<void> {
  const end = new AbortController();
  const options = {
    ...{ sendInitialEvents: true, resourceVersionMatch: "NotOlderThan" as const, allowWatchBookmarks: true },
    signal: end.signal,
  };
  for await (const { type } of pods.watch(options)) if (type === "BOOKMARK") break;
  end.abort();
}

async function deliver(configMaps: ResourceClient<Free>): Promise<void> {
  const end = new AbortController();
  const { metadata } = await configMaps.get("watched");
  const watching = Array.from({ length: WATCHERS }, async () => {
    let left = WATCHED_EVENTS;
    const options = {
      fieldSelector: "metadata.name=watched",
      resourceVersion: metadata?.resourceVersion ?? "",
      signal: end.signal,
    };
    for await (const _event of configMaps.watch(options)) if (--left === 0) return;
  });
  for (let event = 0; event < WATCHED_EVENTS; event += 1)
    await configMaps.patch("watched", { type: "merge", body: { data: { filler: FILLER, event: String(event) } } });
  await Promise.all(watching);
  end.abort();
}

async function renew(leases: ResourceClient<Free>, index: number): Promise<void> {
  const name = `lease-${index % CLIENTS}-${index % 97}`;
  const spec = { holderIdentity: "bench", leaseDurationSeconds: 40, renewTime: "2025-01-01T00:00:00.000000Z" };
  const present = await leases.get(name).catch(() => undefined);
  if (present === undefined) await leases.create({ metadata: { name }, spec });
  else await leases.update({ ...present, spec: { ...spec, leaseTransitions: index } });
}

/** Of no scheduler, so that only the request costs. */
function pod(name: string, labels: Readonly<Record<string, string>> = {}, filler = ""): Free {
  const container = {
    name: "main",
    image: "registry.example.com/app:1.2.3",
    env: [{ name: "MODE", value: "production" }],
    ports: [{ containerPort: 8080 }],
    resources: { requests: { cpu: "100m", memory: "64Mi" }, limits: { memory: "128Mi" } },
    readinessProbe: { httpGet: { path: "/healthz", port: 8080 } },
  };
  return {
    metadata: { name, labels: { app: "bench", ...labels }, annotations: { filler } },
    spec: { schedulerName: "nobody", containers: [container] },
  };
}

function configMap(name: string, bytes: number): Free {
  return { metadata: { name }, data: { filler: "x".repeat(bytes) } };
}

function deployment(replicas: number): Free {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "d" },
    spec: {
      replicas: 0,
      minReadySeconds: replicas,
      selector: { matchLabels: { app: "d" } },
      template: {
        metadata: { labels: { app: "d" } },
        spec: { containers: [{ name: "main", image: "app:1", ports: [{ containerPort: 80 }] }] },
      },
    },
  };
}
