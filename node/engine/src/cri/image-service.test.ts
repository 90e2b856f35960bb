import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ImagesUnderTest } from "../images/images-under-test.ts";
import type { SystemImages } from "../images/system-images.ts";
import { TinyRegistry } from "../images/tiny-registry.ts";
import { imageService } from "./image-service.ts";

let folder: string;
let registry: TinyRegistry;
let machine: Awaited<ReturnType<typeof ImagesUnderTest.reading>>;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tsukube-image-service-"));
  registry = await TinyRegistry.start();
  machine = await ImagesUnderTest.reading(folder);
});
afterEach(async () => {
  registry.close();
  await rm(folder, { recursive: true });
});

async function pull(name: string): Promise<string | undefined> {
  const { images, transfer, garbage } = machine;
  const systemImages = {} as SystemImages; // none is asked for
  const others = { stateDirectory: folder, now: () => 0, inUse: () => new Set<string>() };
  const service = imageService({ images, transfer, garbage, systemImages, ...others });
  return (await service.PullImage?.({ image: { image: name } }, {} as never))?.imageRef;
}

test("an image that was built here is pulled from nowhere, until a registry has it under its name", async () => {
  const name = `${registry.name}:1`;
  const built = await machine.make(name, (root) => writeFile(`${root}/a`, "mine"));
  expect(await pull(name)).toBe(built.id);
  expect(registry.asked).toEqual([]);
  await machine.transfer.push(name);
  registry.asked.splice(0);
  expect(await pull(name)).toBe(built.id);
  expect(registry.asked).toContain("GET manifests/1");
});

test("an image of a registry is asked for there again each time", async () => {
  registry.addImage();
  const id = await pull(`${registry.name}:1.0`);
  registry.asked.splice(0);
  expect(await pull(`${registry.name}:1.0`)).toBe(id);
  expect(registry.asked).toContain("GET manifests/1.0");
});
