import type { KubeObject } from "@tsukube/api";
import { type Client, createClient, type ResourceClient, type Transport } from "@tsukube/client";
import type { TlsFloors } from "./bench-tls.ts";

/** How much a server of the scenario `peers` has to carry. */
export interface Sizes {
  /** Pods that are listed. */
  readonly pods: number;
  /** Streams that hear of one event, each over a connection of its own. */
  readonly watchers: number;
  /** Requests at a time, each over a connection of its own. */
  readonly clients: number;
}

/** A cluster of a thousand nodes, as its API server sees it. */
export const FULL: Sizes = { pods: 10_000, watchers: 1000, clients: 1000 };
/** For a look within a minute. */
export const SMALL: Sizes = { pods: 2000, watchers: 64, clients: 16 };

/** What a request costs whoever wrote the server: bytes over TLS, and for a write its part of a commit. */
export interface Floor {
  readonly tls: keyof TlsFloors;
  /** How many share commits. */
  readonly writers?: number;
}

/** One kind of request: how often it is made, how many units of work each is, and how. */
export interface Operation {
  readonly name: string;
  readonly times: number;
  /** How many times as much CPU upstream should take. */
  readonly goal?: number;
  readonly floor?: Floor;
  /** Makes the `index`th request over a connection that nobody else uses meanwhile. */
  request(index: number, peer: Peer): Promise<unknown>;
  /** Requests made before, so that programs are measured as they run; as many by default. */
  readonly warm?: number;
  /** How many at a time; 1 by default. */
  readonly parallel?: number;
  /** How many begin in a second; as many as the server answers by default. */
  readonly perSecond?: number;
  /** Units of work of all requests together, where that is not their number. */
  readonly units?: number;
}

const NAMESPACE = "bench";
/** Of the pods that are listed: nothing that the requests before have made is among them. */
const LISTED = "bench-lists";
/** Objects that are changed in turn. */
const HELD = 2000;
const WATCHED_EVENTS = 100;
/** Who creates: fewer share a commit of the store than among all connections. */
const CREATORS = 16;
/** Renewals of a thousand nodes, whose Leases last 40 s and are renewed after 10, with room for five times as many. */
const RENEWALS_PER_SECOND = 500;
const FILLER = "x".repeat(9000);
const JSON_TYPE = "application/json";
const PROTOBUF = "application/vnd.kubernetes.protobuf";
const NEWLINE = 0x0a;
const READ: Floor = { tls: "request" };
const LIST: Floor = { tls: "list" };
const writeOf = (writers: number): Floor => ({ tls: "request", writers });

const core = (resource: string) => ({ group: "", version: "v1", resource });
const DEPLOYMENTS = { group: "apps", version: "v1", resource: "deployments" };
const LEASES = { group: "coordination.k8s.io", version: "v1", resource: "leases" };

type Free = KubeObject & { readonly [member: string]: unknown };

/** A client with a connection of its own. */
export class Peer {
  readonly transport: Transport;
  readonly client: Client;
  readonly pods: ResourceClient<Free>;
  readonly listedPods: ResourceClient<Free>;
  readonly configMaps: ResourceClient<Free>;
  readonly deployments: ResourceClient<Free>;
  readonly leases: ResourceClient<Free>;

  constructor(transport: Transport) {
    this.transport = transport;
    this.client = createClient(transport, { userAgent: "bench" });
    this.pods = this.client.resource(core("pods"), NAMESPACE);
    this.listedPods = this.client.resource(core("pods"), LISTED);
    this.configMaps = this.client.resource(core("configmaps"), NAMESPACE);
    this.deployments = this.client.resource(DEPLOYMENTS, NAMESPACE);
    this.leases = this.client.resource(LEASES, NAMESPACE);
  }

  /** Reads an answer to its end without looking into it. */
  async read(path: string, accept: string, namespace = NAMESPACE): Promise<void> {
    const whole = `/api/v1/namespaces/${namespace}/${path}`;
    const { body } = await this.transport.request({ method: "GET", path: whole, headers: { accept } });
    if (!(body instanceof Uint8Array)) for await (const _piece of body);
  }
}

/** Makes what the operations begin with. */
export async function prepare({ client, pods, configMaps }: Peer): Promise<void> {
  const ignoringConflicts = (made: Promise<unknown>) => made.catch(() => {}); // controllers, where there are some, are as quick
  for (const name of [NAMESPACE, LISTED]) {
    await ignoringConflicts(client.resource(core("namespaces")).create({ metadata: { name } }));
    await ignoringConflicts(client.resource(core("serviceaccounts"), name).create({ metadata: { name: "default" } }));
  }
  await pods.create(pod("read"));
  await configMaps.create(configMap("watched", 0));
}

/** In the order in which they are measured. @param peers As many as there are watchers and clients. */
export function operationsOf(sizes: Sizes, peers: readonly Peer[]): readonly Operation[] {
  return [...requests(sizes), ...applies(), ...collections(sizes, peers)];
}

function requests({ clients }: Sizes): readonly Operation[] {
  const parallel = clients;
  const many = Math.max(2000, 10 * clients);
  const pods = new Held();
  const leases = new Held();
  return [
    {
      ...{ name: "get a pod, JSON", goal: 8, floor: READ, times: 3 * many, parallel },
      request: (_, peer) => peer.read("pods/read", JSON_TYPE),
    },
    {
      ...{ name: "get a pod, protobuf", goal: 8, floor: READ, times: 3 * many, parallel },
      request: (_, peer) => peer.read("pods/read", PROTOBUF),
    },
    {
      ...{ name: "create a ConfigMap", goal: 6, floor: writeOf(CREATORS), times: many, parallel: CREATORS },
      request: (index, { configMaps }) => configMaps.create(configMap(`c-${index}`, 100)),
    },
    {
      ...{ name: "create a Pod", goal: 6, floor: writeOf(CREATORS), times: many, parallel: CREATORS },
      request: async (index, peer) => pods.hold(await peer.pods.create(pod(`p-${index}`))),
    },
    {
      ...{ name: "patch a Pod", goal: 8, floor: writeOf(parallel), times: many, parallel },
      request: (index, peer) => peer.pods.patch(`p-${index % HELD}`, { type: "strategic", body: stepped(index) }),
    },
    {
      ...{ name: "put a Pod", goal: 8, floor: writeOf(parallel), times: many, parallel },
      request: (index, peer) => peer.pods.update(labelled(pods.get(`p-${index % HELD}`)!, index)),
    },
    {
      ...{ name: "renew a Lease", goal: 10, floor: writeOf(1), times: many, parallel, perSecond: RENEWALS_PER_SECOND },
      request: (index, peer) => renew(peer.leases, leases, index),
    },
  ];
}

/** One after the other: who applies waits for the answer. */
function applies(): readonly Operation[] {
  const apply = (replicas: number, { deployments }: Peer) =>
    deployments.patch("d", { type: "apply", body: deployment(replicas), fieldManager: "bench", force: true });
  return [
    {
      ...{ name: "apply a Deployment, a change", goal: 8, floor: writeOf(1), times: 1000 },
      request: (index, peer) => apply(1 + (index % 2), peer),
    },
    {
      name: "apply a Deployment, nothing to change",
      goal: 20,
      floor: READ,
      times: 1000,
      request: (_, peer) => apply(3, peer),
    },
  ];
}

function collections({ pods, clients, watchers }: Sizes, peers: readonly Peer[]): readonly Operation[] {
  return [
    {
      ...{ name: `fill with ${pods} pods of 9 KB`, times: pods, warm: 0, parallel: clients },
      request: (index, peer) =>
        peer.listedPods.create(pod(`l-${index}`, { rare: index % 100 === 0 ? "yes" : "no" }, FILLER)),
    },
    {
      name: "list them, JSON",
      goal: 10,
      floor: LIST,
      times: 8,
      request: (_, peer) => peer.read("pods", JSON_TYPE, LISTED),
    },
    { name: "list them, protobuf", goal: 5, times: 8, request: (_, peer) => peer.read("pods", PROTOBUF, LISTED) },
    {
      ...{ name: "list 1% by a label", goal: 20, times: 400 },
      request: (_, peer) => peer.read("pods?labelSelector=rare%3Dyes", JSON_TYPE, LISTED),
    },
    { name: "begin an informer on them", goal: 5, times: 4, request: (_, peer) => begin(peer.listedPods) },
    {
      ...{
        name: `deliver an event of 10 KB to ${watchers}`,
        goal: 4,
        floor: { tls: "event" } as const,
        times: 3,
        warm: 1,
        units: 3 * WATCHED_EVENTS * watchers,
      },
      request: () => deliver(peers.slice(0, watchers)),
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

/** Each event when all have the one before, so that none is left out or joined with another. */
async function deliver(peers: readonly Peer[]): Promise<void> {
  const end = new AbortController();
  const { configMaps } = peers[0]!;
  const change = (event: number) =>
    configMaps.patch("watched", { type: "merge", body: { data: { filler: FILLER, event: String(event) } } });
  const { metadata } = await change(0); // a recent revision: older ones are not kept for watches
  const watchers = await Promise.all(peers.map((peer) => watch(peer, metadata?.resourceVersion ?? "", end.signal)));
  try {
    for (let event = 1; event <= WATCHED_EVENTS; event += 1) {
      await change(event);
      await Promise.all(watchers.map((next) => next()));
    }
  } finally {
    end.abort();
  }
}

/** @returns what resolves when the next event has come. */
async function watch({ transport }: Peer, resourceVersion: string, signal: AbortSignal): Promise<() => Promise<void>> {
  const query = `watch=true&fieldSelector=metadata.name%3Dwatched&resourceVersion=${resourceVersion}`;
  const path = `/api/v1/namespaces/${NAMESPACE}/configmaps?${query}`;
  const { body } = await transport.request({ method: "GET", path, headers: { accept: JSON_TYPE }, signal });
  const pieces = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  return async () => {
    for (;;) {
      const { value, done } = await pieces.next();
      if (done === true) throw new Error("Cannot measure the delivery of events: a watch has ended");
      if (value.at(-1) === NEWLINE) return;
    }
  };
}

/** Objects as they came in the last answer, by name: who updates does not ask for them first. */
class Held {
  readonly #objects = new Map<string, Free>();
  readonly #turns = new Map<string, Promise<void>>();

  get(name: string): Free | undefined {
    return this.#objects.get(name);
  }

  hold(object: Free): void {
    this.#objects.set(object.metadata?.name ?? "", object);
  }

  /** One write of an object at a time: one may have to wait for the server longer than the next. */
  async inTurn(name: string, write: () => Promise<Free>): Promise<void> {
    const before = this.#turns.get(name) ?? Promise.resolve();
    const turn = before.then(async () => this.hold(await write()));
    this.#turns.set(name, turn);
    await turn;
  }
}

/** As a kubelet does: with what the last answer said. */
function renew(leases: ResourceClient<Free>, held: Held, index: number): Promise<void> {
  const name = `lease-${index % HELD}`;
  const renewTime = `2025-01-01T00:00:00.${String(index).padStart(6, "0")}Z`;
  const spec = { holderIdentity: "bench", leaseDurationSeconds: 40, renewTime };
  return held.inTurn(name, () => {
    const present = held.get(name);
    return present === undefined ? leases.create({ metadata: { name }, spec }) : leases.update({ ...present, spec });
  });
}

/** Whatever version is there. */
function labelled(object: Free, index: number): Free {
  const { resourceVersion: _seen, ...metadata } = object.metadata ?? {};
  return { ...object, metadata: { ...metadata, labels: { app: "bench", step: `${index}` } } };
}

function stepped(index: number): object {
  return { metadata: { labels: { step: `${index}` } } };
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
