import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ImagesUnderTest } from "./images-under-test.ts";

test("an image that is made while another one's layers are removed keeps its own", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tsukube-garbage-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const machine = await ImagesUnderTest.reading(folder);
  const { images, content, snapshotter, garbage } = machine;
  await snapshotter.commit("old", [], { tar: async function* () {} });
  await content.write([Buffer.from("nobody's")]);
  const [begun, removed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  snapshotter.removeChain = async (chain) => {
    begun.resolve();
    await removed.promise;
    snapshotter.sizes.delete(chain);
  };
  const collected = garbage.collect();
  await begun.promise;
  const made = (async () => {
    const release = await garbage.hold();
    const hadOld = snapshotter.has("old");
    const { digest } = await content.write([Buffer.from("blob")]);
    const image = await images.create({ layers: [], config: {}, names: ["docker.io/library/new:1"] });
    await images.put({ ...image, blobs: [digest] });
    await release();
    return { hadOld, digest };
  })();
  await new Promise((resolve) => setImmediate(resolve));
  removed.resolve();
  await collected;
  const { hadOld, digest } = await made;
  await garbage.collect();
  expect([hadOld, await content.list(), await snapshotter.chains()]).toEqual([false, [digest], []]);
});
