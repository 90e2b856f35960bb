import type { Unstructured } from "@tsukube/api";
import { silentLogger } from "@tsukube/foundation";
import { type IpNetwork, parseIpNetwork } from "@tsukube/foundation/ip-network";
import { realClock } from "@tsukube/host";
import { MemoryStore, type Mutation } from "@tsukube/store";
import { afterEach, expect, test } from "vitest";
import { indexOf } from "../storage/cached-object.ts";
import { WatchCache } from "../storage/watch-cache.ts";
import { ServiceHoldings } from "./service-holdings.ts";
import { SERVICES } from "./service-values.ts";

const networks = (...cidrs: string[]): readonly IpNetwork[] => cidrs.map((cidr) => parseIpNetwork(cidr)!);
const open: WatchCache[] = [];
afterEach(async () => {
  for (const cache of open.splice(0)) await cache.close();
});

async function emptyCache(): Promise<WatchCache> {
  const memory = new MemoryStore({ clock: realClock });
  const decode = (_key: string, bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Unstructured;
  const cache = await WatchCache.open(async () => memory, { decode, clock: realClock, logger: silentLogger });
  open.push(cache);
  return cache;
}

function put(name: string, clusterIPs: readonly string[], nodePort = 0): Mutation {
  const metadata = { name, namespace: "n", uid: name };
  const service = {
    kind: "Service",
    apiVersion: "v1",
    metadata,
    spec: { clusterIPs, ports: [{ port: 80, nodePort }] },
  };
  const value = Buffer.from(JSON.stringify(service));
  return { type: "put", key: `${SERVICES}n/${name}`, value, index: indexOf(value, name), expected: "any" };
}
const remove = (name: string): Mutation => ({ type: "delete", key: `${SERVICES}n/${name}`, expected: "any" });

test("held addresses are counted by network, whoever holds them, as they come and go", async () => {
  const cache = await emptyCache();
  const commit = async (...mutations: Mutation[]): Promise<void> => cache.reached(await cache.store.commit(mutations));
  await commit(put("a", ["10.0.0.5", "fd00::5"], 30000));
  const holdings = new ServiceHoldings(cache);
  const both = networks("10.0.0.0/24", "fd00::/112", "10.0.0.0/29");
  expect([holdings.addressesIn(both), holdings.portCount]).toEqual([[1, 1, 1], 1]);
  await commit(put("b", ["10.0.0.9"], 30001), put("c", ["10.0.0.5"], 30001), put("d", ["None"]));
  expect([holdings.addressesIn(both), holdings.portCount]).toEqual([[2, 1, 1], 2]);
  await commit(put("a", ["10.0.0.6", "fd00::5"]));
  expect([holdings.addressesIn(both), holdings.portCount]).toEqual([[3, 1, 2], 1]);
  await commit(remove("b"), remove("c"));
  expect([holdings.addressesIn(both), holdings.portCount]).toEqual([[1, 1, 1], 0]);
  expect(holdings.addressesIn(networks("10.0.0.0/24", "10.1.0.0/24"))).toEqual([1, 0]);
  await commit(put("e", ["10.1.0.1"]));
  expect(holdings.addressesIn(networks("10.1.0.0/24"))).toEqual([1]);
});
