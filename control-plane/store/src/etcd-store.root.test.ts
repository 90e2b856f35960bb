import { realClock } from "@tsukube/host";
import { afterAll, describe } from "vitest";
import { EtcdServer, HAS_ETCD } from "../test/etcd-server.ts";
import { storeConformance } from "./conformance.ts";
import { etcdStore } from "./etcd-store.ts";

const server = HAS_ETCD ? await EtcdServer.start() : undefined;
afterAll(() => server?.remove());
let made = 0;

const suite = (): void =>
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

describe.skipIf(!HAS_ETCD)("with etcd (needs it installed)", suite);
