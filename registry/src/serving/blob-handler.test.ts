import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { silentLogger } from "@tsukube/foundation";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codesOf, digestOf, RegistryUnderTest } from "../registry-under-test.ts";
import { byteRange } from "./byte-range.ts";

let registry: RegistryUnderTest;
beforeEach(async () => void (registry = await RegistryUnderTest.start()));
afterEach(() => registry.close());

test("ranges are as RFC 9110 has them", () => {
  expect(byteRange("bytes=2-4", 10)).toEqual({ first: 2, last: 4 });
  expect(byteRange("bytes=2-", 10)).toEqual({ first: 2, last: 9 });
  expect(byteRange("bytes=-3", 10)).toEqual({ first: 7, last: 9 });
  expect(byteRange("bytes=-30", 10)).toEqual({ first: 0, last: 9 });
  expect(byteRange("bytes=8-50", 10)).toEqual({ first: 8, last: 9 });
  for (const header of ["bytes=10-", "bytes=5-4", "bytes=-0"]) expect(byteRange(header, 10)).toBe("unsatisfiable");
  for (const header of [undefined, "bytes=-", "lines=1-2", "bytes=0-1,4-5"])
    expect(byteRange(header, 10)).toBeUndefined();
});

test("a blob is read whole, in part or not at all when it is known already", async () => {
  const digest = await registry.pushBlob("app", "0123456789");
  const path = `/v2/app/blobs/${digest}`;
  const head = await registry.ask("HEAD", path);
  expect([head.status, head.headers.get("content-length"), head.headers.get("docker-content-digest")]).toEqual([
    ...[200, "10", digest],
  ]);
  const part = await registry.ask("GET", path, { headers: { range: "bytes=2-4" } });
  expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([206, "bytes 2-4/10", "234"]);
  const beyond = await registry.ask("GET", path, { headers: { range: "bytes=10-" } });
  expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, "bytes */10"]);
  const etag = head.headers.get("etag") ?? "";
  expect((await registry.ask("GET", path, { headers: { "if-none-match": etag } })).status).toBe(304);
  expect((await registry.ask("GET", path, { headers: { range: "bytes=2-4", "if-range": '"other"' } })).status).toBe(
    200,
  );
  expect((await registry.ask("GET", path.replace("sha256:", "sha256%3A"))).status).toBe(200);
  expect(await (await registry.ask("GET", `/v2/app/blobs/${await registry.pushBlob("app", "")}`)).text()).toBe("");
});

test("a client that goes away in the middle of a blob or an upload is no error", async () => {
  const errors: string[] = [];
  const logger = { ...silentLogger, error: (message: string) => void errors.push(message) };
  await registry.close();
  registry = await RegistryUnderTest.start({ logger });
  const digest = await registry.pushBlob("app", new Uint8Array(20_000_000));
  const gone = new AbortController();
  const answer = await registry.ask("GET", `/v2/app/blobs/${digest}`, { signal: gone.signal });
  await answer.body?.getReader().read();
  gone.abort();
  const upload = connect(Number(new URL(registry.url).port), "127.0.0.1");
  upload.write(
    "POST /v2/app/blobs/uploads/?digest=" + digest + " HTTP/1.1\r\nhost: x\r\ncontent-length: 20000000\r\n\r\nabc",
  );
  await expect.poll(() => readdir(`${registry.folder}/repositories/app/_uploads`)).toHaveLength(1);
  upload.destroy();
  await expect.poll(() => readdir(`${registry.folder}/repositories/app/_uploads`)).toHaveLength(0);
  expect(errors).toEqual([]);
});

test("a blob is of its repository: others see it once it is mounted, and it is deleted from one alone", async () => {
  const digest = await registry.pushBlob("one", "shared");
  const missing = await registry.ask("GET", `/v2/two/blobs/${digest}`);
  expect([missing.status, await codesOf(missing)]).toEqual([404, ["BLOB_UNKNOWN"]]);
  const mount = await registry.ask("POST", `/v2/two/blobs/uploads/?mount=${digest}&from=one`);
  expect([mount.status, mount.headers.get("location")]).toEqual([201, `/v2/two/blobs/${digest}`]);
  expect(await registry.status("POST", `/v2/three/blobs/uploads/?mount=${digest}`)).toBe(201);
  expect(await registry.status("POST", `/v2/four/blobs/uploads/?mount=${digest}&from=nowhere`)).toBe(202);
  expect(await registry.status("DELETE", `/v2/one/blobs/${digest}`)).toBe(202);
  expect(await registry.status("DELETE", `/v2/one/blobs/${digest}`)).toBe(404);
  for (const name of ["two", "three"]) expect(await registry.status("HEAD", `/v2/${name}/blobs/${digest}`)).toBe(200);
  expect(await registry.status("HEAD", `/v2/four/blobs/${digest}`)).toBe(404);
});

test("what is no name, no digest or no path is refused with its code, and reaches no file", async () => {
  const cases: readonly (readonly [string, string, number, string])[] = [
    ["GET", "/v2/App/blobs/sha256:00", 400, "NAME_INVALID"],
    ["GET", `/v2/${"a".repeat(256)}/tags/list`, 400, "NAME_INVALID"],
    ["GET", "/v2/a/..%2F..%2Fb/tags/list", 400, "NAME_INVALID"],
    ["GET", "/v2/_uploads/tags/list", 400, "NAME_INVALID"],
    ["GET", "/v2/app/blobs/sha256:00", 400, "DIGEST_INVALID"],
    ["GET", `/v2/app/blobs/${digestOf("")}`, 404, "BLOB_UNKNOWN"],
    ["PUT", `/v2/app/blobs/${digestOf("")}`, 405, "UNSUPPORTED"],
    ["GET", "/v2/app/tags/all", 404, "UNSUPPORTED"],
    ["GET", "/v1/search", 404, "UNSUPPORTED"],
    ["GET", "/v2/app/tags/list", 404, "NAME_UNKNOWN"],
  ];
  for (const [method, path, status, code] of cases) {
    const answer = await registry.ask(method, path);
    expect([path, answer.status, await codesOf(answer)]).toEqual([path, status, [code]]);
  }
  expect(await (await registry.ask("GET", "/v2/")).json()).toEqual({});
});
