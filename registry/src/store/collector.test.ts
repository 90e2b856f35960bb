import { existsSync } from "node:fs";
import { readdir, utimes, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { digestOf, imageManifest, RegistryUnderTest } from "../registry-under-test.ts";

const KEEP = 60 * 60_000;
let registry: RegistryUnderTest;
beforeEach(async () => void (registry = await RegistryUnderTest.start({ keepMs: KEEP })));
afterEach(() => registry.close());

const files = async (): Promise<readonly string[]> =>
  (await readdir(registry.folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(registry.folder.length + 1));
const isKept = (digest: string): boolean =>
  existsSync(`${registry.folder}/blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}`);

test("what a manifest names stays; what nothing names goes once nobody looked for it for long enough", async () => {
  await registry.pushImage("app", "1", ["layer"]);
  const loose = await registry.pushBlob("app", "loose");
  registry.later(KEEP - 1000);
  expect(await registry.registry.collect()).toMatchObject({ links: 0, blobs: 0 });
  registry.later(2000);
  expect(await registry.registry.collect()).toMatchObject({ links: 1, blobs: 1, bytes: 5 });
  expect(await registry.status("GET", `/v2/app/blobs/${loose}`)).toBe(404);
  expect(isKept(loose)).toBe(false);
  for (const content of ["{}", "layer"])
    expect(await (await registry.ask("GET", `/v2/app/blobs/${digestOf(content)}`)).text()).toBe(content);
});

test("a deleted image leaves nothing behind, unless another repository shows its blobs", async () => {
  const digest = await registry.pushImage("one", "1", ["own", "shared"]);
  await registry.pushImage("two", "1", ["shared"]);
  await registry.ask("DELETE", `/v2/one/manifests/${digest}`);
  registry.later(KEEP + 1000);
  expect(await registry.registry.collect()).toMatchObject({ links: 3, blobs: 2 }); // "own" and the manifest
  expect([isKept(digestOf("shared")), isKept(digestOf("own")), isKept(digest)]).toEqual([true, false, false]);
  expect((await files()).filter((path) => path.startsWith("repositories/one/"))).toEqual([]);
  expect(await registry.status("GET", `/v2/two/blobs/${digestOf("shared")}`)).toBe(200);
});

test("a blob that a push was told to be there stays until its manifest comes, also over a restart", async () => {
  const layer = await registry.pushBlob("app", "layer");
  registry.later(KEEP * 0.9);
  expect(await registry.status("HEAD", `/v2/app/blobs/${layer}`)).toBe(200);
  registry.later(KEEP * 0.9);
  await registry.registry.collect();
  expect(await registry.status("HEAD", `/v2/app/blobs/${layer}`)).toBe(200);
  await registry.restart();
  registry.later(KEEP * 0.9);
  await registry.registry.collect();
  await registry.pushBlob("app", "{}");
  expect((await registry.putManifest("app", "1", imageManifest(["layer"]))).status).toBe(201);
});

test("asking for what is not there keeps nothing", async () => {
  const layer = await registry.pushBlob("app", "layer");
  registry.later(KEEP + 1000);
  expect(await registry.status("HEAD", `/v2/other/blobs/${layer}`)).toBe(404);
  expect(await registry.registry.collect()).toMatchObject({ blobs: 1 });
});

test("uploads that nobody goes on with and files of a killed write go", async () => {
  const begun = await registry.ask("POST", "/v2/app/blobs/uploads/");
  const place = begun.headers.get("location") ?? "";
  await registry.pushImage("app", "1", []);
  await writeFile(`${registry.folder}/repositories/app/_tags/.1.77.1.tmp`, "half");
  registry.later(KEEP + 1000);
  expect(await registry.registry.collect()).toMatchObject({ uploads: 1, links: 0, blobs: 0 });
  expect(await registry.status("GET", place)).toBe(404);
  expect((await files()).filter((path) => path.includes(".tmp"))).toEqual([]);
});

test("a referrer holds its blobs, and a damaged record stops the collection before anything is lost", async () => {
  const subject = { mediaType: "application/json", digest: digestOf("gone"), size: 4 };
  const digest = await registry.pushImage("app", "signature", ["signed"], { subject });
  await registry.pushBlob("app", "loose");
  registry.later(KEEP + 1000);
  await writeFile(`${registry.folder}/repositories/app/_manifests/sha256/${digest.slice(7)}`, "nonsense");
  await expect(registry.registry.collect()).rejects.toMatchObject({ code: "damaged" });
  expect([isKept(digestOf("signed")), isKept(digestOf("loose"))]).toEqual([true, true]);
});

test("pushes and collections at the same time never leave a manifest without its blobs", async () => {
  const layers = Array.from({ length: 5 }, (_, index) => `layer ${index}`);
  const push = async (name: string, round: number): Promise<void> => {
    const digest = await registry.pushImage(name, "1", layers, { annotations: { round: String(round) } });
    for (const layer of layers) expect(await registry.status("HEAD", `/v2/${name}/blobs/${digestOf(layer)}`)).toBe(200);
    await registry.ask("DELETE", `/v2/${name}/manifests/${digest}`);
  };
  let collected = 0;
  for (let round = 0; round < 4; round++) {
    let pushing = true;
    const collecting = (async () => {
      while (pushing) collected += (await registry.registry.collect()).blobs;
    })();
    await Promise.all(["one", "two", "three"].map((name) => push(name, round)));
    pushing = false;
    await collecting;
    await registry.restart(); // what a round left is garbage while the next one pushes the same again
    for (const path of await files()) await age(`${registry.folder}/${path}`, KEEP + 1000);
  }
  expect(collected).toBeGreaterThan(0);
});

async function age(path: string, ms: number): Promise<void> {
  const then = (Date.now() - ms) / 1000;
  await utimes(path, then, then);
}
