import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { Lifetime } from "@tsukube/foundation";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createAuthorityKeys, openAuthority } from "../certificates.ts";
import { realClock } from "../clock.ts";
import { systemRandom } from "../random.ts";
import { Http2Connection } from "./connection.ts";
import type { Http2Exchange } from "./exchange.ts";
import { CODE, FLAG, FRAME, SETTING, settingsFrame, smallFrame, writeFrameHead } from "./frames.ts";

const LIMIT = 100 * 1024 * 1024;

let lifetime: Lifetime;
beforeEach(() => {
  lifetime = new Lifetime();
});
afterEach(() => lifetime.close());

/** @returns a port of loopback where connections are served, without TLS by default. */
async function serve(
  handle: (exchange: Http2Exchange) => void,
  headBytes = 64 * 1024,
  listener: (served: (socket: Socket) => void) => Server = (served) => createServer(served),
): Promise<number> {
  const sockets = new Set<Socket>();
  const server = listener((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    new Http2Connection(socket, { remoteAddress: "", peer: undefined, headBytes, idle: 60_000, handle });
  });
  lifetime.add("server", async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function session(port: number, options: object = {}): Promise<ClientHttp2Session> {
  const client = connect(`http://127.0.0.1:${port}`, options);
  client.on("error", () => {});
  lifetime.add("session", () => client.destroy());
  await once(client, "connect");
  return client;
}

async function text(stream: ClientHttp2Stream): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

function echo(exchange: Http2Exchange): void {
  exchange.body(LIMIT).then(
    (body) => exchange.send(200, {}, body),
    () => exchange.send(413, {}, new Uint8Array(0)),
  );
}

test("bodies far larger than every window come through in both directions, many at a time", async () => {
  const client = await session(await serve(echo), { maxSessionMemory: 1000 });
  const bodies = Array.from({ length: 8 }, (_, index) => String(index).repeat(3 * 1024 * 1024));
  const answers = await Promise.all(
    bodies.map((body) => {
      const stream = client.request({ ":method": "POST", ":path": "/" });
      stream.end(body);
      return text(stream);
    }),
  );
  expect(answers.map((answer, index) => answer === bodies[index])).toEqual(bodies.map(() => true));
});

test("a hundred requests at once are all answered, each by its own", async () => {
  const client = await session(await serve((exchange) => exchange.send(200, {}, Buffer.from(exchange.path))));
  const paths = Array.from({ length: 200 }, (_, index) => `/${index}`);
  expect(await Promise.all(paths.map((path) => text(client.request({ ":path": path }))))).toEqual(paths);
});

test("a writer waits for a client that reads slowly, without holding up others", async () => {
  let written = 0;
  const port = await serve(async (exchange) => {
    if (exchange.path !== "/long") return exchange.send(200, {}, Buffer.from("short"));
    const sink = exchange.begin(200, {});
    for (; written < 64 && !exchange.signal.aborted; written += 1)
      if (!sink.write(Buffer.alloc(128 * 1024, 0x61))) await sink.drained();
    sink.end();
  });
  const client = await session(port);
  const long = client.request({ ":path": "/long" });
  await once(long, "response");
  expect(await text(client.request({ ":path": "/" }))).toBe("short");
  expect(written).toBeLessThan(64);
  expect((await text(long)).length).toBe(64 * 128 * 1024);
});

test("a piece may be changed as soon as it is said to be written", async () => {
  const port = await serve(async (exchange) => {
    const sink = exchange.begin(200, {});
    const piece = Buffer.alloc(40_000);
    for (let letter = 0x61; letter <= 0x7a; letter += 1) {
      piece.fill(letter);
      await new Promise<void>((resolve) => sink.write(piece, () => resolve()));
    }
    sink.end();
  });
  const answer = await text((await session(port)).request({ ":path": "/" }));
  const letters = Array.from({ length: 26 }, (_, index) => String.fromCharCode(0x61 + index).repeat(40_000));
  expect(answer === letters.join("")).toBe(true);
});

test("what clients read late over TLS is what was written", async () => {
  const keys = await createAuthorityKeys("ca", realClock, systemRandom);
  const authority = await openAuthority(keys, realClock, systemRandom);
  const { cert, key } = await authority.issue({ commonName: "s", sans: ["127.0.0.1"], usages: ["server"] });
  const bodyOf = (path: string): string => path.repeat(path.endsWith("-0") ? 2_000_000 : 100);
  const port = await serve(
    (exchange) => exchange.send(200, {}, Buffer.from(bodyOf(exchange.path))),
    undefined,
    (served) => createTlsServer({ cert, key, ALPNProtocols: ["h2"] }, served),
  );
  const relay = await late(port);
  const clients = Array.from({ length: 4 }, () => {
    const client = connect(`https://127.0.0.1:${relay}`, { ca: keys.cert, settings: { initialWindowSize: 1 << 20 } });
    lifetime.add("session", () => client.destroy());
    client.once("connect", () => client.setLocalWindowSize(1 << 28));
    return client;
  });
  const wrong = clients.flatMap((client, index) =>
    Array.from({ length: 100 }, async (_, request) => {
      const path = `/${index}-${request}`;
      await realClock.sleep(4 * Math.ceil(request / 2)); // heads come in pairs, while a long answer waits to be read
      return (await text(client.request({ ":path": path }))) === bodyOf(path) ? [] : [path];
    }),
  );
  expect((await Promise.all(wrong)).flat()).toEqual([]);
});

/** @returns a port on which everything comes later than it was sent, in bursts. */
async function late(port: number): Promise<number> {
  const relay = createServer((client) => {
    const server = dial(port, "127.0.0.1");
    client.pipe(server);
    server.on("data", (piece) => {
      client.write(piece);
      server.pause();
      realClock.after(2, () => server.resume());
    });
    for (const socket of [client, server]) socket.on("error", () => {});
    lifetime.add("relayed", () => {
      client.destroy();
      server.destroy();
    });
  });
  lifetime.add("relay", () => void relay.close());
  relay.listen(0, "127.0.0.1");
  await once(relay, "listening");
  return (relay.address() as AddressInfo).port;
}

test("an answer may come before the request has ended, which then ends", async () => {
  const client = await session(await serve((exchange) => exchange.send(200, {}, Buffer.from("enough"))));
  const stream = client.request({ ":method": "POST", ":path": "/" });
  stream.write("x");
  expect(await text(stream)).toBe("enough");
  expect(stream.rstCode).toBe(CODE.none);
});

test("a body over the limit is refused while the client goes on sending", async () => {
  const port = await serve((exchange) =>
    exchange.body(1000).then(
      () => exchange.send(200, {}, new Uint8Array(0)),
      () => exchange.send(413, {}, Buffer.from("too large")),
    ),
  );
  const stream = (await session(port)).request({ ":method": "POST", ":path": "/" });
  stream.end("x".repeat(3 * 1024 * 1024));
  const [headers] = (await once(stream, "response")) as [Record<string, number>];
  expect([headers[":status"], await text(stream)]).toEqual([413, "too large"]);
});

test("a body in pieces comes as it is taken, however long it is", async () => {
  const body = Buffer.alloc(20 * 1024 * 1024, "x");
  const sizes = async (exchange: Http2Exchange): Promise<void> => {
    let size = 0;
    for await (const piece of exchange.pieces()) {
      // until more is taken the client fills its window, and waits
      if (size === 0) await expect.poll(() => piece.length + exchange.request.unread).toBe(256 * 1024);
      size += piece.length;
    }
    exchange.send(200, {}, Buffer.from(String(size)));
  };
  const client = await session(await serve((exchange) => void sizes(exchange)));
  const stream = client.request({ ":method": "POST", ":path": "/" });
  stream.end(body);
  expect(await text(stream)).toBe(String(body.length));
});

test("a body in pieces of who goes away in the middle is broken", async () => {
  const broken = Promise.withResolvers<unknown>();
  const client = await session(
    await serve((exchange) => {
      const read = async (): Promise<void> => {
        for await (const _piece of exchange.pieces()) client.destroy();
      };
      void read().catch(broken.resolve);
    }),
  );
  const stream = client.request({ ":method": "POST", ":path": "/" });
  stream.on("error", () => {});
  stream.write("x");
  expect(await broken.promise).toMatchObject({ code: "aborted" });
});

test("heads of many frames are read and written, and one over the limit is answered with 431", async () => {
  const port = await serve((exchange) =>
    exchange.send(200, { "x-back": exchange.headers["x-long"]! }, Buffer.from("a")),
  );
  const client = await session(port, { maxSendHeaderBlockLength: 1e6, settings: { maxHeaderListSize: 1e6 } });
  const asking = async (size: number): Promise<readonly unknown[]> => {
    const stream = client.request({ ":path": "/", "x-long": "x".repeat(size) });
    const [headers] = (await once(stream, "response")) as [Record<string, string>];
    await text(stream);
    return [headers[":status"], headers["x-back"]?.length];
  };
  expect(await asking(60_000)).toEqual([200, 60_000]);
  expect(await asking(80_000)).toEqual([431, undefined]);
  expect(await asking(10)).toEqual([200, 10]);
});

test("the signal of an unfinished answer aborts when its client gives the stream up, and when the connection breaks", async () => {
  const waiting: Http2Exchange[] = [];
  const port = await serve((exchange) => {
    waiting.push(exchange);
    exchange.begin(200, {});
  });
  for (const leave of [
    (stream: ClientHttp2Stream) => stream.close(),
    (stream: ClientHttp2Stream) => stream.session!.destroy(),
  ]) {
    const stream = (await session(port)).request({ ":path": "/" });
    await once(stream, "response");
    const { signal } = waiting.at(-1)!;
    leave(stream.on("error", () => {}));
    if (!signal.aborted) await once(signal, "abort");
    await waiting.at(-1)!.begin(200, {}).drained();
  }
});

const REQUEST = Buffer.from("828684410161", "hex"); // GET http://a/

function headersFrame(id: number, flags: number = FLAG.endHeaders | FLAG.endStream): Buffer {
  const frame = Buffer.alloc(9 + REQUEST.length);
  REQUEST.copy(frame, writeFrameHead(frame, 0, REQUEST.length, FRAME.headers, flags, id));
  return frame;
}

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Sends frames over a connection of its own. @returns the code of the farewell; undefined when nothing is said within a moment. */
async function farewell(port: number, ...frames: readonly Buffer[]): Promise<number | undefined> {
  const socket = dial(port, "127.0.0.1");
  lifetime.add("socket", () => void socket.destroy());
  socket.on("error", () => {});
  socket.write(Buffer.concat([PREFACE, settingsFrame(), ...frames]));
  const pieces: Buffer[] = [];
  socket.on("data", (piece: Buffer) => pieces.push(piece));
  await Promise.race([once(socket, "close"), realClock.sleep(300)]);
  const bytes = Buffer.concat(pieces);
  for (let at = 0; at < bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    if (bytes[at + 3] === FRAME.goAway) return bytes.readUInt32BE(at + 13);
  return undefined;
}

test("a client that begins streams only to give them up is cut off", async () => {
  let begun = 0;
  const port = await serve(() => (begun += 1));
  const burst = Array.from({ length: 2000 }, (_, index) => [
    headersFrame(2 * index + 1),
    smallFrame(FRAME.reset, 0, 2 * index + 1, CODE.none),
  ]).flat();
  expect(await farewell(port, ...burst)).toBe(CODE.calm);
  expect(begun).toBeLessThanOrEqual(1000);
});

test("more than 100 streams at a time are refused, not served", async () => {
  let begun = 0;
  const port = await serve(() => (begun += 1));
  await farewell(port, ...Array.from({ length: 300 }, (_, index) => headersFrame(2 * index + 1)));
  expect(begun).toBe(100);
});

test("a head without end, and replies that nobody reads, end the connection", async () => {
  const port = await serve(() => {});
  const more = Buffer.alloc(9 + 16_000);
  writeFrameHead(more, 0, 16_000, FRAME.continuation, 0, 1);
  expect(await farewell(port, headersFrame(1, 0), ...Array.from({ length: 10 }, () => more))).toBe(CODE.calm);
  const socket = dial(port, "127.0.0.1");
  lifetime.add("socket", () => void socket.destroy());
  socket.on("error", () => {});
  socket.write(Buffer.concat([PREFACE, settingsFrame()]));
  const pings = Buffer.concat(Array.from({ length: 10_000 }, () => smallFrame(FRAME.ping, 0, 0, 1, 2)));
  const closed = once(socket, "close");
  for (let round = 0; round < 400 && !socket.destroyed; round += 1) {
    socket.write(pings);
    await realClock.sleep(1);
  }
  socket.resume();
  await closed;
});

test("a client that takes nothing gets nothing, until it does", async () => {
  const port = await serve((exchange) => exchange.send(200, {}, Buffer.alloc(10)));
  const socket = dial(port, "127.0.0.1");
  lifetime.add("socket", () => void socket.destroy());
  const pieces: Buffer[] = [];
  socket.on("data", (piece: Buffer) => pieces.push(piece));
  const sizes = (): readonly number[] => {
    const bytes = Buffer.concat(pieces);
    const found: number[] = [];
    for (let at = 0; at < bytes.length; at += 9 + bytes.readUIntBE(at, 3))
      if (bytes[at + 3] === FRAME.data) found.push(bytes.readUIntBE(at, 3));
    return found;
  };
  socket.write(Buffer.concat([PREFACE, settingsFrame([SETTING.window, 0]), headersFrame(1)]));
  await realClock.sleep(100);
  expect(sizes()).toEqual([]);
  socket.write(settingsFrame([SETTING.window, 4]));
  await realClock.sleep(100);
  expect(sizes()).toEqual([4]);
  socket.write(smallFrame(FRAME.windowUpdate, 0, 1, 100));
  await realClock.sleep(100);
  expect(sizes()).toEqual([4, 6]);
});

test("whatever frames come, others are served", async () => {
  const port = await serve(echo);
  const frame = fc
    .tuple(fc.nat(11), fc.nat(255), fc.constantFrom(0, 1, 3, 5, 2, 7), fc.uint8Array({ maxLength: 40 }))
    .map(([type, flags, id, payload]) => {
      const bytes = Buffer.alloc(9 + payload.length);
      bytes.set(payload, writeFrameHead(bytes, 0, payload.length, type, flags, id));
      return bytes;
    });
  const good = fc.constantFrom(headersFrame(1), headersFrame(3, FLAG.endHeaders), headersFrame(5));
  const connections = fc.array(fc.array(fc.oneof(frame, good), { maxLength: 8 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(connections, async (all) => {
      await Promise.all(
        all.map(async (frames) => {
          const socket = dial(port, "127.0.0.1");
          socket.on("error", () => {});
          socket.end(Buffer.concat([PREFACE, settingsFrame(), ...frames]));
          socket.resume();
          await once(socket, "close");
        }),
      );
    }),
    { numRuns: 30 },
  );
  expect(await text((await session(port)).request({ ":path": "/" }))).toBe("");
});
