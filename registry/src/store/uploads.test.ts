import { randomBytes } from "node:crypto";
import { request } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codesOf, digestOf, RegistryUnderTest } from "../registry-under-test.ts";

let registry: RegistryUnderTest;
beforeEach(async () => void (registry = await RegistryUnderTest.start()));
afterEach(() => registry.close());

const begin = async (query = ""): Promise<string> =>
  (await registry.ask("POST", `/v2/app/blobs/uploads/${query}`)).headers.get("location") ?? "";
const withDigest = (place: string, digest: string): string => `${place}?digest=${digest}`;
const chunk = (place: string, text: string, first: number): Promise<Response> =>
  registry.ask("PATCH", place, {
    body: text,
    headers: { "content-range": `${first}-${first + text.length - 1}`, "content-type": "application/octet-stream" },
  });
const blob = async (digest: string): Promise<string> => (await registry.ask("GET", `/v2/app/blobs/${digest}`)).text();

test("a blob comes in one POST, in a PUT, in chunks, or in chunks with the last in the PUT", async () => {
  const digest = digestOf("abcdef");
  const single = await registry.ask("POST", `/v2/one/blobs/uploads/?digest=${digest}`, { body: "abcdef" });
  expect([single.status, single.headers.get("location")]).toEqual([201, `/v2/one/blobs/${digest}`]);

  const put = await registry.ask("PUT", withDigest(await begin(), digest), { body: "abcdef" });
  expect([put.status, put.headers.get("docker-content-digest")]).toEqual([201, digest]);
  expect(await blob(digest)).toBe("abcdef");

  const place = await begin();
  const patched = await chunk(place, "gh", 0);
  expect([patched.status, patched.headers.get("range")]).toEqual([202, "0-1"]);
  expect((await chunk(place, "ij", 2)).headers.get("range")).toBe("0-3");
  const other = digestOf("ghijkl");
  const last = await registry.ask("PUT", withDigest(place, other), { body: "kl", headers: { "content-range": "4-5" } });
  expect(last.status).toBe(201);
  expect(await blob(other)).toBe("ghijkl");
  expect(await registry.status("GET", place)).toBe(404);
});

test("a chunk that does not fit is refused with how far the upload is, and nothing of it is kept", async () => {
  const place = await begin();
  await chunk(place, "abc", 0);
  for (const refused of [
    await chunk(place, "ef", 4),
    await chunk(place, "abc", 0),
    await registry.ask("PATCH", place, { body: "def", headers: { "content-range": "3-9" } }),
    await registry.ask("PATCH", place, { body: "def", headers: { "content-range": "here" } }),
    await registry.ask("PUT", withDigest(place, digestOf("abcx")), { body: "x", headers: { "content-range": "9-9" } }),
  ]) {
    expect([refused.status, refused.headers.get("range"), refused.headers.get("location")]).toEqual([
      416,
      "0-2",
      place,
    ]);
    expect(await codesOf(refused)).toEqual(["BLOB_UPLOAD_INVALID"]);
  }
  expect((await chunk(place, "def", 3)).status).toBe(202);
  expect(await registry.status("PUT", withDigest(place, digestOf("abcdef")))).toBe(201);
});

test("what came before a connection broke stays, and the client goes on from there, also after a restart", async () => {
  const content = randomBytes(600_000);
  const place = await begin();
  const broken = request(new URL(place, registry.url), {
    method: "PATCH",
    headers: { "content-length": content.length },
  });
  broken.on("error", () => {});
  broken.write(content.subarray(0, 300_000));
  const size = async (): Promise<number> =>
    Number((await registry.ask("GET", place)).headers.get("range")?.split("-")[1]) + 1;
  await expect.poll(size).toBe(300_000);
  broken.destroy();
  await registry.restart();
  expect(await size()).toBe(300_000);
  const rest = await registry.ask("PATCH", place, {
    body: content.subarray(300_000),
    headers: { "content-range": "300000-599999" },
  });
  expect(rest.status).toBe(202);
  expect(await registry.status("PUT", withDigest(place, digestOf(content)))).toBe(201);
});

test("content that is not what its digest says is refused, and the upload is over", async () => {
  const place = await begin();
  await chunk(place, "abc", 0);
  const refused = await registry.ask("PUT", withDigest(place, digestOf("abd")));
  expect([refused.status, await codesOf(refused)]).toEqual([400, ["DIGEST_INVALID"]]);
  expect(await codesOf(await registry.ask("GET", place))).toEqual(["BLOB_UPLOAD_UNKNOWN"]);
  const single = await registry.ask("POST", `/v2/app/blobs/uploads/?digest=${digestOf("abd")}`, { body: "abc" });
  expect(single.status).toBe(400);
  expect(await registry.status("GET", `/v2/app/blobs/${digestOf("abd")}`)).toBe(404);
});

test("a digest may be SHA-512, said before or at the end", async () => {
  for (const query of ["", "?digest-algorithm=sha512"]) {
    const place = await begin(query);
    const digest = digestOf(`content${query}`, "sha512");
    await chunk(place, `content${query}`, 0);
    expect(await registry.status("PUT", withDigest(place, digest))).toBe(201);
    expect(await blob(digest)).toBe(`content${query}`);
  }
  expect(await codesOf(await registry.ask("POST", "/v2/app/blobs/uploads/?digest-algorithm=md5"))).toEqual([
    "DIGEST_INVALID",
  ]);
});

test("an upload is cancelled, belongs to its repository, and has one writer at a time", async () => {
  const place = await begin();
  expect(await registry.status("GET", place.replace("/app/", "/other/"))).toBe(404);
  const slow = request(new URL(place, registry.url), { method: "PATCH", headers: { "content-length": 10 } });
  slow.on("error", () => {});
  slow.write("abcde");
  await expect.poll(async () => (await registry.ask("GET", place)).headers.get("range")).toBe("0-4");
  expect((await chunk(place, "x", 5)).status).toBe(416);
  slow.destroy();
  await expect.poll(async () => (await chunk(place, "x", 5)).status).toBe(202);
  expect(await registry.status("DELETE", place)).toBe(204);
  expect(await registry.status("GET", place)).toBe(404);
  expect(await registry.status("GET", "/v2/app/blobs/uploads/..%2F..%2Fformat")).toBe(404);
});

test("the same blob from many at once is one blob, and many blobs at once are all kept", async () => {
  const same = "the same";
  const others = Array.from({ length: 20 }, (_, index) => `content ${index}`);
  await Promise.all(
    [...Array.from({ length: 10 }, () => same), ...others].map((text) => registry.pushBlob("app", text)),
  );
  for (const text of [same, ...others]) expect(await blob(digestOf(text))).toBe(text);
});
