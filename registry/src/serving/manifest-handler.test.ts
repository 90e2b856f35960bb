import { afterEach, beforeEach, expect, test } from "vitest";
import { codesOf, digestOf, imageManifest, RegistryUnderTest } from "../registry-under-test.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../store/manifest-document.ts";

let registry: RegistryUnderTest;
beforeEach(async () => void (registry = await RegistryUnderTest.start()));
afterEach(() => registry.close());

const json = async <T>(path: string): Promise<T> => (await (await registry.ask("GET", path)).json()) as T;
const refusal = async (response: Response): Promise<readonly unknown[]> => [
  response.status,
  ...(await codesOf(response)),
];

test("a manifest is there byte for byte, by its tags and by its digest", async () => {
  const text = `${imageManifest(["a"])}\n`;
  for (const content of ["{}", "a"]) await registry.pushBlob("app", content);
  const put = await registry.putManifest("app", "1.0", text);
  const digest = digestOf(text);
  expect([put.status, put.headers.get("location")]).toEqual([201, `/v2/app/manifests/${digest}`]);
  for (const reference of ["1.0", digest]) {
    const answer = await registry.ask("GET", `/v2/app/manifests/${reference}`);
    const { headers } = answer;
    expect([headers.get("content-type"), headers.get("docker-content-digest")]).toEqual([OCI_MANIFEST, digest]);
    expect(await answer.text()).toBe(text);
  }
  const head = await registry.ask("HEAD", "/v2/app/manifests/1.0");
  expect([head.status, head.headers.get("content-length")]).toEqual([200, String(text.length)]);
  const again = await registry.pushImage("app", "1.0", ["b"]);
  expect((await registry.ask("HEAD", "/v2/app/manifests/1.0")).headers.get("docker-content-digest")).toBe(again);
  expect(await registry.status("GET", `/v2/app/manifests/${digest}`)).toBe(200);
});

test("a manifest may have a SHA-512 digest, and get its tags as parameters", async () => {
  const text = imageManifest([]);
  await registry.pushBlob("app", "{}");
  const digest = digestOf(text, "sha512");
  const put = await registry.putManifest("app", `${digest}?tag=a&tag=b`, text);
  expect([put.status, put.headers.get("oci-tag")]).toEqual([201, "a, b"]);
  expect((await registry.ask("GET", "/v2/app/manifests/b")).headers.get("docker-content-digest")).toBe(digest);
});

test("a manifest whose blobs are missing is refused, and each of them is named", async () => {
  await registry.pushBlob("app", "{}");
  const answer = await registry.putManifest("app", "1", imageManifest(["a", "b"]));
  const { errors } = (await answer.json()) as { errors: readonly { code: string; detail: { digest: string } }[] };
  expect([answer.status, errors.map(({ code, detail }) => [code, detail.digest])]).toEqual([
    404,
    ["a", "b"].map((content) => ["MANIFEST_BLOB_UNKNOWN", digestOf(content)]),
  ]);
  expect(await registry.status("GET", "/v2/app/manifests/1")).toBe(404);
  const foreign = {
    mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar",
    size: 9,
    digest: digestOf("x"),
  };
  expect((await registry.putManifest("app", "1", imageManifest([], { layers: [foreign] }))).status).toBe(201);
});

test("what is no manifest, says another digest or another type, or is too large, is refused", async () => {
  await registry.pushBlob("app", "{}");
  const good = imageManifest([]);
  const put = async (reference: string, text: string, type?: string) =>
    refusal(await registry.putManifest("app", reference, text, type));
  expect(await put(digestOf("x"), good)).toEqual([400, "DIGEST_INVALID"]);
  expect(await put("sha256:short", good)).toEqual([400, "DIGEST_INVALID"]);
  expect(await put("1", good, OCI_INDEX)).toEqual([400, "MANIFEST_INVALID"]);
  for (const text of [
    "",
    "{",
    "[]",
    "{}",
    '{"schemaVersion":2}',
    good.replace("sha256:", "md5:"),
    good.replace('"size":2', '"size":-2'),
  ])
    expect(await put("1", text)).toEqual([400, "MANIFEST_INVALID"]);
  const signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";
  expect(await put("1", good, signed)).toEqual([400, "MANIFEST_INVALID"]);
  const large = imageManifest([], { annotations: { a: "x".repeat(5 * 1024 * 1024) } });
  expect(await put("1", large)).toEqual([413, "SIZE_INVALID"]);
  expect(await registry.status("GET", "/v2/app/tags/list")).toBe(200);
  expect(await json("/v2/app/tags/list")).toEqual({ name: "app", tags: [] });
});

test("deleting a manifest takes its tags along; deleting a tag leaves the manifest", async () => {
  const one = await registry.pushImage("app", "one", ["a"]);
  await registry.pushImage("app", "also", ["a"]);
  const two = await registry.pushImage("app", "two", ["b"]);
  expect(await registry.status("DELETE", `/v2/app/manifests/${one}`)).toBe(202);
  expect(await registry.status("DELETE", `/v2/app/manifests/${one}`)).toBe(404);
  expect(await json("/v2/app/tags/list")).toEqual({ name: "app", tags: ["two"] });
  expect(await registry.status("DELETE", "/v2/app/manifests/two")).toBe(202);
  expect(await refusal(await registry.ask("GET", "/v2/app/manifests/two"))).toEqual([404, "MANIFEST_UNKNOWN"]);
  expect(await registry.status("GET", `/v2/app/manifests/${two}`)).toBe(200);
});

test("tags and repositories are listed in order and in pages", async () => {
  for (const tag of ["b", "C", "a", "c", "10"]) await registry.pushImage("team/app", tag, []);
  for (const name of ["team", "zoo", "app/blobs/uploads"]) await registry.pushImage(name, "1", []);
  expect(await json("/v2/team/app/tags/list")).toEqual({ name: "team/app", tags: ["10", "a", "b", "C", "c"] });
  const pages: string[][] = [];
  for (let path: string | undefined = "/v2/team/app/tags/list?n=2"; path !== undefined; ) {
    const answer: Response = await registry.ask("GET", path);
    pages.push(((await answer.json()) as { tags: string[] }).tags);
    path = /^<(.*)>; rel="next"$/.exec(answer.headers.get("link") ?? "")?.[1];
  }
  expect(pages).toEqual([["10", "a"], ["b", "C"], ["c"]]);
  expect(await json("/v2/team/app/tags/list?n=0")).toEqual({ name: "team/app", tags: [] });
  expect(await json("/v2/team/app/tags/list?last=b")).toEqual({ name: "team/app", tags: ["C", "c"] });
  expect(await json("/v2/_catalog?n=3")).toEqual({ repositories: ["app/blobs/uploads", "team", "team/app"] });
  expect(await json("/v2/_catalog?n=3&last=team%2Fapp")).toEqual({ repositories: ["zoo"] });
  expect(await registry.status("GET", "/v2/_catalog?n=x")).toBe(400);
});

test("what refers to a manifest is listed, whether that is there or not, and by its type", async () => {
  const subject = { mediaType: OCI_MANIFEST, digest: digestOf("elsewhere"), size: 9 };
  const path = `/v2/app/referrers/${subject.digest}`;
  type Referrers = { readonly manifests: readonly { digest: string; artifactType: string; annotations?: object }[] };
  expect((await json<Referrers>(path)).manifests).toEqual([]);
  await registry.pushBlob("app", "{}");
  const text = imageManifest([], { subject, artifactType: "text/sbom", annotations: { by: "me" } });
  const put = await registry.putManifest("app", digestOf(text), text);
  expect([put.status, put.headers.get("oci-subject")]).toEqual([201, subject.digest]);
  const other = await registry.pushImage("app", "other", [], { subject });
  const all = await json<Referrers>(path);
  expect(new Set(all.manifests.map(({ digest, artifactType }) => `${artifactType} ${digest}`))).toEqual(
    new Set([`text/sbom ${digestOf(text)}`, `application/vnd.oci.image.config.v1+json ${other}`]),
  );
  const filtered = await registry.ask("GET", `${path}?artifactType=text%2Fsbom`);
  expect([filtered.headers.get("oci-filters-applied"), filtered.headers.get("content-type")]).toEqual([
    ...["artifactType", OCI_INDEX],
  ]);
  const entry = { mediaType: OCI_MANIFEST, digest: digestOf(text), size: text.length, artifactType: "text/sbom" };
  expect(((await filtered.json()) as Referrers).manifests).toEqual([{ ...entry, annotations: { by: "me" } }]);
  const first = await registry.ask("GET", `${path}?n=1`);
  expect(first.headers.get("link")).toContain("&last=sha256%3A");
  expect(await registry.status("DELETE", `/v2/app/manifests/${digestOf(text)}`)).toBe(202);
  expect((await json<Referrers>(path)).manifests.map(({ digest }) => digest)).toEqual([other]);
});
