import { createServer, type Server } from "node:net";
import { type Logger, silentLogger } from "@tsukube/foundation";
import { systemRandom } from "@tsukube/host";
import { VirtualClock } from "@tsukube/testing";
import { expect, onTestFinished, test } from "vitest";
import type { ContainerRecord, Containers } from "../../containers/containers.ts";
import type { ImageRecord } from "../../images/image-store.ts";
import type { Sandboxes } from "../../sandboxes/sandboxes.ts";
import { NameService } from "./name-service.ts";

/** A service whose starts fail as long as `refusal` says why. */
async function world(refusal: string | undefined) {
  const clock = new VirtualClock();
  const records: Partial<ContainerRecord>[] = [];
  const errors: unknown[] = [];
  const state = { refusal, starts: 0 };
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const containers = {
    all: records,
    create: async () => {},
    start: async () => {
      state.starts++;
      if (state.refusal !== undefined) throw new Error(state.refusal);
      records.push({ id: "a", startedAt: clock.now() });
    },
    remove: async () => void records.splice(0),
  };
  const service = new NameService({
    options: { image: "names", command: [], folders: {}, port: (server.address() as { port: number }).port },
    containers: containers as unknown as Containers,
    sandboxes: { all: [], run: async () => ({}) } as unknown as Sandboxes,
    findImage: async () => ({}) as ImageRecord,
    ...{ clock, random: systemRandom },
    logger: { ...silentLogger, error: (_: string, fields: object) => void errors.push(fields) } as Logger,
  });
  return { service, state, errors, clock, records };
}

test("a service that cannot start is told and tried again, and holds nobody up", async () => {
  const { service, state, errors, clock, records } = await world("no memory");
  await service.adopt(true);
  await service.serve("127.0.0.1");
  expect([state.starts, errors.length, errors[0]]).toEqual([2, 2, { error: "no memory" }]);
  await clock.advance(60_000);
  const tries = state.starts;
  expect(tries).toBeGreaterThan(4);
  expect(tries).toBeLessThan(12);
  state.refusal = undefined;
  await clock.advance(60_000);
  await clock.advance(600_000);
  expect([state.starts, records.length]).toEqual([tries + 1, 1]);
  await service.serve("127.0.0.1");
});

test("one that ended starts again, unless nobody wants it any more", async () => {
  const { service, state, clock, records } = await world(undefined);
  await service.serve("127.0.0.1");
  records.splice(0);
  service.onEnded();
  await clock.advance(1000);
  expect(state.starts).toBe(2);
  records.splice(0);
  service.onEnded();
  service.close();
  await clock.advance(600_000);
  expect(state.starts).toBe(2);
});
