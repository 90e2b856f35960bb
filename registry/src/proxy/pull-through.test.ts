import { randomBytes } from "node:crypto";
import { TsukubeError } from "@tsukube/foundation";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codesOf, digestOf, imageManifest, RegistryUnderTest } from "../registry-under-test.ts";
import type { Upstream } from "./upstream.ts";

const WEEK = 7 * 24 * 60 * 60_000;
let upstream: RegistryUnderTest;
let cache: RegistryUnderTest;
let asked: string[];
/** Answers in the upstream's place. */
let blobs: Upstream["blob"] | undefined;
let isAway: boolean;
beforeEach(async () => {
  asked = [];
  blobs = undefined;
  isAway = false;
  upstream = await RegistryUnderTest.start();
  cache = await RegistryUnderTest.start({
    upstream: { manifest: fetchManifest, blob: (...args) => (blobs ?? fetchBlob)(...args) },
  });
});
afterEach(async () => {
  await cache.close();
  await upstream.close();
});

async function fetchFrom(path: string): Promise<Response> {
  asked.push(path);
  if (isAway) throw new TsukubeError("unreachable", "Cannot reach the upstream registry");
  const answer = await upstream.ask("GET", path);
  if (!answer.ok) throw new TsukubeError("not-found", `Cannot find ${path}`);
  return answer;
}

async function fetchManifest(name: string, reference: string) {
  const answer = await fetchFrom(`/v2/${name}/manifests/${reference}`);
  const bytes = Buffer.from(await answer.arrayBuffer());
  return { mediaType: answer.headers.get("content-type") ?? "", bytes };
}

async function fetchBlob(name: string, digest: string) {
  const answer = await fetchFrom(`/v2/${name}/blobs/${digest}`);
  return { size: Number(answer.headers.get("content-length")), content: answer.body as AsyncIterable<Uint8Array> };
}

const text = async (path: string): Promise<string> => (await cache.ask("GET", path)).text();

test("what is fetched once is served from here, also when the upstream is away; a tag follows it", async () => {
  const one = await upstream.pushImage("team/app", "1", ["layer"]);
  const layer = `/v2/team/app/blobs/${digestOf("layer")}`;
  expect(await text("/v2/team/app/manifests/1")).toBe(imageManifest(["layer"]));
  expect(await text(layer)).toBe("layer");
  const two = await upstream.pushImage("team/app", "1", ["other"]);
  expect((await cache.ask("HEAD", "/v2/team/app/manifests/1")).headers.get("docker-content-digest")).toBe(two);
  isAway = true;
  expect(await text(layer)).toBe("layer");
  expect((await cache.ask("GET", "/v2/team/app/manifests/1")).headers.get("docker-content-digest")).toBe(two);
  expect(await cache.status("GET", `/v2/team/app/manifests/${one}`)).toBe(200);
  const missing = await cache.ask("GET", `/v2/team/app/blobs/${digestOf("other")}`);
  expect([missing.status, await codesOf(missing)]).toEqual([502, ["UNKNOWN"]]);
  expect(asked.filter((path) => path === layer).length).toBe(1);
});

test("many who want a blob at once share one fetch, see its beginning before its end, and ranges of it", async () => {
  const content = randomBytes(400_000);
  let goOn = (): void => {};
  const halfway = new Promise<void>((resolve) => (goOn = resolve));
  let fetches = 0;
  blobs = async () => {
    fetches++;
    return {
      size: content.length,
      content: (async function* () {
        yield content.subarray(0, 200_000);
        await halfway;
        yield content.subarray(200_000);
      })(),
    };
  };
  const path = `/v2/app/blobs/${digestOf(content)}`;
  const part = await cache.ask("GET", path, { headers: { range: "bytes=100-199" } });
  expect(Buffer.from(await part.arrayBuffer())).toEqual(content.subarray(100, 200));
  const whole = [0, 1, 2].map(async () => Buffer.from(await (await cache.ask("GET", path)).arrayBuffer()));
  goOn();
  for (const bytes of await Promise.all(whole)) expect(bytes.equals(content)).toBe(true);
  expect(fetches).toBe(1);
});

test("content that is not what was asked for reaches nobody as a whole, and is not kept", async () => {
  const digest = digestOf("right content");
  for (const bad of ["wrong content", "right", "right content and more"]) {
    blobs = async () => ({
      size: 13,
      content: (async function* () {
        yield Buffer.from(bad);
      })(),
    });
    const whole = cache.ask("GET", `/v2/app/blobs/${digest}`).then((answer) => (answer.ok ? answer.text() : "refused"));
    expect(await whole.catch(() => "broke off")).toMatch(/^(broke off|refused)$/);
  }
  blobs = async () => ({
    size: 13,
    content: (async function* () {
      yield Buffer.from("right content");
    })(),
  });
  await expect.poll(() => text(`/v2/app/blobs/${digest}`).catch(() => "")).toBe("right content");
});

test("a cache takes no pushes, says what is not there, and drops what nobody asks for", async () => {
  expect(await codesOf(await cache.ask("POST", "/v2/app/blobs/uploads/"))).toEqual(["UNSUPPORTED"]);
  expect(await codesOf(await cache.ask("GET", "/v2/app/manifests/1"))).toEqual(["MANIFEST_UNKNOWN"]);
  expect(await codesOf(await cache.ask("GET", `/v2/app/blobs/${digestOf("x")}`))).toEqual(["BLOB_UNKNOWN"]);
  await upstream.pushImage("app", "1", ["layer"]);
  await text("/v2/app/manifests/1");
  await text(`/v2/app/blobs/${digestOf("layer")}`);
  cache.later(WEEK - 60_000);
  expect(await cache.registry.collect()).toMatchObject({ manifests: 0, blobs: 0 });
  cache.later(120_000);
  expect(await cache.registry.collect()).toMatchObject({ manifests: 1, links: 1, blobs: 2 });
});
