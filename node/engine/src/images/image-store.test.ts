import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeRecord } from "@tsukube/host";
import { afterEach, beforeEach, expect, test } from "vitest";
import { documentOf } from "./image-document.ts";
import { ImageStore } from "./image-store.ts";

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const layer = (digit: string) => ({ diffId: digest(digit), chainId: digest(digit), size: 10 });

let folder: string;
let images: ImageStore;
let now = 1000;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tsukube-images-"));
  images = new ImageStore(`${folder}/images`, { now: () => now });
  await images.load();
});
afterEach(() => rm(folder, { recursive: true }));

async function again(): Promise<ImageStore> {
  const other = new ImageStore(`${folder}/images`, { now: () => now });
  await other.load();
  return other;
}

test("an image knows when it was last given a tag", async () => {
  const made = await images.create({ layers: [layer("a")], config: {}, names: [] });
  expect(made.taggedAt).toBeUndefined();
  now = 2000;
  await images.put({ ...made, names: ["docker.io/library/app:1"] });
  now = 3000;
  await images.untag(made.id, "app:1");
  expect((await again()).all.map(({ taggedAt }) => taggedAt)).toEqual([2000]);
});

test("an image made here is named by the digest of its configuration, which it keeps", async () => {
  const base = await images.create({
    layers: [layer("a")],
    config: { Env: ["A=1"] },
    history: [{ created_by: "COPY" }],
    created: "2026-01-02T03:04:05Z",
    names: ["docker.io/library/base:latest"],
    platform: { os: "linux", architecture: "arm64", variant: "v8" },
  });
  const image = await images.create({
    base,
    layers: [layer("b")],
    config: { Cmd: ["x"] },
    history: [{ created_by: "ENV", empty_layer: true }, { created_by: "RUN" }],
    names: ["docker.io/library/app:1"],
  });
  expect(image.id).toBe(`sha256:${createHash("sha256").update(image.document).digest("hex")}`);
  expect(documentOf(image)).toEqual({
    architecture: "arm64",
    os: "linux",
    variant: "v8",
    config: { Cmd: ["x"] },
    rootfs: { type: "layers", diff_ids: [digest("a"), digest("b")] },
    history: [{ created_by: "COPY" }, { created_by: "ENV", empty_layer: true }, { created_by: "RUN" }],
  });
  expect(image).toMatchObject({ chain: [digest("a"), digest("b")], sizeBytes: 20, config: { Cmd: ["x"] } });
  expect(base.created).toBe("2026-01-02T03:04:05Z");
  const loaded = await again();
  expect(loaded.find("app:1")).toEqual(image);
  expect(loaded.layers.get(digest("b"))).toEqual({
    diffId: digest("b"),
    forms: [],
    made: { size: 10, metadata: "kept" },
  });
});

test("a name belongs to one image, and can be taken away", async () => {
  const make = (digit: string) =>
    images.create({ layers: [layer(digit)], config: {}, names: ["docker.io/library/a:1"] });
  const first = await make("1");
  const second = await make("2");
  expect(images.find(first.id)?.names).toEqual([]);
  expect(images.find("a:1")?.id).toBe(second.id);
  expect(await images.untag(second.id, "a:2")).toBe(false);
  expect(await images.untag(second.id, "a:1")).toBe(true);
  expect([images.find("a:1"), (await again()).find("a:1")]).toEqual([undefined, undefined]);
});

test("names given and taken at the same time are all there, or gone, in memory and on disk", async () => {
  const make = (digit: string, name: string) =>
    images.create({ layers: [layer(digit)], config: {}, names: [`docker.io/library/${name}`] });
  const image = await make("1", "a:old");
  const tags = Array.from({ length: 8 }, (_, index) => `docker.io/library/a:${index}`);
  await Promise.all([
    ...tags.map((tag) => images.name(image.id, [tag])),
    images.untag(image.id, "a:old"),
    ...tags.slice(0, 2).map((tag) => images.put({ ...image, names: [tag], blobs: [digest("b")] })),
    make("2", "b:moved"),
    make("3", "b:moved"),
  ]);
  for (const store of [images, await again()]) {
    expect([...(store.find(image.id)?.names ?? [])].sort()).toEqual(tags);
    expect(store.find(image.id)?.blobs).toEqual([digest("b")]);
    expect(store.all.filter(({ names }) => names.includes("docker.io/library/b:moved"))).toHaveLength(1);
  }
  await Promise.all([images.remove(image.id), images.name(image.id, ["docker.io/library/a:late"]).catch(() => {})]);
  expect((await again()).find(image.id)).toBeUndefined();
});

test("an image is found by the first digits of its id, unless several begin so", async () => {
  const image = await images.create({ layers: [layer("1")], config: {}, names: [] });
  const hex = image.id.replace("sha256:", "");
  expect(images.find(hex.slice(0, 12))?.id).toBe(image.id);
  expect(images.find(hex.slice(0, 11))).toBeUndefined();
  await images.put({ ...image, id: `sha256:${hex.slice(0, 20)}${"0".repeat(44)}` });
  expect(images.find(hex.slice(0, 12))).toBeUndefined();
  expect(images.find(`sha256:${hex.slice(0, 30)}`)?.id).toBe(image.id);
});

test("a record of an older version loads, but is no image yet", async () => {
  const old = { id: digest("0"), names: ["docker.io/library/old:1"], digests: [], config: {}, chain: [digest("c")] };
  await writeRecord(`${folder}/images/sha256-${"0".repeat(64)}`, { ...old, blobs: [], sizeBytes: 1, pinned: true });
  const loaded = await again();
  expect([loaded.all, loaded.find("old:1")]).toEqual([[], undefined]);
  expect(loaded.old).toMatchObject([old]);
});
