import { setImmediate } from "node:timers/promises";
import type { Lease } from "@tsukube/api/types/coordination-v1";
import { silentLogger } from "@tsukube/foundation";
import { createMetrics } from "@tsukube/host";
import { createSigningKey } from "@tsukube/host/certificates";
import { MemoryStore, type OpenStore } from "@tsukube/store";
import { seededRandom, VirtualClock } from "@tsukube/testing";
import { expect, test, vi } from "vitest";
import { startApiServer } from "../server.ts";

const ADMIN = { name: "admin", groups: ["system:masters", "system:authenticated"], extra: {} };
const LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
/** As upstream derives it. */
const NAME = "apiserver-ltcuk35fhazs43qr7jpumcakk4";

test("a server tells by a Lease that it is there: made anew at each start, renewed, gone with it, even amid a renewal; those of dead ones are collected", async () => {
  const [clock, random] = [new VirtualClock(), seededRandom(1)];
  const store = new MemoryStore({ clock });
  const close = store.close.bind(store);
  store.close = async () => {}; // it outlives the servers
  const openStore: OpenStore = async (visit) => {
    for (const record of (await store.range("/")).records) visit(record);
    return store;
  };
  const start = async () => {
    const server = await startApiServer({
      ...{ openStore, clock, random, logger: silentLogger, metrics: createMetrics() },
      serviceAccountKey: await createSigningKey(),
      serviceCidr: "10.160.0.0/16",
      nodePorts: { first: 30000, last: 32767 },
      advertise: { address: "10.64.0.1", port: 6443 },
      hostname: "box-1",
    });
    const ask = async (method: string, path: string, body?: object) => {
      const sent = body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) };
      const headers = { "content-type": "application/json" };
      const response = await server.transport(ADMIN).request({ method, path, headers, ...sent });
      return JSON.parse(Buffer.from(response.body as Uint8Array).toString());
    };
    const names = async () => (await ask("GET", LEASES)).items.map(({ metadata }: Lease) => metadata?.name);
    const own = async (): Promise<Lease> => ask("GET", `${LEASES}/${NAME}`);
    return { server, ask, names, own };
  };
  const first = await start();
  const made = await first.own();
  const renewTime = new Date(clock.now()).toISOString().replace("Z", "000Z");
  expect(made).toMatchObject({
    metadata: { labels: { "apiserver.kubernetes.io/identity": "kube-apiserver", "kubernetes.io/hostname": "box-1" } },
    spec: { holderIdentity: expect.stringMatching(`^${NAME}_[-0-9a-f]{36}$`), leaseDurationSeconds: 3600, renewTime },
  });
  const labels = { "apiserver.kubernetes.io/identity": "kube-apiserver" };
  const spec = { holderIdentity: "a", leaseDurationSeconds: 9, renewTime };
  await first.ask("POST", LEASES, { metadata: { name: "dead", labels }, spec });
  await first.ask("POST", LEASES, { metadata: { name: "broken", labels } });
  await first.ask("POST", LEASES, { metadata: { name: "other" }, spec });
  await clock.advance(10_000);
  expect(Date.parse((await first.own()).spec!.renewTime!)).toBe(clock.now());
  expect(await first.names()).toEqual([NAME, "other"]);

  await first.server.close();
  expect(await store.get(`/registry/leases/kube-system/${NAME}`)).toBeUndefined();
  const second = await start();
  const again = await second.own();
  expect(again.metadata!.uid).not.toBe(made.metadata!.uid);
  expect(again.spec!.holderIdentity).not.toBe(made.spec!.holderIdentity);

  const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const commit = store.commit.bind(store);
  vi.spyOn(store, "commit").mockImplementationOnce(async (mutations) => {
    reached.resolve();
    await released.promise;
    return commit(mutations);
  });
  const advanced = clock.advance(10_000);
  await reached.promise;
  const closed = second.server.close();
  const turns = async () => {
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
  };
  await turns();
  released.resolve();
  await Promise.all([closed, turns()]);
  expect(await store.get(`/registry/leases/kube-system/${NAME}`)).toBeUndefined();
  await advanced;
  await close();
});
