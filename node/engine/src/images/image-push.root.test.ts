import { mkdirSync, writeFileSync } from "node:fs";
import { scratchFolder } from "@tsukube/kernel/scratch";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ImageRecord } from "./image-store.ts";
import { ImagesUnderTest } from "./images-under-test.ts";
import { digestOf, writeLayerTar } from "./layer-tar.ts";
import { parseReference } from "./reference.ts";
import { REGISTRY_USER, RegistryUnderTest } from "./registry-under-test.ts";
import { SystemImages } from "./system-images.ts";
import type { LayerProgress } from "./transfer-progress.ts";

type Machine = Awaited<ReturnType<typeof ImagesUnderTest.overlay>>;

describe.skipIf(process.getuid?.() !== 0)("images in Debian's registry (need root)", () => {
  let folder: string;
  let remove: () => void;
  let open: RegistryUnderTest;
  let closed: RegistryUnderTest;
  let here: Machine;
  let there: Machine;
  let sequence = 0;

  beforeAll(async () => {
    ({ path: folder, remove } = scratchFolder("push"));
    open = await RegistryUnderTest.start(`${folder}/registry`);
    closed = await RegistryUnderTest.start(`${folder}/registry`, { password: true });
  }, 60_000);
  afterAll(async () => {
    await open?.stop();
    await closed?.stop();
    remove?.();
  });
  beforeEach(async () => {
    sequence++;
    here = await ImagesUnderTest.overlay(`${folder}/here-${sequence}`);
    there = await ImagesUnderTest.overlay(`${folder}/there-${sequence}`);
  });

  /** Two layers that no other test has. */
  async function make(name: string): Promise<ImageRecord> {
    const base = await here.make(`${name}-base`, (root) => writeFileSync(`${root}/a`, `a ${sequence}`.repeat(100_000)));
    const fill = (root: string): void => {
      mkdirSync(`${root}/etc`);
      writeFileSync(`${root}/etc/b`, `b ${sequence}`);
    };
    return here.make(name, fill, { Cmd: ["x"] }, base);
  }

  function states(progress: readonly LayerProgress[], image: ImageRecord): readonly (readonly string[])[] {
    return image.diffIds.map((diffId) => [
      ...new Set(progress.filter(({ digest }) => digest === diffId).map(({ state }) => state)),
    ]);
  }

  test("an image made here is pushed, removed, and pulled back by tag and by digest", async () => {
    const name = `${open.host}/team/app:1`;
    const image = await make(name);
    const progress: LayerProgress[] = [];
    const { digest } = await here.transfer.push(name, { onProgress: (step) => progress.push(step) });
    expect(states(progress, image)).toEqual([
      ["waiting", "uploading", "done"],
      ["waiting", "uploading", "done"],
    ]);
    expect(progress.filter(({ state }) => state === "done").every(({ bytes, size }) => bytes === size)).toBe(true);
    for (const { id } of here.images.all) await here.images.remove(id);
    await here.garbage.collect();
    expect(await here.leftovers()).toEqual([]);
    for (const reference of [name, `${open.host}/team/app@${digest}`]) {
      const { image: pulled } = await here.transfer.pull(parseReference(reference));
      expect(pulled).toMatchObject({ id: image.id, document: image.document, chain: image.chain });
      expect(here.images.find(`${open.host}/team/app@${digest}`)?.id).toBe(image.id);
    }
    const layer = here.snapshotter.layerFolder(image.chain[0]!);
    expect((await digestOf(writeLayerTar(layer))).digest).toBe(image.diffIds[0]);
  });

  test("what the registry has is not sent again, and is mounted from other repositories", async () => {
    const image = await make(`${open.host}/team/one:1`);
    await here.transfer.push(`${open.host}/team/one:1`);
    await here.images.put({ ...image, names: [`${open.host}/team/one:2`, `${open.host}/other/two:1`] });
    for (const [name, state] of [
      [`${open.host}/team/one:2`, "exists"],
      [`${open.host}/other/two:1`, "mounted"],
    ] as const) {
      const progress: LayerProgress[] = [];
      await here.transfer.push(name, { onProgress: (step) => progress.push(step) });
      expect(states(progress, image)).toEqual([
        ["waiting", state],
        ["waiting", state],
      ]);
      expect((await there.transfer.pull(parseReference(name))).image.id).toBe(image.id);
    }
  });

  test("an image on top of a pulled one keeps the layers below as they are in the registry", async () => {
    await make(`${open.host}/team/base:1`);
    await here.transfer.push(`${open.host}/team/base:1`);
    const { image: base } = await there.transfer.pull(parseReference(`${open.host}/team/base:1`));
    const name = `${open.host}/team/above:1`;
    const image = await there.make(name, (root) => writeFileSync(`${root}/c`, `c ${sequence}`), {}, base);
    await there.images.remove(base.id);
    await there.garbage.collect();
    const progress: LayerProgress[] = [];
    await there.transfer.push(name, { onProgress: (step) => progress.push(step) });
    expect(states(progress, image).map((steps) => steps.at(-1))).toEqual(["mounted", "mounted", "done"]);
    expect((await here.transfer.pull(parseReference(name))).image.id).toBe(image.id);
  });

  test("images of this machine's files are pushed, and pulled by another", async () => {
    const system = new SystemImages({ ...here, node: "/bin/cat" });
    for (const built of ["node:26", "busybox:latest"]) {
      const image = await system.ensure(built);
      const name = `${open.host}/${built}`;
      await here.images.put({ ...image, names: [name] });
      await here.transfer.push(name);
      expect((await there.transfer.pull(parseReference(name))).image.id).toBe(image.id);
    }
  });

  test("what a pull tells of its layers goes from waiting to done", async () => {
    const name = `${open.host}/team/progress:1`;
    const image = await make(name);
    await here.transfer.push(name);
    const progress: LayerProgress[] = [];
    await there.transfer.pull(parseReference(name), { onProgress: (step) => progress.push(step) });
    const layers = Map.groupBy(progress, ({ digest }) => digest);
    expect(layers.size).toBe(image.diffIds.length);
    for (const steps of layers.values()) {
      expect(new Set(steps.map(({ state }) => state))).toEqual(
        new Set(["waiting", "downloading", "extracting", "done"]),
      );
      expect(steps.every(({ bytes, size }) => bytes <= size)).toBe(true);
    }
    progress.length = 0;
    await there.transfer.pull(parseReference(name), { onProgress: (step) => progress.push(step) });
    expect(new Set(progress.map(({ state }) => state))).toEqual(new Set(["waiting", "exists"]));
  });

  test("what is missing, and what is damaged, is named with what to do", async () => {
    const name = `${open.host}/team/damaged:1`;
    await make(name);
    const { digest } = await here.transfer.push(name);
    const pull = (reference: string) => there.transfer.pull(parseReference(reference));
    const other = digest.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
    await expect(pull(`${open.host}/team/damaged:2`)).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringMatching(
        `^Cannot pull "${open.host}/team/damaged:2".*manifest unknown.*check name and tag`,
      ),
    });
    await expect(pull(`${open.host}/team/damaged@${other}`)).rejects.toMatchObject({ code: "not-found" });
    await expect(pull(`${open.host}/team/nothing:1`)).rejects.toMatchObject({ code: "not-found" });
    await expect(here.transfer.push(`${open.host}/team/nothing:1`)).rejects.toThrow("no such image on this machine");
    const { digest: layer } = here.images.layers.get(here.images.find(name)!.diffIds[0]!)!.forms[0]!;
    await open.damage(layer);
    await expect(pull(name)).rejects.toMatchObject({
      code: "wrong-digest",
      message: expect.stringMatching(`^Cannot pull "${name}".*${layer}.*pull again`),
    });
    expect(there.images.all).toEqual([]);
    await there.garbage.collect();
    expect([await there.leftovers(), there.images.layers.all]).toEqual([[], []]);
  });

  test("a registry with passwords lets in who has one", async () => {
    const name = `${closed.host}/team/private:1`;
    const image = await make(name);
    for (const credentials of [{}, { ...REGISTRY_USER, password: "wrong" }]) {
      await expect(here.transfer.push(name, { credentials })).rejects.toMatchObject({
        code: "unauthorized",
        message: expect.stringMatching(`^Cannot push "${name}".*401.*user name and password`),
      });
    }
    await here.transfer.push(name, { credentials: REGISTRY_USER });
    await expect(there.transfer.pull(parseReference(name))).rejects.toMatchObject({ code: "unauthorized" });
    const auth = Buffer.from(`${REGISTRY_USER.username}:${REGISTRY_USER.password}`).toString("base64");
    expect((await there.transfer.pull(parseReference(name), { credentials: { auth } })).image.id).toBe(image.id);
  });

  test("files that changed on disk are not pushed as the image", async () => {
    const name = `${open.host}/team/changed:1`;
    const image = await make(name);
    writeFileSync(`${here.snapshotter.layerFolder(image.chain[1]!)}/etc/b`, "x".repeat(`b ${sequence}`.length));
    await expect(here.transfer.push(name)).rejects.toMatchObject({ code: "damaged" });
    await expect(there.transfer.pull(parseReference(name))).rejects.toMatchObject({ code: "not-found" });
  });
});
