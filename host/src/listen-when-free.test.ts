import { once } from "node:events";
import { createServer } from "node:net";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { VirtualClock } from "@tsukube/testing";
import { afterEach, expect, test } from "vitest";
import { createHttpServer } from "./http-server.ts";
import { listenWhenFree } from "./listen-when-free.ts";

let lifetime = new Lifetime();
afterEach(async () => {
  await lifetime.close();
  lifetime = new Lifetime();
});

/** Of the loopback network, where nobody else looks for free ports. */
const ADDRESS = "127.83.115.117";

test("a port that is taken is taken over when it is free", async () => {
  const other = createServer();
  await once(other.listen(0, ADDRESS), "listening");
  const { port } = other.address() as { port: number };
  const server = createHttpServer((exchange) => exchange.send(200, {}, Buffer.from("ours")));
  lifetime.own("server", server);
  const clock = new VirtualClock();
  const got = Promise.withResolvers<number>();
  let attempts = 0;
  const listen = (address: string, at: number): Promise<number> => {
    attempts += 1;
    return server.listen(address, at);
  };
  const options = { address: ADDRESS, port, clock, logger: silentLogger, listening: got.resolve };
  lifetime.add("port", await listenWhenFree({ listen }, options));
  expect([attempts, clock.pending]).toEqual([1, 1]);
  await new Promise((resolve) => other.close(resolve));
  await clock.advance(5000);
  expect(await got.promise).toBe(port);
  expect(attempts).toBe(2);
  expect(await (await fetch(`http://${ADDRESS}:${port}/`)).text()).toBe("ours");
});

test("an attempt that is under way when the attempts are ended leaves nothing behind", async () => {
  const clock = new VirtualClock();
  for (const isFree of [true, false]) {
    const later = Promise.withResolvers<number>();
    const answers = [Promise.reject(new Error("taken")), later.promise];
    const told: number[] = [];
    const options = {
      address: ADDRESS,
      port: 1,
      clock,
      logger: silentLogger,
      listening: (at: number) => told.push(at),
    };
    const stop = await listenWhenFree({ listen: () => answers.shift()! }, options);
    await clock.advance(5000);
    expect(answers).toEqual([]);
    let isStopped = false;
    const stopped = Promise.resolve(stop()).then(() => (isStopped = true));
    await clock.settle();
    expect(isStopped).toBe(false);
    if (isFree) later.resolve(1);
    else later.reject(new Error("taken"));
    await stopped;
    await clock.settle();
    expect([told, clock.pending]).toEqual([[], 0]);
  }
});
