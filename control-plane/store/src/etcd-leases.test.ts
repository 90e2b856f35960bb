import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import type { EtcdConnection } from "./etcd-connection.ts";
import { EtcdLeases } from "./etcd-leases.ts";

test("keys share a lease that lasts at least as long as each of them, and none that has ended", async () => {
  const clock = new VirtualClock();
  const granted: { readonly seconds: number; readonly endsAt: number }[] = [];
  const LeaseGrant = async ({ TTL }: { readonly TTL: number }) => ({
    ID: granted.push({ seconds: TTL, endsAt: clock.now() + TTL * 1000 }) - 1,
  });
  const connection = { read: (work: (member: unknown) => unknown) => work({ lease: { LeaseGrant } }) };
  const leases = new EtcdLeases(connection as unknown as EtcdConnection, clock);
  const began = clock.now();
  const until = async (ms: number) => {
    const id = Number(await leases.until(began + ms));
    expect(granted[id]!.endsAt).toBeGreaterThanOrEqual(Math.max(began + ms, clock.now() + 1000));
    return id;
  };
  expect([await until(3_600_000), await until(3_610_000), await until(3_600_000)]).toEqual([0, 0, 0]);
  await clock.advance(10_000);
  // what should have ended already: as when an old snapshot is restored
  expect(await until(0)).toBe(1);
  expect(await until(0)).toBe(1);
  await clock.advance(3000);
  expect(await until(0)).toBe(2);
});
