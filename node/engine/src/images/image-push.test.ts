import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ImageRecord } from "./image-store.ts";
import { ImagesUnderTest, type ReadingSnapshotter } from "./images-under-test.ts";
import { OCI_MANIFEST } from "./manifest.ts";
import { sha256, TinyRegistry } from "./tiny-registry.ts";

let folder: string;
let registry: TinyRegistry;
let machine: ImagesUnderTest<ReadingSnapshotter>;
let image: ImageRecord;
let name: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tsukube-push-"));
  registry = await TinyRegistry.start();
  machine = await ImagesUnderTest.reading(folder);
  name = `${registry.name}:1`;
  image = await machine.make(name, (root) => writeFile(`${root}/a`, Buffer.alloc(400_000, "abc")), { Cmd: ["a"] });
});
afterEach(async () => {
  registry.close();
  await rm(folder, { recursive: true });
});

const methods = (): readonly string[] => registry.asked.map((line) => line.split(" ")[0] ?? "");

test("a layer made here is compressed on its way, and named in an OCI manifest", async () => {
  const { digest, size } = await machine.transfer.push(name);
  const { type, bytes } = registry.manifests.get("1")!;
  expect([type, sha256(bytes), bytes.length]).toEqual([OCI_MANIFEST, digest, size]);
  const { config, layers } = JSON.parse(bytes.toString()) as {
    config: { digest: string };
    layers: { digest: string }[];
  };
  expect(registry.blobs.get(config.digest)?.toString()).toBe(image.document);
  const layer = registry.blobs.get(layers[0]!.digest)!;
  expect(sha256(gunzipSync(layer))).toBe(image.diffIds[0]);
  expect(machine.images.find(`${registry.name}@${digest}`)?.id).toBe(image.id);
});

test("an upload that breaks is given up and begun again, with the same content", async () => {
  let failures = 2;
  registry.before = (request, response) => {
    if (request.method !== "PATCH" || failures-- <= 0) return false;
    if (failures === 1) response.writeHead(503).end();
    else request.once("data", () => response.destroy());
    return true;
  };
  await machine.transfer.push(name);
  expect(methods().filter((method) => method === "PATCH").length).toBe(3);
  expect(methods().filter((method) => method === "DELETE").length).toBe(2);
  expect(registry.blobs.size).toBe(2);
});

test("a registry that mounts nothing gets the layer, whatever it answers to the mount", async () => {
  await machine.transfer.push(name);
  const { digest, mediaType, size } = machine.images.layers.get(image.diffIds[0]!)!.forms[0]!;
  const host = registry.name.split("/")[0];
  await machine.images.layers.found(image.diffIds[0]!, { digest, mediaType, size }, `${host}/other/app`);
  for (const status of [202, 404, 401, 405]) {
    registry.blobs.clear();
    const mounts: (string | null)[] = [];
    registry.before = (request, response) => {
      const url = new URL(request.url ?? "", "http://x");
      if (!url.searchParams.has("mount")) return false;
      mounts.push(url.searchParams.get("from"), url.searchParams.get("mount"));
      response.writeHead(status, status === 202 ? { location: "/v2/team/app/blobs/uploads/1" } : {}).end();
      return true;
    };
    await machine.transfer.push(name);
    expect(mounts).toEqual(["other/app", digest]);
    expect(registry.blobs.has(digest)).toBe(true);
  }
});

test("what a registry refuses is told with its words, once", async () => {
  let asked = 0;
  registry.before = (request, response, path) => {
    if (request.method !== "PUT" || !path.startsWith("manifests/")) return false;
    asked++;
    const errors = [{ code: "TAG_INVALID", message: "tags are immutable here" }];
    request.resume().once("end", () => response.writeHead(400).end(JSON.stringify({ errors })));
    return true;
  };
  await expect(machine.transfer.push(name)).rejects.toMatchObject({
    code: "refused",
    message: expect.stringMatching(`^Cannot push "${name}".*answered 400: tags are immutable here`),
  });
  expect(asked).toBe(1);
  expect(machine.images.find(name)?.digests).toEqual([]);
});

test("a push that is cancelled ends, and is not begun again", async () => {
  const controller = new AbortController();
  registry.before = (request) => {
    if (request.method !== "PATCH") return false;
    controller.abort();
    return true;
  };
  const push = machine.transfer.push(name, { signal: controller.signal });
  await expect(push).rejects.toMatchObject({ code: "cancelled" });
  expect(methods().filter((method) => method === "PATCH").length).toBe(1);
});

test("what is said of an image goes along, and is listed where the registry lists nothing itself", async () => {
  const { digest } = await machine.content.write([Buffer.from('{"packages":[]}')]);
  const attestations = [{ predicateType: "https://spdx.dev/Document", digest }];
  const attested = await machine.images.put({ ...image, attestations, blobs: [...image.blobs, digest] });
  await machine.garbage.collect();
  const pushed = await machine.transfer.push(name);
  const list = registry.manifests.get(pushed.digest.replace(":", "-"));
  const index = JSON.parse(list?.bytes.toString() ?? "{}") as { manifests: { digest: string; artifactType: string }[] };
  expect(index.manifests).toMatchObject([{ artifactType: "application/vnd.in-toto+json" }]);
  const artifact = JSON.parse(registry.manifests.get(index.manifests[0]!.digest)!.bytes.toString()) as {
    subject: { digest: string };
    layers: { digest: string }[];
  };
  expect(artifact.subject.digest).toBe(pushed.digest);
  expect(JSON.parse(registry.blobs.get(artifact.layers[0]!.digest)!.toString())).toEqual({
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name, digest: { sha256: pushed.digest.slice(7) } }],
    predicateType: "https://spdx.dev/Document",
    predicate: { packages: [] },
  });
  await machine.transfer.push(name); // again: nothing is listed twice
  expect(registry.manifests.get(pushed.digest.replace(":", "-"))?.bytes).toEqual(list?.bytes);
  expect(machine.images.find(attested.id)?.attestations).toEqual(attestations);
});

test("a registry that lists referrers itself gets no index of them", async () => {
  const { digest } = await machine.content.write([Buffer.from("{}")]);
  await machine.images.put({
    ...image,
    attestations: [{ predicateType: "x", digest }],
    blobs: [...image.blobs, digest],
  });
  registry.before = (request, response, path) => {
    if (request.method === "PUT" && path.startsWith("manifests/sha256:")) response.setHeader("oci-subject", "sha256:0");
    return false;
  };
  const pushed = await machine.transfer.push(name);
  expect(registry.manifests.has(pushed.digest.replace(":", "-"))).toBe(false);
});
