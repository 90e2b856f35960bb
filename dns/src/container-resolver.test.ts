import { silentLogger } from "@tsukube/foundation";
import type { DecodedPacket } from "dns-packet";
import { expect, test } from "vitest";
import { ContainerResolver, type ContainerView, localAnswer } from "./container-resolver.ts";

const view: ContainerView = {
  networks: [
    { id: "n1", name: "shop", internal: false },
    { id: "n2", name: "vault", internal: true },
  ],
  attachments: [
    { containerId: "a", networkId: "n1", address: "172.18.0.2", names: ["web", "www"], resolvers: ["9.9.9.9"] },
    { containerId: "b", networkId: "n1", address: "172.18.0.3", ipv6: { address: "fd00::3" }, names: ["db", "store"] },
    { containerId: "b", networkId: "n2", address: "172.19.0.3", names: ["db"] },
    { containerId: "c", networkId: "n2", address: "172.19.0.4", names: ["safe"] },
    { containerId: "d", networkId: "n1", address: "172.18.0.4", names: ["db2", "store"] },
  ],
};

const asked: string[] = [];
const resolver = new ContainerResolver({
  view: () => view,
  upstream: (servers) => ({
    query: async ({ name }) => {
      asked.push(`${name} of ${servers.join(",")}`);
      return { answers: [{ type: "A", name, ttl: 60, data: "192.0.2.1" }], flags: 0 } as unknown as DecodedPacket;
    },
  }),
  logger: silentLogger,
});

async function ask(client: string, name: string, type: "A" | "AAAA" | "PTR" = "A"): Promise<unknown> {
  const query = { type: "query", id: 1, flags: 0, questions: [{ name, type }] } as unknown as DecodedPacket;
  const { answers = [], flags = 0 } = await resolver.answer(query, client);
  return flags & 0xf ? `rcode ${flags & 0xf}` : answers.map((answer) => ("data" in answer ? answer.data : undefined));
}

test("those that have IPv6 are found by it", async () => {
  expect(await ask("172.18.0.2", "db", "AAAA")).toEqual(["fd00::3"]);
  expect(await ask("172.18.0.2", "store", "AAAA")).toEqual(["fd00::3"]);
  expect(await ask("172.18.0.2", "www", "AAAA")).toEqual([]);
  expect(await ask("172.18.0.2", `3.${"0.".repeat(27)}0.0.d.f.ip6.arpa`, "PTR")).toEqual(["db.shop"]);
});

test("containers of one network find each other by name, alias and name with the network's", async () => {
  expect(await ask("172.18.0.2", "db")).toEqual(["172.18.0.3"]);
  expect(await ask("172.18.0.3", "WWW.")).toEqual(["172.18.0.2"]);
  expect(await ask("172.18.0.2", "db.shop")).toEqual(["172.18.0.3"]);
  expect(await ask("172.18.0.2", "3.0.18.172.in-addr.arpa", "PTR")).toEqual(["db.shop"]);
});

test("an alias of several containers has all their addresses", async () => {
  expect(await ask("172.18.0.2", "store")).toEqual(["172.18.0.3", "172.18.0.4"]);
});

test("a container of another network is no name; it is asked for outside, of the container's own resolvers", async () => {
  expect(await ask("172.18.0.2", "safe")).toEqual(["192.0.2.1"]);
  expect(asked).toEqual(["safe of 9.9.9.9"]);
  expect(await ask("172.18.0.3", "safe")).toEqual(["172.19.0.4"]); // it is on both
});

test("who is only on an internal network asks nobody outside, and strangers get no answer", async () => {
  expect(await ask("172.19.0.4", "example.com")).toBe("rcode 2");
  expect(await ask("10.9.9.9", "db")).toBe("rcode 2");
});

test("what is no name of a container is left to others", () => {
  expect(localAnswer({ name: "example.com", type: "A" }, view.attachments, view.networks)).toBeUndefined();
});
