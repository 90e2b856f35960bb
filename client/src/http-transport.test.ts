import { once } from "node:events";
import { createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { type Clock, Lifetime } from "@tsukube/foundation";
import { createHttpsServer, type Exchange, realClock, systemRandom } from "@tsukube/host";
import { createAuthorityKeys, openAuthority } from "@tsukube/host/certificates";
import { VirtualClock } from "@tsukube/testing";
import { afterAll, expect, test } from "vitest";
import { createHttpTransport } from "./http-transport.ts";
import type { Transport } from "./transport.ts";

const lifetime = new Lifetime();
afterAll(() => lifetime.close());

async function certified() {
  const keys = await createAuthorityKeys("ca", realClock, systemRandom);
  const authority = await openAuthority(keys, realClock, systemRandom);
  return { ca: keys.cert, ...(await authority.issue({ commonName: "s", sans: ["127.0.0.1"], usages: ["server"] })) };
}

function transportTo(port: number, ca: string, clock: Clock = realClock): Transport {
  const options = { server: `https://127.0.0.1:${port}`, ca, token: () => "t" };
  return lifetime.own("transport", createHttpTransport(options, clock));
}

async function served(handle: (exchange: Exchange) => void): Promise<Transport> {
  const { ca, ...pair } = await certified();
  const server = lifetime.own("server", createHttpsServer({ ...pair, handle }));
  return transportTo(await server.listen("127.0.0.1", 0), ca);
}

/** A server that answers with what it got: method, body, authorization. */
function echo(): Promise<Transport> {
  return served((exchange) => {
    void exchange.body(1000).then((body) => {
      const text = `${exchange.method} ${Buffer.from(body)} ${exchange.headers["authorization"] ?? ""}`;
      exchange.send(200, {}, Buffer.from(text));
    });
  });
}

async function ask(transport: Transport, method: string, body?: string): Promise<string> {
  const response = await transport.request({
    method,
    path: "/",
    headers: {},
    ...(body !== undefined && { body: Buffer.from(body) }),
  });
  let text = "";
  for await (const piece of response.body as AsyncIterable<Uint8Array>) text += Buffer.from(piece).toString();
  return text;
}

test("every method may carry a body, DELETE too, or none", async () => {
  const transport = await echo();
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
    expect(await ask(transport, method)).toBe(`${method}  Bearer t`);
    if (method !== "GET") expect(await ask(transport, method, "x")).toBe(`${method} x Bearer t`);
  }
});

test("a server that is away is an error of the request, and the next connects anew", async () => {
  const transport = createHttpTransport({ server: "https://127.0.0.1:1", ca: "" }, realClock);
  await expect(ask(transport, "GET")).rejects.toThrow(/ECONNREFUSED/);
  await expect(ask(transport, "GET")).rejects.toThrow(/ECONNREFUSED/);
});

test("more requests than a connection has streams for go over further ones", async () => {
  const held: Exchange[] = [];
  const transport = await served((exchange) => void held.push(exchange));
  const answers = Array.from({ length: 250 }, () => transport.request({ method: "GET", path: "/", headers: {} }));
  await expect.poll(() => held.length).toBe(250);
  for (const exchange of held) exchange.send(200, {}, Buffer.from(""));
  expect((await Promise.all(answers)).every(({ status }) => status === 200)).toBe(true);
});

/** A server of connections that take so many requests each, whose answers are for the test to give. */
async function sparing(maxConcurrentStreams: number) {
  const clock = new VirtualClock();
  const { ca, ...pair } = await certified();
  const server = createSecureServer({ ...pair, settings: { maxConcurrentStreams } });
  const [sessions, held] = [new Set<ServerHttp2Session>(), new Set<ServerHttp2Stream>()];
  let [most, made] = [0, 0];
  server.on("session", (session) => {
    sessions.add(session);
    made += 1;
    most = Math.max(most, sessions.size);
    session.once("close", () => sessions.delete(session));
  });
  server.on("stream", (stream: ServerHttp2Stream) => held.add(stream));
  await once(server.listen(0, "127.0.0.1"), "listening");
  lifetime.add("server", () => void server.close());
  const transport = transportTo((server.address() as AddressInfo).port, ca, clock);
  const answer = (): void => {
    for (const stream of held) {
      held.delete(stream);
      stream.respond({ ":status": 200 }, { endStream: true });
    }
  };
  return { transport, sessions, held, answer, clock, most: () => most, made: () => made };
}

test("a server that takes one request over a connection has a bounded number of them, and one when all is answered for long", async () => {
  const { transport, sessions, held, answer, clock, most } = await sparing(1);
  let answered = 0; // requests that came before the server said how many it takes are sent again
  const asked = Array.from({ length: 200 }, () => ask(transport, "GET").then(() => (answered += 1)));
  await expect.poll(() => held.size).toBe(128);
  await expect
    .poll(() => {
      answer();
      return answered;
    })
    .toBe(200);
  await Promise.all(asked);
  expect([most(), sessions.size]).toEqual([128, 128]);
  await clock.advance(90_000);
  await expect.poll(() => sessions.size).toBe(1);
});

test("requests wait for a server that takes none for now", async () => {
  const { transport, sessions, held, answer, most } = await sparing(10);
  const first = ask(transport, "GET");
  await expect.poll(() => held.size).toBe(1);
  const [session] = sessions;
  const set = (maxConcurrentStreams: number) =>
    new Promise<void>((resolve) => session!.settings({ maxConcurrentStreams }, () => resolve()));
  await set(0);
  const asked = [ask(transport, "GET"), ask(transport, "GET")];
  answer();
  await first;
  expect(held.size).toBe(0);
  await set(10);
  await expect.poll(() => held.size).toBe(2);
  answer();
  await Promise.all(asked);
  expect(most()).toBe(1);
});

test("requests that wait, and those that the server did not begin with, go over another connection when it drains theirs", async () => {
  const { transport, sessions, held, answer, most, made } = await sparing(10);
  const first = ask(transport, "GET");
  await expect.poll(() => held.size).toBe(1);
  const [session] = sessions;
  await new Promise<void>((resolve) => session!.settings({ maxConcurrentStreams: 0 }, () => resolve()));
  const asked = [ask(transport, "GET"), ask(transport, "POST", "x")];
  session!.close();
  await expect.poll(() => held.size).toBe(3);
  expect([most(), made()]).toEqual([2, 2]);
  answer();
  await Promise.all([first, ...asked]);
});

test("a request over the bound of connections takes the first place that is free, the longest waiting first", async () => {
  const { transport, held } = await sparing(1);
  const order: number[] = [];
  const asked = (index: number) => ask(transport, "GET").then(() => order.push(index));
  const watches = [asked(0)];
  await expect.poll(() => held.size).toBe(1);
  for (let index = 1; index < 128; index += 1) watches.push(asked(index));
  await expect.poll(() => held.size).toBe(128);
  const waiting = [asked(200), asked(201), asked(202)];
  const end = (stream: ServerHttp2Stream): void => {
    held.delete(stream);
    stream.respond({ ":status": 200 }, { endStream: true });
  };
  end([...held][64]!);
  for (const [index, request] of waiting.entries()) {
    await expect.poll(() => held.size).toBe(128);
    end([...held][127]!);
    await request;
    expect(order.slice(1)).toEqual([200, 201, 202].slice(0, index + 1));
    if (index === 2) break;
  }
  for (const stream of held) end(stream);
  await Promise.all(watches);
});

test("a request that waits ends with its signal, and with the transport", async () => {
  const { transport, sessions, held } = await sparing(1);
  const watch = transport.request({ method: "GET", path: "/", headers: {} });
  await expect.poll(() => held.size).toBe(1);
  await new Promise<void>((resolve) => [...sessions][0]!.settings({ maxConcurrentStreams: 0 }, () => resolve()));
  const stop = new AbortController();
  const aborted = transport.request({ method: "GET", path: "/", headers: {}, signal: stop.signal });
  stop.abort(new Error("stopped"));
  await expect(aborted).rejects.toThrow("stopped");
  const waiting = transport.request({ method: "GET", path: "/", headers: {} });
  await transport.close();
  await expect(waiting).rejects.toThrow("the transport is closed");
  await expect(watch).rejects.toThrow();
});

test("beside a full connection requests share a further one", async () => {
  const { transport, held, answer, made } = await sparing(2);
  const watches = [ask(transport, "GET"), ask(transport, "GET")];
  await expect.poll(() => held.size).toBe(2);
  const watched = [...held];
  held.clear();
  for (let count = 0; count < 5; count += 1) {
    const asked = ask(transport, "GET");
    await expect.poll(() => held.size).toBe(1);
    answer();
    await asked;
    await new Promise(setImmediate); // by then it is idle
  }
  expect(made()).toBe(2);
  for (const stream of watched) stream.respond({ ":status": 200 }, { endStream: true });
  await Promise.all(watches);
});
