import { silentLogger } from "@tsukube/foundation";
import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import { GatewayServers } from "./gateway-servers.ts";

/** Gateways, of which those that are there can be listened at. */
function world() {
  const clock = new VirtualClock();
  const present = new Set<string>();
  const happened: string[] = [];
  const servers = new GatewayServers({
    ...{ clock, logger: silentLogger },
    async serve(address) {
      happened.push(`${present.has(address) ? "serves" : "fails"} ${address}`);
      if (!present.has(address)) throw new Error("no such address");
      return { close: () => void happened.push(`closes ${address}`) };
    },
  });
  return { clock, present, happened, servers };
}

test("a gateway whose bridge is on the way is served when it is there, and nothing is looked at afterwards", async () => {
  const { clock, present, happened, servers } = world();
  servers.want(["a", "b"]);
  present.add("a");
  await clock.advance(50);
  present.add("b");
  await clock.advance(60_000);
  expect(happened).toEqual(["fails a", "fails b", "serves a", "fails b", "serves b"]);
  expect(clock.pending).toBe(0);
  servers.want(["b"]);
  await clock.settle();
  expect(happened.at(-1)).toBe("closes a");
});

test("a gateway that is gone again is tried no more", async () => {
  const { clock, happened, servers } = world();
  servers.want(["a"]);
  await clock.settle();
  servers.want([]);
  await clock.advance(60_000);
  expect([happened, clock.pending]).toEqual([["fails a"], 0]);
});

test("a change tries at once again, and a server that is wanted stays", async () => {
  const { clock, present, happened, servers } = world();
  servers.want(["a"]);
  await clock.settle();
  present.add("a");
  servers.want(["a"]);
  servers.want(["a"]);
  await clock.advance(60_000);
  await servers.close();
  await clock.settle();
  expect(happened).toEqual(["fails a", "serves a", "closes a"]);
});
