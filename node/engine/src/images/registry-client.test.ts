import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { realClock, systemRandom } from "@tsukube/host";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ContentStore } from "./content-store.ts";
import { ImageGarbage } from "./image-garbage.ts";
import { ImageStore } from "./image-store.ts";
import { ImageTransfer } from "./image-transfer.ts";
import { ReadingSnapshotter } from "./images-under-test.ts";
import { parseReference } from "./reference.ts";
import { RegistryClient } from "./registry-client.ts";
import { parseHosts } from "./registry-hosts.ts";

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
type Handler = (request: IncomingMessage, response: ServerResponse, path: string) => boolean;

/** A registry of one repository. `before` may answer a request in its place. */
class TinyRegistry {
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, { readonly type: string; readonly bytes: Buffer }>();
  readonly asked: string[] = [];
  before: Handler = () => false;
  readonly server = createServer((request, response) => void this.#answer(request, response));

  get name(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}/team/app`;
  }

  add(bytes: Buffer): { mediaType: string; digest: string; size: number } {
    this.blobs.set(digestOf(bytes), bytes);
    return { mediaType: "application/octet-stream", digest: digestOf(bytes), size: bytes.length };
  }

  addManifest(document: object, tag?: string): { digest: string; size: number; mediaType: string } {
    const bytes = Buffer.from(JSON.stringify(document));
    const mediaType = (document as { mediaType: string }).mediaType;
    for (const name of [digestOf(bytes), ...(tag === undefined ? [] : [tag])])
      this.manifests.set(name, { type: mediaType, bytes });
    return { digest: digestOf(bytes), size: bytes.length, mediaType };
  }

  /** An image of two layers, one gzip, one zstd, behind an index with a foreign platform. */
  addImage(): { readonly content: readonly Buffer[]; readonly index: string } {
    const content = [Buffer.alloc(300_000, "one "), Buffer.from(systemRandom.bytes(200_000))];
    const layers = [this.add(gzipSync(content[0] as Buffer)), this.add(zstdCompressSync(content[1] as Buffer))];
    const document = { config: { Cmd: ["app"] }, rootfs: { type: "layers", diff_ids: content.map(digestOf) } };
    const config = this.add(Buffer.from(JSON.stringify(document)));
    const image = this.addManifest({ mediaType: "application/vnd.oci.image.manifest.v1+json", config, layers });
    const architecture = { x64: "amd64" }[process.arch as string] ?? process.arch;
    const manifests = [
      { ...image, digest: `sha256:${"0".repeat(64)}`, platform: { os: "linux", architecture: "s390x" } },
      { ...image, platform: { os: "linux", architecture } },
    ];
    const index = this.addManifest({ mediaType: "application/vnd.oci.image.index.v1+json", manifests }, "1.0");
    return { content, index: index.digest };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://x");
    const path = url.pathname.replace("/v2/team/app/", "");
    this.asked.push(
      `${request.method} ${path}${request.headers.range === undefined ? "" : ` ${request.headers.range}`}`,
    );
    if (this.before(request, response, path)) return;
    const [kind, name = ""] = path.split("/");
    if (request.method === "POST") response.writeHead(202, { location: "/v2/team/app/blobs/uploads/1?x=y" }).end();
    else if (request.method === "PUT") {
      const bytes = await buffer(request);
      if (kind === "blobs") this.blobs.set(url.searchParams.get("digest") ?? "", bytes);
      else this.manifests.set(name, { type: request.headers["content-type"] ?? "", bytes });
      response.writeHead(201).end();
    } else if (kind === "manifests" && this.manifests.has(name)) {
      const { type, bytes } = this.manifests.get(name)!;
      response.writeHead(200, { "content-type": type }).end(bytes);
    } else if (this.blobs.has(name)) {
      const bytes = this.blobs.get(name)!;
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
      response.writeHead(from > 0 ? 206 : 200).end(request.method === "HEAD" ? undefined : bytes.subarray(from));
    } else
      response.writeHead(404).end(JSON.stringify({ errors: [{ code: "NAME_UNKNOWN", message: "no such thing" }] }));
  }
}

let folder: string;
let registry: TinyRegistry;
let transfer: ImageTransfer;
let images: ImageStore;
let content: ContentStore;
let snapshotter: ReadingSnapshotter;
let garbage: ImageGarbage;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tsukube-registry-"));
  registry = new TinyRegistry();
  await new Promise<void>((resolve) => registry.server.listen(0, "127.0.0.1", resolve));
  content = new ContentStore(`${folder}/blobs`, systemRandom);
  images = new ImageStore(`${folder}/images`);
  await images.load();
  snapshotter = new ReadingSnapshotter(folder);
  garbage = new ImageGarbage({ images, content, snapshotter });
  const client = new RegistryClient({
    hosts: `${folder}/certs.d`,
    clock: realClock,
    random: systemRandom,
    stallMs: 200,
    backoffMs: 1,
  });
  transfer = new ImageTransfer({ client, content, images, snapshotter, garbage });
});
afterEach(async () => {
  registry.server.closeAllConnections();
  registry.server.close();
  await rm(folder, { recursive: true });
});

const pull = (tag = "1.0", credentials = {}) =>
  transfer.pull(parseReference(`${registry.name}:${tag}`), { credentials });

test("an image is pulled by platform, its layers gzip or zstd, and not fetched twice", async () => {
  const { content: layers, index } = registry.addImage();
  const image = await pull();
  expect(image).toMatchObject({ names: [`${registry.name}:1.0`], digests: [`${registry.name}@${index}`] });
  expect(image.config).toEqual({ Cmd: ["app"] });
  expect(image.chain.map((chain) => snapshotter.sizes.get(chain))).toEqual(layers.map((layer) => layer.length));
  registry.asked.length = 0;
  await pull();
  expect(registry.asked).toEqual(["GET manifests/1.0"]);
});

test("a pull by digest is verified", async () => {
  const { index } = registry.addImage();
  const other = registry.addManifest({ mediaType: "application/vnd.oci.image.index.v1+json", manifests: [] });
  registry.manifests.set(index, registry.manifests.get(other.digest)!);
  await expect(transfer.pull(parseReference(`${registry.name}@${index}`))).rejects.toMatchObject({
    code: "wrong-digest",
  });
  expect(images.all).toEqual([]);
});

test("a broken download goes on where it was", async () => {
  registry.addImage();
  let breaks = 2;
  registry.before = (request, response, path) => {
    const bytes = registry.blobs.get(path.slice("blobs/".length));
    if (bytes === undefined || bytes.length < 100_000 || breaks-- <= 0) return false;
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.writeHead(from > 0 ? 206 : 200, { "content-length": bytes.length - from });
    response.write(bytes.subarray(from, from + 50_000), () => setImmediate(() => response.destroy()));
    return true;
  };
  await pull();
  const ranges = registry.asked
    .filter((line) => line.includes("bytes="))
    .map((line) => Number(/=(\d+)-/.exec(line)?.[1]));
  expect(ranges.length).toBe(2);
  expect(ranges[1]).toBeGreaterThan(ranges[0] ?? 0);
});

test("passing failures are repeated, lasting ones reported", async () => {
  registry.addImage();
  let failures = 2;
  registry.before = (_, response) => failures-- > 0 && Boolean(response.writeHead(503).end());
  await pull();
  failures = Number.POSITIVE_INFINITY;
  await expect(pull("other")).rejects.toMatchObject({ code: "unavailable" });
});

test("errors have codes: not found, truncated, wrong content, stalled", async () => {
  await expect(pull()).rejects.toMatchObject({ code: "not-found", message: expect.stringContaining("no such thing") });
  registry.addImage();
  const answer =
    (change: (bytes: Buffer, response: ServerResponse) => void): Handler =>
    (_, response, path) => {
      const bytes = registry.blobs.get(path.slice("blobs/".length));
      if (bytes === undefined) return false;
      change(bytes, response.writeHead(200));
      return true;
    };
  registry.before = answer((bytes, response) => response.end(bytes.subarray(0, 10)));
  await expect(pull()).rejects.toMatchObject({ code: "truncated" });
  registry.before = answer((bytes, response) => response.end(Buffer.alloc(bytes.length)));
  await expect(pull()).rejects.toMatchObject({ code: "wrong-digest" });
  registry.before = answer((_, response) => response.flushHeaders());
  await expect(pull()).rejects.toMatchObject({ code: "stalled" });
  expect(images.all).toEqual([]);
});

test("a bearer token is asked for with the credentials, which mirrors and other hosts never see", async () => {
  registry.addImage();
  const seen: string[] = [];
  registry.before = (request, response) => {
    const url = new URL(request.url ?? "", "http://x");
    const given = request.headers.authorization ?? "";
    if (url.pathname === "/token") {
      seen.push(given, url.searchParams.get("scope") ?? "", url.searchParams.get("service") ?? "");
      const right = given === `Basic ${Buffer.from("me:secret").toString("base64")}`;
      response.writeHead(right ? 200 : 401).end(JSON.stringify({ token: "T" }));
      return true;
    }
    if (given === "Bearer T") return false;
    const realm = `http://${registry.name.split("/")[0]}/token`;
    response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}",service="here"` }).end();
    return true;
  };
  await expect(pull("1.0", { username: "me", password: "wrong" })).rejects.toMatchObject({ code: "unauthorized" });
  seen.length = 0;
  await pull("1.0", { auth: Buffer.from("me:secret").toString("base64") });
  expect(seen).toEqual([`Basic ${Buffer.from("me:secret").toString("base64")}`, "repository:team/app:pull", "here"]);
});

test("what was pulled is pushed byte for byte", async () => {
  const { index } = registry.addImage();
  await pull();
  const image = images.find(`${registry.name}:1.0`)!;
  await images.put({ ...image, names: [`${registry.name}:copy`] });
  const before = new Map(registry.blobs);
  registry.blobs.clear();
  const { digest } = await transfer.push(`${registry.name}:copy`);
  before.forEach((bytes, name) => void expect(registry.blobs.get(name)?.equals(bytes)).toBe(true));
  expect(digestOf(registry.manifests.get("copy")!.bytes)).toBe(digest);
  expect(digest).not.toBe(index);
});

test("removing an image frees what no other holds", async () => {
  registry.addImage();
  const image = await pull();
  const release = garbage.hold();
  await images.remove(image.id);
  await garbage.collect();
  expect((await content.list()).length).toBe(5);
  await release();
  expect(await content.list()).toEqual([]);
  expect(snapshotter.sizes.size).toBe(0);
});

test("hosts.toml names mirrors before the registry", () => {
  const text = `server = "https://up.example"
[host."https://mirror.example"]
  capabilities = ["pull", "resolve"]
  skip_verify = true # a lab
[host."http://10.0.0.1:5000/v2/cache"]
  override_path = true
  ca = "ca.crt"
[host."http://10.0.0.1:5000/v2/cache".header]
  x = "y"`;
  expect(parseHosts(text, "docker.io", "/d")).toEqual([
    { base: "https://mirror.example/v2", mirror: true, canResolve: true, canPush: false, skipVerify: true },
    {
      base: "http://10.0.0.1:5000/v2/cache",
      mirror: true,
      canResolve: true,
      canPush: false,
      skipVerify: false,
      ca: "/d/ca.crt",
    },
    { base: "https://up.example/v2", mirror: false, canResolve: true, canPush: true, skipVerify: false },
  ]);
});
