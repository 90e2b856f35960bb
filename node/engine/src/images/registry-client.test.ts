import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Clock } from "@tsukube/foundation";
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
import { type Handler, sha256, TinyRegistry } from "./tiny-registry.ts";

let folder: string;
let registry: TinyRegistry;
let transfer: ImageTransfer;
let images: ImageStore;
let content: ContentStore;
let snapshotter: ReadingSnapshotter;
let garbage: ImageGarbage;
let ahead = 0;
const clock: Clock = { ...realClock, now: () => realClock.now() + ahead };
const ALI = { username: "ali", password: "open sesame" };

beforeEach(async () => {
  ahead = 0;
  folder = await mkdtemp(join(tmpdir(), "tsukube-registry-"));
  registry = await TinyRegistry.start();
  content = new ContentStore(`${folder}/blobs`, systemRandom);
  images = new ImageStore(`${folder}/images`, realClock);
  await images.load();
  snapshotter = new ReadingSnapshotter(folder);
  garbage = new ImageGarbage({ images, content, snapshotter });
  const client = new RegistryClient({
    hosts: `${folder}/certs.d`,
    clock,
    random: systemRandom,
    stallMs: 200,
    backoffMs: 1,
  });
  transfer = new ImageTransfer({ client, content, images, snapshotter, garbage });
});
afterEach(async () => {
  registry.close();
  await rm(folder, { recursive: true });
});

const pull = async (tag = "1.0", credentials = {}) =>
  (await transfer.pull(parseReference(`${registry.name}:${tag}`), { credentials })).image;

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

test("a registry that lies about sizes, sends without end or in circles, or says one thing and serves another, is refused", async () => {
  const { content: layers } = registry.addImage();
  const first = [...registry.blobs].find(([, bytes]) => bytes.length > 100 && bytes.length < 100_000)!;
  const manifestWith = (change: (layer: { size: number; digest: string; mediaType: string }) => object) => {
    for (const [name, { type, bytes }] of registry.manifests) {
      const document = JSON.parse(bytes.toString()) as {
        layers?: { size: number; digest: string; mediaType: string }[];
      };
      if (document.layers === undefined || name.includes("lie")) continue;
      const lie = { ...document, layers: document.layers.map((layer) => ({ ...layer, ...change(layer) })) };
      registry.manifests.set("lie", { type, bytes: Buffer.from(JSON.stringify(lie)) });
    }
  };
  manifestWith(({ size }) => ({ size: size - 1 }));
  await expect(pull("lie")).rejects.toMatchObject({ code: "wrong-digest" });
  manifestWith(({ size }) => ({ size: size + 1 }));
  await expect(pull("lie")).rejects.toMatchObject({ code: "truncated" });
  for (const wrong of [{ size: -1 }, { size: "9" }, { size: 1e300 }, { digest: "sha256:../../../etc/passwd" }]) {
    manifestWith(() => wrong);
    await expect(pull("lie")).rejects.toMatchObject({ code: "invalid-image" });
  }
  registry.before = (_, response, path) => {
    if (path !== `blobs/${first[0]}`) return false;
    const chunk = Buffer.alloc(64 * 1024);
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.writeHead(200).on("drain", more);
    more();
    return true;
  };
  await expect(pull()).rejects.toMatchObject({
    code: "wrong-digest",
    message: expect.stringContaining("more came than"),
  });
  registry.before = (request, response) => Boolean(response.writeHead(307, { location: request.url ?? "/" }).end());
  await expect(pull()).rejects.toMatchObject({ code: "refused", message: expect.stringContaining("307") });
  for (const location of ["file:///etc/passwd", "http://[", "ftp://127.0.0.1/x", "unix:/run/docker.sock"]) {
    registry.before = (_, response) => Boolean(response.writeHead(302, { location }).end());
    await expect(pull()).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining(`to "${location}"`),
    });
  }
  registry.before = (_, response, path) => path.startsWith("manifests/") && Boolean(response.end("<html>".repeat(100)));
  await expect(pull()).rejects.toMatchObject({ code: "invalid-image" });
  registry.before = (_, response, path) =>
    path.startsWith("manifests/") && Boolean(response.end(Buffer.alloc(9_000_000)));
  await expect(pull()).rejects.toMatchObject({ code: "too-large" });
  registry.before = () => false;
  const [image, index] = ["manifest", "index"].map((kind) => `application/vnd.oci.image.${kind}.v1+json`);
  const { manifests } = JSON.parse(registry.manifests.get("1.0")!.bytes.toString()) as {
    readonly manifests: readonly { digest: string }[];
  };
  const { config, layers: named } = JSON.parse(registry.manifests.get(manifests.at(-1)!.digest)!.bytes.toString()) as {
    readonly config: object;
    readonly layers: readonly object[];
  };
  for (const lie of [
    { mediaType: image, config, layers: named, manifests },
    { mediaType: index, config, layers: named, manifests },
    { mediaType: index, config, layers: named },
    { mediaType: image, manifests },
  ]) {
    registry.addManifest(lie, "lie");
    await expect(pull("lie"), JSON.stringify(Object.keys(lie))).rejects.toMatchObject({ code: "invalid-image" });
  }
  expect(images.all).toEqual([]);
  expect(readdirSync(`${folder}/blobs/incoming`)).toEqual([]);
  await pull(); // what came right is not lost by what came wrong
  expect(snapshotter.sizes.size).toBe(layers.length);
});

test("what was damaged on the disk is found, and fetched again", async () => {
  registry.addImage();
  const image = await pull();
  const damage = (digest: string): void => {
    const bytes = readFileSync(content.path(digest));
    bytes[bytes.length >> 1] = ~(bytes[bytes.length >> 1] as number);
    writeFileSync(content.path(digest), bytes);
  };
  const isSound = async (digest: string): Promise<boolean> => (await content.readSound(digest)) !== undefined;
  for (const digest of image.blobs) {
    damage(digest);
    snapshotter.sizes.clear();
    registry.asked.length = 0;
    expect((await pull()).id).toBe(image.id);
    expect([digest, await isSound(digest)]).toEqual([digest, true]);
    expect(registry.asked.filter((line) => line.includes(digest) || line.includes("1.0")).length).toBeGreaterThan(0);
  }
  damage(image.blobs.at(-1)!);
  await images.put({ ...image, names: [`${registry.name}:copy`] });
  registry.blobs.delete(image.blobs.at(-1)!);
  await expect(transfer.push(`${registry.name}:copy`)).rejects.toMatchObject({
    code: "damaged",
    message: expect.stringContaining(image.blobs.at(-1)!),
  });
  expect(await content.has(image.blobs.at(-1)!)).toBe(false); // so that a pull brings it again
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

test("a token is used until it expires, by whoever has the same credentials, and not when the registry no longer takes it", async () => {
  registry.addImage();
  let asked = 0;
  let good = "";
  registry.before = (request, response) => {
    if (request.url?.startsWith("/token") === true) {
      good = `T${++asked}`;
      response.end(JSON.stringify({ access_token: good, expires_in: 100 }));
      return true;
    }
    if (good !== "" && request.headers.authorization === `Bearer ${good}`) return false;
    const realm = `http://${registry.name.split("/")[0]}/token`;
    response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"` }).end();
    return true;
  };
  await pull("1.0", ALI);
  await pull("1.0", ALI);
  expect(asked).toBe(1);
  await pull("1.0", { ...ALI, password: "other" });
  expect(asked).toBe(2); // and the first is worth nothing any more
  await pull("1.0", ALI);
  expect(asked).toBe(3);
  ahead = 90_001;
  await pull("1.0", ALI);
  expect(asked).toBe(4);
});

test("an identity token gets tokens, and a login gets an identity token", async () => {
  registry.addImage();
  const asked: string[] = [];
  registry.before = (request, response) => {
    const url = new URL(request.url ?? "", "http://x");
    if (url.pathname === "/token") {
      void text(request).then((form) => {
        asked.push(`${request.method} ${new URLSearchParams(form || url.search)}`);
        response.end(JSON.stringify({ token: "T", refresh_token: "R" }));
      });
      return true;
    }
    if (request.headers.authorization === "Bearer T") {
      if (url.pathname !== "/v2/") return false;
      response.end();
      return true;
    }
    const realm = `http://${registry.name.split("/")[0]}/token`;
    response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}",service="here"` }).end();
    return true;
  };
  const host = registry.name.split("/")[0] ?? "";
  expect(await transfer.checkCredentials(host, ALI, new AbortController().signal)).toBe("R");
  await pull("1.0", { identityToken: "R" });
  expect(asked).toEqual([
    "GET service=here&offline_token=true&client_id=tsukube",
    "POST scope=repository%3Ateam%2Fapp%3Apull&service=here&grant_type=refresh_token&refresh_token=R&client_id=tsukube",
  ]);
});

test("a challenge that leads nowhere, and a token server that gives no token, are refusals", async () => {
  registry.addImage();
  let realm = "file:///etc/passwd";
  registry.before = (request, response) => {
    if (request.url?.startsWith("/token") === true) response.end("<html>");
    else response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"` }).end();
    return true;
  };
  await expect(pull()).rejects.toMatchObject({ code: "unauthorized", message: expect.stringContaining(realm) });
  realm = `http://${registry.name.split("/")[0]}/token`;
  await expect(pull()).rejects.toMatchObject({
    code: "unauthorized",
    message: expect.stringContaining("there is none"),
  });
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
  expect(sha256(registry.manifests.get("copy")!.bytes)).toBe(digest);
  expect(digest).not.toBe(index);
});

test("removing an image frees what no other holds", async () => {
  registry.addImage();
  const image = await pull();
  const release = await garbage.hold();
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

test("a login at a registry that is not there says what to look at", async () => {
  const login = transfer.checkCredentials(
    "localhost:1",
    { username: "a", password: "b" },
    new AbortController().signal,
  );
  await expect(login).rejects.toMatchObject({
    code: "unreachable",
    message: expect.stringMatching(/^Cannot log in to "localhost:1": Cannot reach .*; check that the registry runs/),
  });
});
