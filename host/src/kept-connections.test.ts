import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { Lifetime } from "@tsukube/foundation";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createAuthorityKeys, openAuthority } from "./certificates.ts";
import { realClock, systemRandom } from "./index.ts";
import { KeptConnections } from "./kept-connections.ts";
import { trusting } from "./trusting.ts";

let lifetime: Lifetime;
let kept: KeptConnections;
let opened: Socket[];
let to: { readonly host: string; readonly port: number; readonly servername: string; readonly ca: string };
beforeEach(async () => {
  lifetime = new Lifetime();
  kept = lifetime.own("connections", new KeptConnections());
  opened = [];
  const keys = await createAuthorityKeys("hooks", realClock, systemRandom);
  const authority = await openAuthority(keys, realClock, systemRandom);
  const sans = ["hook.svc", "other.svc"];
  const pair = await authority.issue({ commonName: "hook", sans, usages: ["server"] });
  const server = createServer({ key: pair.key, cert: pair.cert }, async (request: IncomingMessage, response) => {
    const body = await text(request);
    if (body === "hang up") response.destroy();
    else response.end(`heard ${body}`);
  });
  server.on("secureConnection", (socket: Socket) => void opened.push(socket));
  lifetime.add("server", () => {
    for (const socket of opened) socket.destroy();
    server.close();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  to = { host: "127.0.0.1", port, servername: "hook.svc", ...trusting(keys.cert) };
});
afterEach(() => lifetime.close());

async function say(words: string, where = to): Promise<string> {
  const body = Buffer.from(words);
  const headers = { "content-length": body.length };
  return text(
    await kept.send(where, { method: "POST", path: "/", headers, body, signal: new AbortController().signal }),
  );
}

test("requests that follow each other share a connection, of each name and trust its own", async () => {
  expect([await say("one"), await say("two"), await say("three")]).toEqual(["heard one", "heard two", "heard three"]);
  expect(opened.length).toBe(1);
  await Promise.all([say("four"), say("five")]);
  expect(opened.length).toBe(2);
  await say("six", { ...to, servername: "other.svc" });
  expect(opened.length).toBe(3);
  await expect(say("seven", { ...to, ca: "" })).rejects.toThrow("unable to get local issuer certificate");
});

test("a connection that the server has ended meanwhile is opened again", async () => {
  await say("one");
  opened[0]?.destroy();
  expect(await say("two")).toBe("heard two");
  expect(opened.length).toBe(2);
});

test("a server that hangs up on a fresh connection has failed", async () => {
  await expect(say("hang up")).rejects.toThrow("socket hang up");
  expect(opened.length).toBe(1);
});
