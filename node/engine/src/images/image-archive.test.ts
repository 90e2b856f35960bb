import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { TsukubeError } from "@tsukube/foundation";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ImagesUnderTest, type ReadingSnapshotter } from "./images-under-test.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from "./manifest.ts";
import { OWN_PLATFORM } from "./platform.ts";
import { TAR_END, tarHeader, tarPadding } from "./tar-header.ts";

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const pathOf = (digest: string): string => `blobs/${digest.replace(":", "/")}`;
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

let folder: string;
let machine: ImagesUnderTest<ReadingSnapshotter>;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tsukube-archive-"));
  machine = await ImagesUnderTest.reading(folder);
});
afterEach(() => rm(folder, { recursive: true }));

/** A tar archive of files; a name ending in "@" is a link to what its content says. */
function tar(files: Readonly<Record<string, Buffer>>): Buffer {
  const about = { mode: 0o644, uid: 0, gid: 0, mtime: 0 };
  const parts = Object.entries(files).flatMap(([name, content]) => {
    const path = name.replace(/@$/, "");
    if (path !== name) return [tarHeader({ ...about, path, type: "symlink", size: 0, linkPath: content.toString() })];
    return [tarHeader({ ...about, path, type: "file", size: content.length }), content, tarPadding(content.length)];
  });
  return Buffer.concat([...parts, TAR_END]);
}

async function* streamOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

const load = (files: Readonly<Record<string, Buffer>>) => machine.archive.load(streamOf(tar(files)));

/** The files of an OCI layout with an image of one compressed layer. */
function layout(change: { readonly document?: object; readonly blobs?: (blobs: Map<string, Buffer>) => void } = {}) {
  const content = tar({ "etc/a": Buffer.from("a") });
  const blob = gzipSync(content);
  const rootfs = { type: "layers", diff_ids: [digestOf(content)] };
  const document = json({ ...OWN_PLATFORM, config: { Cmd: ["a"] }, rootfs, ...change.document });
  const describe = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
  const manifest = json({
    schemaVersion: 2,
    config: describe(OCI_CONFIG, document),
    layers: [describe(`${OCI_LAYER}+gzip`, blob)],
  });
  const foreign = { ...describe(OCI_MANIFEST, Buffer.from("not there")), platform: { os: "linux", architecture: "z" } };
  const index = json({ manifests: [foreign, { ...describe(OCI_MANIFEST, manifest), platform: OWN_PLATFORM }] });
  const blobs = new Map([blob, document, manifest, index].map((bytes) => [pathOf(digestOf(bytes)), bytes]));
  change.blobs?.(blobs);
  const name = { "org.opencontainers.image.ref.name": "quay.io/a/b:1" };
  return {
    "oci-layout": json({ imageLayoutVersion: "1.0.0" }),
    "index.json": json({ manifests: [{ ...describe(OCI_INDEX, index), annotations: name }] }),
    ...Object.fromEntries(blobs),
  };
}

async function nothingIsLeft(): Promise<void> {
  expect([machine.images.all, await machine.leftovers(), machine.images.layers.all]).toEqual([[], [], []]);
}

test("an OCI layout for several platforms loads as the image for this machine", async () => {
  const [image] = await load(layout());
  expect(image).toMatchObject({ names: ["quay.io/a/b:1"], config: { Cmd: ["a"] }, ...OWN_PLATFORM });
  expect(machine.images.find("quay.io/a/b:1")?.id).toBe(image?.id);
  expect((await machine.content.list()).length).toBe(4); // index, manifest, configuration, layer
});

test("paths and links that lead out of the archive are refused", async () => {
  for (const path of ["../evil", "a/../../evil", "/evil"])
    await expect(load({ ...layout(), [path]: Buffer.from("x") })).rejects.toThrow(/leads out of it/);
  for (const target of ["../evil", "/etc/passwd"])
    await expect(load({ ...layout(), "link@": Buffer.from(target) })).rejects.toThrow(/leads out of it/);
  await nothingIsLeft();
});

test("a blob with other content than its name says is refused", async () => {
  const files = layout({
    blobs: (blobs) => {
      const [path, bytes] = [...blobs][0]!;
      blobs.set(path, Buffer.concat([bytes, Buffer.from("more")]));
    },
  });
  await expect(load(files)).rejects.toMatchObject({ code: "wrong-digest" });
  await nothingIsLeft();
});

test("a layer with other content than the configuration says is refused, even where its snapshot is there", async () => {
  await load(layout());
  const { diffIds } = machine.images.all[0]!;
  const content = tar({ "etc/evil": Buffer.from("evil") });
  const document = json({ ...OWN_PLATFORM, rootfs: { type: "layers", diff_ids: diffIds } });
  const evil = { "manifest.json": json([{ Config: "c.json", RepoTags: ["evil:1"], Layers: ["l/layer.tar"] }]) };
  await expect(load({ ...evil, "c.json": document, "l/layer.tar": content })).rejects.toMatchObject({
    code: "wrong-digest",
  });
  expect(machine.images.layers.get(diffIds[0]!)?.forms.length).toBe(1);
  expect((await machine.content.list()).length).toBe(4);
});

test("digests that are paths are refused before anything is named by them", async () => {
  const diff_ids = ["sha256:../../../../../../../tmp/x"];
  await expect(load(layout({ document: { rootfs: { type: "layers", diff_ids } } }))).rejects.toMatchObject({
    code: "invalid-image",
  });
  const manifests = [{ mediaType: OCI_MANIFEST, digest: "sha256:../../etc/passwd", size: 1 }];
  await expect(load({ ...layout(), "index.json": json({ manifests }) })).rejects.toMatchObject({
    code: "invalid-image",
  });
  await nothingIsLeft();
});

test("what is missing or malformed is named", async () => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ x: Buffer.from("") }, /neither index.json nor manifest.json/],
    [{ "manifest.json": json({}) }, /manifest.json is malformed/],
    [{ "manifest.json": json([{ Config: "c.json", Layers: [] }]) }, /"c.json", which is not in it/],
    [{ "manifest.json": json([]) }, /holds no image/],
    [{ ...layout(), "oci-layout": json({ imageLayoutVersion: "2.0.0" }) }, /version 2.0.0/],
    [layout({ blobs: (blobs) => blobs.delete([...blobs.keys()][0]!) }), /which is not in it/],
    [layout({ document: { rootfs: { type: "layers", diff_ids: [] } } }), /1 layers for 0 digests/],
    [{ "a@": Buffer.from("b"), "b@": Buffer.from("a"), "manifest.json@": Buffer.from("a") }, /neither/],
  ];
  for (const [files, message] of cases)
    await expect(load(files as Readonly<Record<string, Buffer>>)).rejects.toThrow(message);
  await expect(machine.archive.load(streamOf(tar(layout()).subarray(0, 2000)))).rejects.toMatchObject({
    code: "invalid-tar",
  });
  await nothingIsLeft();
});

test("saving what is not there fails before the first byte", async () => {
  await expect(machine.archive.save(["nothing"]).next()).rejects.toMatchObject({ code: "not-found" });
});

test("a damaged archive is refused with a code, or the damage did no harm; nothing is left of it", async () => {
  const whole = tar(layout());
  const damage = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255), cut: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(damage, async ({ at, byte, cut }) => {
      const bytes = cut ? whole.subarray(0, at) : Buffer.from(whole);
      if (!cut) bytes[at] = byte;
      const loaded = await machine.archive.load(streamOf(bytes)).catch((error: unknown) => error);
      if (!Array.isArray(loaded)) expect(loaded).toBeInstanceOf(TsukubeError);
      for (const { id } of machine.images.all) await machine.images.remove(id);
      await machine.garbage.collect();
      await nothingIsLeft();
    }),
    { numRuns: 60 },
  );
});
