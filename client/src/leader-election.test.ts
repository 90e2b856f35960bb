import { silentLogger } from "@tsukube/foundation";
import { type Cluster, startCluster } from "@tsukube/testing";
import { expect, test } from "vitest";
import { LeaderElection } from "./leader-election.ts";
import type { Client } from "./types.ts";

interface Candidate {
  readonly name: string;
  leads: boolean;
  readonly stop: () => Promise<void>;
}

/** A connection that can be cut: what is asked then is never answered. */
interface Wire {
  isCut: boolean;
}

function candidate(
  cluster: Cluster,
  name: string,
  wire: Wire = { isCut: false },
  lead?: () => Promise<() => Promise<void>>,
): Candidate {
  const { clock } = cluster;
  const client = cuttable(cluster.clientAs({ name: "system:kube-scheduler" }), wire);
  const election = new LeaderElection({ client, name: "kube-scheduler", identity: name, clock, logger: silentLogger });
  const stop = new AbortController();
  const self: Candidate = {
    name,
    leads: false,
    stop: async () => {
      stop.abort();
      await running;
    },
  };
  const running = election.run(stop.signal, async () => {
    const end = await lead?.();
    self.leads = true;
    return async () => {
      self.leads = false;
      await end?.();
    };
  });
  return self;
}

function cuttable(client: Client, wire: Wire): Client {
  const over = <T>(request: () => Promise<T>): Promise<T> => (wire.isCut ? new Promise<T>(() => {}) : request());
  return {
    ...client,
    resource: (resource, namespace) => {
      const real = client.resource<never>(resource, namespace);
      return Object.assign(Object.create(real), {
        get: (...call: Parameters<typeof real.get>) => over(() => real.get(...call)),
        create: (...call: Parameters<typeof real.create>) => over(() => real.create(...call)),
        update: (...call: Parameters<typeof real.update>) => over(() => real.update(...call)),
      });
    },
  };
}

const leases = { group: "coordination.k8s.io", version: "v1", resource: "leases" };

test("one of many leads; when it gives the lease back, another does at once", async () => {
  const cluster = await startCluster();
  const all = ["a", "b", "c"].map((name) => candidate(cluster, name));
  const leaders = (): string[] => all.filter(({ leads }) => leads).map(({ name }) => name);
  for (let second = 0; second < 60; second += 1) {
    await cluster.clock.advance(1000);
    expect(leaders()).toHaveLength(1);
  }
  const first = all.find(({ leads }) => leads)!;
  await first.stop();
  await cluster.clock.advance(5000);
  expect(leaders()).toHaveLength(1);
  expect(leaders()).not.toEqual([first.name]);
  for (const each of all) await each.stop();
  await cluster.close();
});

test("the lease of a holder that is gone is taken when it has not changed for its duration, and counts the change", async () => {
  const cluster = await startCluster();
  const spec = { holderIdentity: "gone", leaseDurationSeconds: 15, leaseTransitions: 4 };
  const object = { metadata: { name: "kube-scheduler" }, spec: { ...spec, renewTime: "2035-01-01T00:00:00.000000Z" } };
  await cluster.client.resource(leases, "kube-system").create(object);
  const self = candidate(cluster, "b");
  await cluster.clock.advance(14_000);
  expect(self.leads).toBe(false);
  await cluster.clock.advance(5000);
  expect(self.leads).toBe(true);
  const lease = await cluster.client.resource(leases, "kube-system").get("kube-scheduler");
  expect((lease as { spec?: object }).spec).toMatchObject({ holderIdentity: "b", leaseTransitions: 5 });
  await self.stop();
  await cluster.close();
});

test("who cannot renew stops before others may begin", async () => {
  const cluster = await startCluster();
  const self = candidate(cluster, "a");
  await cluster.clock.advance(3000);
  expect(self.leads).toBe(true);
  const mine = cluster.client.resource<{ metadata: object; spec: object }>(leases as never, "kube-system");
  const lease = await mine.get("kube-scheduler");
  await mine.update({ ...lease, spec: { ...lease.spec, holderIdentity: "thief", leaseDurationSeconds: 3600 } });
  await cluster.clock.advance(13_000);
  expect(self.leads).toBe(false);
  await self.stop();
  await cluster.close();
});

test("a leader whose requests hang stops before its lease has run out and another begins", async () => {
  const cluster = await startCluster();
  const wire = { isCut: false };
  const first = candidate(cluster, "a", wire);
  await cluster.clock.advance(3000);
  expect(first.leads).toBe(true);
  const second = candidate(cluster, "b");
  wire.isCut = true;
  const both: number[] = [];
  for (let at = 0; at < 20; at += 1) {
    await cluster.clock.advance(1000);
    if (first.leads && second.leads) both.push(at);
  }
  expect(both).toEqual([]);
  expect([first.leads, second.leads]).toEqual([false, true]);
  await Promise.all([first.stop(), second.stop(), cluster.clock.advance(20_000)]);
  await cluster.close();
});

test("one request that hangs costs no leadership: it is given up in time for another", async () => {
  const cluster = await startCluster();
  const wire = { isCut: false };
  const self = candidate(cluster, "a", wire);
  const other = candidate(cluster, "b");
  await cluster.clock.advance(3000);
  wire.isCut = true;
  await cluster.clock.advance(3000);
  wire.isCut = false;
  await cluster.clock.advance(30_000);
  expect([self.leads, other.leads]).toEqual([true, false]);
  await self.stop();
  await other.stop();
  await cluster.close();
});

test("who is elected and cannot begin gives the lease back, and tries again", async () => {
  const cluster = await startCluster();
  let failures = 0;
  const unable = candidate(cluster, "a", undefined, async () => {
    if (failures === 3) return async () => {};
    failures += 1;
    throw new Error("no port is free");
  });
  await cluster.clock.advance(1000);
  const lease = await cluster.client.resource(leases, "kube-system").get("kube-scheduler");
  expect((lease as { spec?: object }).spec).toMatchObject({ holderIdentity: "" });
  await cluster.clock.advance(20_000);
  expect([failures, unable.leads]).toEqual([3, true]);
  await unable.stop();
  await cluster.close();
});

test("an end that fails is no reason to lead for ever", async () => {
  const cluster = await startCluster();
  const stubborn = candidate(cluster, "a", undefined, async () => async () => {
    throw new Error("stuck");
  });
  await cluster.clock.advance(1000);
  await stubborn.stop();
  const other = candidate(cluster, "b");
  await cluster.clock.advance(3000);
  expect(other.leads).toBe(true);
  await other.stop();
  await cluster.close();
});
