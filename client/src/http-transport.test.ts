import { Lifetime } from "@tsukube/foundation";
import { createHttpsServer, type Exchange, realClock, systemRandom } from "@tsukube/host";
import { createAuthorityKeys, openAuthority } from "@tsukube/host/certificates";
import { afterAll, expect, test } from "vitest";
import { createHttpTransport } from "./http-transport.ts";
import type { Transport } from "./transport.ts";

const lifetime = new Lifetime();
afterAll(() => lifetime.close());

async function served(handle: (exchange: Exchange) => void): Promise<Transport> {
  const keys = await createAuthorityKeys("ca", realClock, systemRandom);
  const pair = await (await openAuthority(keys, realClock, systemRandom)).issue({
    commonName: "s",
    sans: ["127.0.0.1"],
    usages: ["server"],
  });
  const server = createHttpsServer({ ...pair, handle });
  lifetime.own("server", server);
  const port = await server.listen("127.0.0.1", 0);
  return lifetime.own(
    "transport",
    createHttpTransport({ server: `https://127.0.0.1:${port}`, ca: keys.cert, token: () => "t" }),
  );
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
  const transport = createHttpTransport({ server: "https://127.0.0.1:1", ca: "" });
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
