import { createReadStream, createWriteStream, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { chown, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { run, writeRecord } from "@tsukube/host";
import { makeNode, setAttribute, systemMounts } from "@tsukube/kernel";
import { scratchFolder } from "@tsukube/kernel/scratch";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ImageRecord } from "./image-store.ts";
import { ImagesUnderTest } from "./images-under-test.ts";
import { digestOf } from "./layer-tar.ts";
import { shortName } from "./snapshotter.ts";
import { SystemImages } from "./system-images.ts";

type Machine = Awaited<ReturnType<typeof ImagesUnderTest.overlay>>;

describe.skipIf(process.getuid?.() !== 0)("images as files (need root)", () => {
  let folder: string;
  let remove: () => void;
  let here: Machine;
  let there: Machine;
  beforeEach(async () => {
    ({ path: folder, remove } = scratchFolder("archive"));
    here = await ImagesUnderTest.overlay(`${folder}/here`);
    there = await ImagesUnderTest.overlay(`${folder}/there`);
  });
  afterEach(() => remove());

  async function saved(machine: Machine, ...names: string[]): Promise<string> {
    await pipeline(machine.archive.save(names), createWriteStream(`${folder}/saved.tar`));
    return `${folder}/saved.tar`;
  }

  /** An image of two layers: the second deletes, replaces and adds. */
  async function makeImages(): Promise<void> {
    const base = await here.make("docker.io/library/base:1", async (root) => {
      mkdirSync(`${root}/etc/old`, { recursive: true });
      writeFileSync(`${root}/etc/old/a`, "a");
      writeFileSync(`${root}/program`, "program");
      await chown(`${root}/program`, 3_000_000, 7);
    });
    await here.make(
      "localhost:5000/team/app:2",
      (root) => {
        mkdirSync(`${root}/etc/old`, { recursive: true });
        setAttribute(`${root}/etc/old`, "trusted.overlay.opaque", Buffer.from("y"));
        makeNode(`${root}/program`, "character");
        writeFileSync(`${root}/etc/new`, Buffer.alloc(300_000, "new"));
      },
      { Cmd: ["x"], Labels: { a: "b" } },
      base,
    );
  }

  test("what is saved loads elsewhere with ids, names and files, and saves to the same bytes again", async () => {
    await makeImages();
    const archive = await saved(here, "base:1", "localhost:5000/team/app:2");
    const loaded = await there.archive.load(createReadStream(archive));
    expect(loaded.map(({ id, names }) => [id, names])).toEqual(here.images.all.map(({ id, names }) => [id, names]));
    const app = there.images.find("localhost:5000/team/app:2")!;
    expect([app.config, app.document]).toEqual([
      { Cmd: ["x"], Labels: { a: "b" } },
      here.images.find(app.id)?.document,
    ]);
    mkdirSync(`${folder}/mnt`);
    await there.snapshotter.mount("one", app.chain, `${folder}/mnt`);
    const { stdout } = await run("find", [`${folder}/mnt`, "-mindepth", "1", "-printf", "%P %s\n"]);
    expect(stdout.split("\n").filter((line) => /new|program|old\//.test(line))).toEqual(["etc/new 300000"]);
    systemMounts.unmount(`${folder}/mnt`);
    const again = await digestOf(there.archive.save(["base:1", "localhost:5000/team/app:2"]));
    expect(again).toEqual(await digestOf(createReadStream(archive)));
  });

  test("compressed archives load; saving by id leaves an image without a name", async () => {
    await makeImages();
    const { id } = here.images.find("base:1")!;
    const archive = await saved(here, id);
    writeFileSync(`${archive}.gz`, gzipSync(readFileSync(archive)));
    writeFileSync(`${archive}.zst`, zstdCompressSync(readFileSync(archive)));
    for (const form of [`${archive}.gz`, `${archive}.zst`]) {
      const machine = await ImagesUnderTest.overlay(`${folder}/${form.at(-1)}`);
      expect(await machine.archive.load(createReadStream(form))).toMatchObject([{ id, names: [] }]);
    }
  });

  test("the format of docker before version 25 loads: layers in folders, linked where they are equal", async () => {
    await makeImages();
    const archive = await saved(here, "localhost:5000/team/app:2");
    mkdirSync(`${folder}/x/one`, { recursive: true });
    mkdirSync(`${folder}/x/two`);
    mkdirSync(`${folder}/x/three`);
    await run("tar", ["-C", `${folder}/x`, "-xf", archive]);
    const [entry] = JSON.parse(readFileSync(`${folder}/x/manifest.json`, "utf8")) as {
      Config: string;
      RepoTags: string[];
      Layers: string[];
    }[];
    const config = `${entry!.Config.split("/").at(-1)}.json`;
    await run("mv", [`${folder}/x/${entry!.Config}`, `${folder}/x/${config}`]);
    await run("mv", [`${folder}/x/${entry!.Layers[0]}`, `${folder}/x/one/layer.tar`]);
    await run("mv", [`${folder}/x/${entry!.Layers[1]}`, `${folder}/x/two/layer.tar`]);
    await run("ln", ["-s", "../two/layer.tar", `${folder}/x/three/layer.tar`]);
    for (const name of ["blobs", "index.json", "oci-layout"]) await rm(`${folder}/x/${name}`, { recursive: true });
    const Layers = ["one/layer.tar", "three/layer.tar"];
    writeFileSync(`${folder}/x/manifest.json`, JSON.stringify([{ ...entry, Config: config, Layers }]));
    await run("tar", ["-C", `${folder}/x`, "-cf", `${folder}/old.tar`, "."]);
    const [image] = await there.archive.load(createReadStream(`${folder}/old.tar`));
    expect(image).toMatchObject({
      id: here.images.find("localhost:5000/team/app:2")?.id,
      names: ["localhost:5000/team/app:2"],
    });
    expect((await there.content.list()).length).toBe(3); // configuration and two layers: nothing else is kept
  });

  test("images of this machine's files have archives that are the same whenever they are written", async () => {
    const system = new SystemImages({ ...here, node: "/bin/cat" });
    const image = await system.ensure("node:26");
    await system.ensure("busybox:latest");
    await there.archive.load(here.archive.save(["tsukube.local/node:26", "tsukube.local/busybox"]));
    expect(there.images.find("tsukube.local/node:26")?.id).toBe(image.id);
  });

  test("a layer of this machine's files is read once, also for the images of later bundles and after a restart", async () => {
    const build = async (machine: Machine, hash: string): Promise<ImageRecord> => {
      mkdirSync(`${folder}/${hash}`, { recursive: true });
      writeFileSync(`${folder}/${hash}/main.js`, hash);
      const bundle = { folder: `${folder}/${hash}`, hash };
      return new SystemImages({ ...machine, node: "/bin/cat", bundle }).ensure(`system:${hash}`);
    };
    const first = await build(here, "one");
    const restarted = await ImagesUnderTest.overlay(here.folder);
    await restarted.garbage.collectAfterStart([`${here.folder}/s/new`]);
    const staged = vi.spyOn(restarted.snapshotter, "stage");
    const second = await build(restarted, "two");
    expect(staged).toHaveBeenCalledTimes(1);
    expect(second.diffIds[0]).toBe(first.diffIds[0]);
    expect(second.diffIds[1]).not.toBe(first.diffIds[1]);
    await there.archive.load(restarted.archive.save(["tsukube.local/system:one", "tsukube.local/system:two"]));
    expect(there.images.all.map(({ id }) => id)).toEqual([first.id, second.id]);
  });

  test("files that changed on disk are not passed off as the image", async () => {
    await makeImages();
    const { chain } = here.images.find("base:1")!;
    const file = `${here.snapshotter.layerFolder(chain[0]!)}/program`;
    writeFileSync(file, "program that is longer");
    await expect(saved(here, "base:1")).rejects.toMatchObject({ code: "damaged" });
    writeFileSync(file, "pr0gram");
    await expect(saved(here, "base:1")).rejects.toThrow("changed on disk");
  });

  test("removing an image removes what only it has", async () => {
    await makeImages();
    for (const { id } of here.images.all) await here.images.remove(id);
    await here.garbage.collect();
    expect([await here.leftovers(), here.images.layers.all]).toEqual([[], []]);
  });

  test("a record of an older version becomes an image, whose layers are held meanwhile", async () => {
    await makeImages();
    const app = here.images.find("localhost:5000/team/app:2")!;
    await there.archive.load(here.archive.save(["localhost:5000/team/app:2"]));
    const pulled = there.images.find(app.id)!;
    for (const [machine, image] of [
      [here, app],
      [there, pulled],
    ] as const) {
      const { names, digests, config, chain, blobs, sizeBytes, pinned } = image;
      const id = machine === here ? `sha256:${"1".repeat(64)}` : image.id; // images made here had ids of another kind
      const record = { id, names, digests, config, chain, blobs, sizeBytes, pinned };
      for (const { id } of machine.images.all) await machine.images.remove(id);
      await rm(`${machine.folder}/images`, { recursive: true });
      await writeRecord(`${machine.folder}/images/${id.replace(":", "-")}`, record);
      const next = await ImagesUnderTest.overlay(machine.folder);
      await next.garbage.collectAfterStart([`${machine.folder}/s/new`]);
      const found = next.images.find("localhost:5000/team/app:2")!;
      expect(found).toMatchObject({ config, chain, names });
      expect(found.diffIds.length).toBe(2);
      expect(next.images.all.length).toBe(1);
      expect((await next.snapshotter.chains()).toSorted()).toEqual(chain.map(shortName).toSorted());
      await digestOf(next.archive.save(["localhost:5000/team/app:2"]));
      if (machine === there) expect(found.id).toBe(app.id);
    }
  });
});
