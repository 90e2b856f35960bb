import { realClock } from "@tsukube/host";
import { afterAll, beforeAll } from "vitest";
import { withEachEtcd } from "../test/each-etcd.ts";
import { EtcdServer } from "../test/etcd-server.ts";
import { storeConformance } from "./conformance.ts";
import { etcdStore } from "./etcd-store.ts";

withEachEtcd(({ program }) => {
  let server: EtcdServer | undefined;
  beforeAll(async () => {
    server = await EtcdServer.start({ program });
  });
  afterAll(() => server?.remove());
  let made = 0;

  storeConformance(
    "etcd",
    async () => {
      made += 1;
      const store = await etcdStore({
        endpoints: [server!.clientUrl],
        clock: realClock,
        root: "/",
        namespace: `/test-${made}`,
        historyMs: 0,
      })(() => {});
      // leases end late: etcd looks for them now and then
      return { store, now: realClock.now, advance: () => realClock.sleep(4500) };
    },
    { expiryMs: 2000, ordersAcknowledgements: false },
  );
});
