import type { Service } from "@tsukube/api/types/core-v1";
import type { IPAddress } from "@tsukube/api/types/networking-v1";
import type { Client } from "@tsukube/client";
import { MemoryStore } from "@tsukube/store";
import { afterEach, expect, test } from "vitest";
import { type Cluster, startCluster } from "./cluster.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** Each server closes its store, but it is not its own alone. */
class SharedStore extends MemoryStore {
  override readonly isShared: boolean = true;
  override async close(): Promise<void> {}
}

let servers: readonly Cluster[] = [];
let store: SharedStore;
/** Two API servers on one store. */
async function start(serviceCidr: string): Promise<void> {
  store = new SharedStore({ clock: new VirtualClock() });
  servers = [await startCluster({ store, serviceCidr }), await startCluster({ store, serviceCidr })];
}
afterEach(async () => {
  for (const server of servers) await server.close();
});

const services = (client: Client) =>
  client.resource<Service>({ group: "", version: "v1", resource: "services" }, "default");
const portsOf = ({ spec }: Service): readonly number[] => (spec?.ports ?? []).map(({ nodePort = 0 }) => nodePort);

function service(name: string, spec: Service["spec"] = {}): Service {
  const ports = [
    { name: "a", port: 80 },
    { name: "b", port: 81 },
  ];
  return { metadata: { name }, spec: { type: "NodePort", ports, ...spec } };
}

async function everywhere(make: (server: number) => Service): Promise<readonly PromiseSettledResult<Service>[]> {
  return Promise.allSettled(servers.map(({ client }, index) => services(client).create(make(index))));
}

/** What was given to those that got something, and what the others were told. */
function outcomes(results: readonly PromiseSettledResult<Service>[]) {
  const made = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const refused = results.flatMap((result) => (result.status === "rejected" ? [String(result.reason)] : []));
  return { made, refused };
}

test("two servers on one store never give the same address or node port", async () => {
  await start("10.160.0.0/28");
  // 13 are free: both choose some that the other has chosen too
  const all = await Promise.all(Array.from({ length: 6 }, (_, turn) => everywhere((on) => service(`s-${turn}-${on}`))));
  const { made, refused } = outcomes(all.flat());
  expect(refused).toEqual([]);
  const addresses = made.map(({ spec }) => spec?.clusterIP);
  expect([new Set(addresses).size, new Set(made.flatMap(portsOf)).size]).toEqual([12, 24]);
  const resource = { group: "networking.k8s.io", version: "v1", resource: "ipaddresses" };
  const objects = await servers[0]!.client.resource<IPAddress>(resource).list();
  const owners = new Map(objects.items.map(({ metadata, spec }) => [metadata?.name, spec?.parentRef?.name]));
  for (const { metadata, spec } of made) expect(owners.get(spec?.clusterIP)).toBe(metadata?.name);
});

test.each([
  ["address", { clusterIP: "10.160.0.77" }, "provided IP is already allocated"],
  ["node port", { ports: [{ port: 80, nodePort: 30123 }] }, "provided port is already allocated"],
])("of two who ask two servers for one %s one gets it, the other is told so", async (_what, spec, why) => {
  await start("10.160.0.0/16");
  const { made, refused } = outcomes(await everywhere((server) => service(`s-${server}`, spec)));
  expect([made.length, refused.length]).toEqual([1, 1]);
  expect(refused[0]).toContain(why);
  const [name] = made.map(({ metadata }) => metadata?.name ?? "");
  await services(servers[0]!.client).delete(name!);
  await services(servers[1]!.client).create(service("after", spec));
});

test("a Service that is made again is told that what it asks for is given, and then that it is there", async () => {
  await start("10.160.0.0/16");
  const client = services(servers[0]!.client);
  const { spec } = await client.create(service("a"));
  const { clusterIP = "", ports = [] } = spec ?? {};
  await expect(client.create(service("a", { clusterIP }))).rejects.toThrow("provided IP is already allocated");
  await expect(client.create(service("a", { ports }))).rejects.toThrow("provided port is already allocated");
  const free = { clusterIP: "10.160.0.77" };
  await expect(client.create(service("a", free))).rejects.toMatchObject({ reason: "AlreadyExists" });
  expect((await client.create(service("b", free))).spec).toMatchObject(free);
});

test("many requests at once to one server get what is free, and give back what they no longer want", async () => {
  await start("10.160.0.0/16");
  const [first, second] = servers.map(({ client }) => services(client));
  const all = await Promise.all(Array.from({ length: 150 }, (_, index) => first!.create(service(`s-${index}`))));
  expect(new Set(all.flatMap(portsOf)).size).toBe(300);
  const [port, other] = portsOf(all[7]!);
  const one = { ...service("again"), spec: { type: "NodePort", ports: [{ port: 80, nodePort: port! }] } };
  await expect(second!.create(one)).rejects.toThrow(/already allocated/);
  await first!.patch("s-7", { type: "merge", body: { spec: { type: "ClusterIP", ports: [{ port: 80 }] } } });
  await second!.create(one);
  await expect(first!.create({ ...one, metadata: { name: "more" } })).rejects.toThrow(/already allocated/);
  expect(other).not.toBe(port);
});

test("what a dry run was given is free", async () => {
  await start("10.160.0.0/16");
  const [first, second] = servers;
  const query = "dryRun=All";
  const spec = { clusterIP: "10.160.0.78", ports: [{ port: 80, nodePort: 30124 }] };
  const { status } = await first!.transport.request({
    method: "POST",
    path: `/api/v1/namespaces/default/services?${query}`,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify(service("dry", spec))),
  });
  expect(status).toBe(201);
  await services(second!.client).create(service("wet", spec));
});

test("two servers never give the same address of either family", async () => {
  await start("10.160.0.0/28,fd00:160::/124");
  const both = (turn: number, on: number) =>
    service(`s-${turn}-${on}`, { type: "ClusterIP", ipFamilyPolicy: "RequireDualStack" });
  const all = await Promise.all(Array.from({ length: 6 }, (_, turn) => everywhere((on) => both(turn, on))));
  const { made, refused } = outcomes(all.flat());
  expect(refused).toEqual([]);
  expect(new Set(made.flatMap(({ spec }) => spec?.clusterIPs ?? [])).size).toBe(24);
});

test("a server that starts mends what was lost of the addresses of both families", async () => {
  await start("10.160.0.0/24,fd00:160::/112");
  const spec = {
    clusterIP: "fd00:160::7",
    clusterIPs: ["fd00:160::7", "10.160.0.7"],
    ipFamilyPolicy: "RequireDualStack",
  };
  await services(servers[0]!.client).create(service("s", { type: "ClusterIP", ...spec }));
  const addresses = ({ client }: Cluster) =>
    client.resource<IPAddress>({ group: "networking.k8s.io", version: "v1", resource: "ipaddresses" });
  const [first, second] = servers;
  for (const address of spec.clusterIPs) await addresses(first!).delete(address);
  const own = (await addresses(first!).get("10.160.0.1")).metadata?.labels;
  const parentRef = { resource: "services", namespace: "default", name: "gone" };
  const labels = { ...own, "ipaddress.kubernetes.io/ip-family": "IPv6" };
  await addresses(first!).create({ metadata: { name: "fd00:160::8", labels }, spec: { parentRef } });
  await second!.close();
  servers = [first!, await startCluster({ store, serviceCidr: "10.160.0.0/24,fd00:160::/112" })];
  await servers[1]!.clock.advance(120_000);
  const left = (await addresses(servers[1]!).list()).items.map(({ metadata }) => metadata?.name);
  expect(left.toSorted()).toEqual(["10.160.0.1", "10.160.0.7", "fd00:160::7"]);
});

test("a store of one network is widened by a server of two, and stays so for others", async () => {
  await start("10.160.0.0/24");
  const preferred = await services(servers[0]!.client).create(service("s", { ipFamilyPolicy: "PreferDualStack" }));
  servers = [...servers, await startCluster({ store, serviceCidr: "10.160.0.0/24,fd00:160::/112" })];
  servers = [...servers, await startCluster({ store, serviceCidr: "10.9.0.0/24" })];
  const [, , wide, other] = servers;
  const kept = await services(wide!.client).patch("s", { type: "merge", body: { metadata: { labels: { a: "b" } } } });
  expect(kept.spec?.clusterIPs).toEqual(preferred.spec?.clusterIPs);
  const made = await services(other!.client).create(service("both", { ipFamilyPolicy: "RequireDualStack" }));
  expect(made.spec?.clusterIPs).toEqual([expect.stringMatching(/^10\.160\.0\./), expect.stringMatching(/^fd00:160::/)]);
});

test("ports of the lower part are given to those alone who ask for them", async () => {
  await start("10.160.0.0/24");
  const { client } = servers[0]!;
  const made = await Promise.all(
    Array.from({ length: 60 }, (_, index) => services(client).create(service(`s${index}`))),
  );
  expect(Math.min(...made.flatMap(portsOf))).toBeGreaterThanOrEqual(30086);
  const ports = [{ port: 80, nodePort: 30080 }];
  expect(portsOf(await services(client).create(service("chosen", { ports })))).toEqual([30080]);
});
