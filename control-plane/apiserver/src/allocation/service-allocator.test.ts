import type { Unstructured } from "@tsukube/api";
import type { Service, ServicePort } from "@tsukube/api/types/core-v1";
import { silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock, systemRandom } from "@tsukube/host";
import { MemoryStore } from "@tsukube/store";
import { expect, test } from "vitest";
import { WatchCache } from "../storage/watch-cache.ts";
import { ServiceAllocator } from "./service-allocator.ts";
import { ServiceHoldings } from "./service-holdings.ts";

test("the ports of a Service are looked at a fixed number of times, however many there are", async () => {
  const decode = (_key: string, bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Unstructured;
  const store = new MemoryStore({ clock: realClock });
  const cache = await WatchCache.open(async () => store, { decode, clock: realClock, logger: silentLogger });
  const allocator = new ServiceAllocator({
    ...{ cache, clock: realClock, random: systemRandom, metrics: createMetrics() },
    holdings: new ServiceHoldings(cache),
    ...{ cidr: "10.0.0.0/24", nodePorts: { first: 30000, last: 32767 } },
  });
  let looks = 0;
  const count = 1000;
  const ports = Array.from(
    { length: count },
    (_, index): ServicePort => ({
      get port() {
        looks += 1;
        return index + 1;
      },
      protocol: "TCP",
      nodePort: index + 1,
    }),
  );
  const asked = { metadata: { name: "s", namespace: "n" }, spec: { type: "NodePort", ports } } as Unstructured;
  const { spec } = allocator.allocate(asked, undefined, { dryRun: true }) as Service;
  expect(spec?.ports?.map(({ nodePort }) => nodePort)).toEqual(ports.map(({ nodePort }) => nodePort));
  expect(looks).toBeLessThan(20 * count);
  await cache.close();
});
