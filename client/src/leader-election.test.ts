import { silentLogger } from "@tsukube/foundation";
import { type Cluster, startCluster } from "@tsukube/testing";
import { expect, test } from "vitest";
import { LeaderElection } from "./leader-election.ts";

interface Candidate {
  readonly name: string;
  leads: boolean;
  readonly stop: () => Promise<void>;
}

function candidate(cluster: Cluster, name: string): Candidate {
  const { clock } = cluster;
  const client = cluster.clientAs({ name: "system:kube-scheduler" });
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
    self.leads = true;
    return async () => {
      self.leads = false;
    };
  });
  return self;
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
