import { createSocket } from "node:dgram";
import { Resolver as NodeResolver } from "node:dns/promises";
import { once } from "node:events";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { realClock, systemRandom } from "@tsukube/host";
import dnsPacket from "dns-packet";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Resolver } from "./resolver.ts";
import { serveDns } from "./server.ts";
import { createUpstream, decode, nameserversOf } from "./upstream.ts";
import type { ClusterView } from "./zone.ts";

const many = Array.from({ length: 60 }, (_, i) => `10.64.1.${i + 1}`);
const view: ClusterView = {
  service: (_namespace, name) =>
    name === "web"
      ? { spec: { clusterIPs: ["10.160.0.9"] } }
      : name === "big"
        ? { spec: { clusterIP: "None" } }
        : name === "both"
          ? { metadata: { namespace: "default", name }, spec: { clusterIPs: ["10.160.0.8", "fd00:160::8"] } }
          : undefined,
  slices: () => [{ addressType: "IPv4", endpoints: many.map((address) => ({ addresses: [address] })) }],
  hasNamespace: () => true,
  serviceByAddress: (address) => (address === "fd00:160::8" ? view.service("default", "both") : undefined),
  slicesByAddress: () => [],
};

let lifetime: Lifetime;
beforeEach(() => {
  lifetime = new Lifetime();
});
afterEach(() => lifetime.close());

async function start(servers: readonly string[]) {
  const upstream = createUpstream({ servers, clock: realClock, random: systemRandom });
  const resolver = new Resolver({ zone: "cluster.local", view, upstream, logger: silentLogger });
  const server = lifetime.own("dns", await serveDns(resolver, "127.0.0.1", 0));
  const client = new NodeResolver({ timeout: 10_000, tries: 1 });
  client.setServers([`127.0.0.1:${server.port}`]);
  return { client, port: server.port };
}

test("a real resolver gets a Service's address, whatever the case of the name", async () => {
  const { client } = await start([]);
  expect(await client.resolve4("WEB.default.svc.cluster.local")).toEqual(["10.160.0.9"]);
  await expect(client.resolve4("none.default.svc.cluster.local")).rejects.toMatchObject({ code: "ENOTFOUND" });
  await expect(client.resolve6("web.default.svc.cluster.local")).rejects.toMatchObject({ code: "ENODATA" });
});

test("a real resolver gets both addresses of a Service of two families, and its name by either", async () => {
  const { client } = await start([]);
  expect(await client.resolve4("both.default.svc.cluster.local")).toEqual(["10.160.0.8"]);
  expect(await client.resolve6("both.default.svc.cluster.local")).toEqual(["fd00:160::8"]);
  expect(await client.reverse("fd00:160::8")).toEqual(["both.default.svc.cluster.local"]);
});

test("an answer too large for UDP arrives whole by TCP", async () => {
  const { client } = await start([]);
  expect((await client.resolve4("big.default.svc.cluster.local")).sort()).toEqual([...many].sort());
});

test("other names are forwarded, and asked upstream once within their time to live", async () => {
  let asked = 0;
  const other = createSocket("udp4");
  other.on("message", (message, { port, address }) => {
    asked += 1;
    const { id, questions } = dnsPacket.decode(message);
    const answers = [{ type: "A" as const, name: "example.org", ttl: 60, data: "192.0.2.5" }];
    other.send(dnsPacket.encode({ type: "response", id: id ?? 0, questions: questions ?? [], answers }), port, address);
  });
  other.bind(0, "127.0.0.1");
  await once(other, "listening");
  lifetime.add("other resolver", () => void other.close());
  const { client } = await start([`127.0.0.1#${other.address().port}`]);
  expect(await client.resolve4("example.org")).toEqual(["192.0.2.5"]);
  expect(await client.resolve4("example.org")).toEqual(["192.0.2.5"]);
  expect(asked).toBe(1);
});

test("without a resolver that answers, other names fail and cluster names go on", async () => {
  const { client } = await start([]);
  await expect(client.resolve4("example.org")).rejects.toMatchObject({ code: "ESERVFAIL" });
  expect(await client.resolve4("web.default.svc.cluster.local")).toEqual(["10.160.0.9"]);
});

test("no bytes make the decoder throw", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void decode(Buffer.from(bytes))));
});

test("nameservers come from resolv.conf", () => {
  expect(nameserversOf("# nameserver 1.1.1.1\nsearch x\nnameserver 192.0.2.1\nnameserver\t192.0.2.2\n")).toEqual([
    "192.0.2.1",
    "192.0.2.2",
  ]);
});
