import { gunzipSync, gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { ProxiedPage } from "./proxied-links.ts";
import { throughProxy } from "./proxied-page.ts";

const page: ProxiedPage = { prefix: "/p/proxy", serverHost: "10.0.0.9:80", requestHost: "" };
const HTML = '<a href="/x">\u00e9</a>';
const THROUGH = '<a href="/p/proxy/x">\u00e9</a>';

const answer = (body: Uint8Array, headers: Record<string, string>) =>
  throughProxy({ status: 200, headers, body: pieces(body) }, page);

async function* pieces(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes.subarray(0, 5);
  yield bytes.subarray(5);
}

test.each(["utf8", "latin1"] as const)(
  "a page in %s has its links changed, and the length that it has then",
  async (encoding) => {
    const { headers, body } = await answer(Buffer.from(HTML, encoding), {
      "content-type": "text/html; charset=x",
      "content-length": "17",
    });
    expect(Buffer.from(body as Uint8Array).toString(encoding)).toBe(THROUGH);
    expect(headers["content-length"]).toBe(String((body as Uint8Array).length));
  },
);

test("a page that is compressed stays so", async () => {
  const { body } = await answer(gzipSync(HTML), { "content-type": "text/html", "content-encoding": "gzip" });
  expect(gunzipSync(body as Uint8Array).toString()).toBe(THROUGH);
});

test.each([{ "content-type": "text/plain" }, { "content-type": "text/html", "content-encoding": "br" }, {}])(
  "what is no page that can be read goes on as it comes: %j",
  async (headers) => {
    const { body } = await answer(Buffer.from(HTML), headers as Record<string, string>);
    expect(body).not.toBeInstanceOf(Uint8Array);
  },
);

test("the answer to HEAD keeps the length of the page that it tells of", async () => {
  const headers = { "content-type": "text/html", "content-length": "17" };
  expect((await answer(new Uint8Array(0), headers)).headers["content-length"]).toBe("17");
});

test("a redirection leads through the proxy", async () => {
  const { headers } = await answer(new Uint8Array(0), { location: "http://10.0.0.9:80/login" });
  expect(headers["location"]).toBe("/p/proxy/login");
});

test("a page that is too large to be read whole goes on as it comes, from its first byte on and before its end", async () => {
  let stopped = false;
  async function* endless(): AsyncIterable<Uint8Array> {
    try {
      for (let index = 0; ; index += 1) yield Buffer.alloc(300_000, `${index % 10}`);
    } finally {
      stopped = true;
    }
  }
  const headers = { "content-type": "text/html" };
  const { body } = await throughProxy({ status: 200, headers, body: endless() }, page);
  const firsts: string[] = [];
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    firsts.push(String.fromCharCode(piece[0]!));
    if (firsts.length === 8) break;
  }
  expect(firsts.join("")).toBe("01234567");
  expect(stopped).toBe(true);
});

test.each([
  ["unpacks to more than a page may be", gzipSync(Buffer.alloc(64 * 1024 * 1024))],
  ["is damaged", gzipSync(HTML).subarray(0, 20)],
])("a compressed page that %s goes on as it came", async (_what, bytes) => {
  const { headers, body } = await answer(bytes, {
    "content-type": "text/html",
    "content-encoding": "gzip",
    "content-length": String(bytes.length),
  });
  expect(Buffer.from(body as Uint8Array).equals(bytes)).toBe(true);
  expect(headers["content-length"]).toBe(String(bytes.length));
});
