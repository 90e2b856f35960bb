import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { buildContext } from "../docker/build-context.ts";
import { askDocker } from "../docker/docker-client-under-test.ts";
import { EngineUnderTest } from "../engine-under-test.ts";
import { TinyRegistry } from "../images/tiny-registry.ts";
import type { CachePlace } from "./contracts.ts";

const DOCKERFILE = [
  "FROM tsukube.local/busybox AS tools",
  "RUN echo tool > /tool && chmod 4755 /tool && ln -s tool /link",
  "FROM tsukube.local/busybox",
  "WORKDIR /app",
  "COPY --from=tools /tool /link /app/",
  "COPY source .",
  "RUN cat source tool > both && touch -d '2001-02-03 04:05:06' both && echo ran",
].join("\n");

/** In the output of a build whose last step ran. */
const RAN = "\nran\n";

describe.skipIf(process.getuid?.() !== 0)("caches of builds elsewhere (need root)", () => {
  const here = new EngineUnderTest();
  let registry: TinyRegistry;
  let contexts = 0;
  beforeAll(() => here.start().then(() => {}), 60_000);
  afterAll(() => here.close(), 60_000);
  beforeEach(async () => void (registry = await TinyRegistry.start()));

  async function build(
    engine: EngineUnderTest,
    places: { readonly from?: readonly CachePlace[]; readonly to?: readonly CachePlace[] },
    source = "source\n",
    tag = "cached",
  ) {
    const folder = join(engine.folder, `cached-${++contexts}`);
    mkdirSync(folder);
    writeFileSync(join(folder, "Dockerfile"), DOCKERFILE);
    writeFileSync(join(folder, "source"), source);
    const query = new URLSearchParams({ t: tag });
    for (const place of places.from ?? []) query.append("cache-from", JSON.stringify(place));
    for (const place of places.to ?? []) query.append("cache-to", JSON.stringify(place));
    const path = `/build?${query}`;
    const { messages } = await askDocker(engine.dockerSocket, "POST", path, buildContext(folder, "Dockerfile"));
    const output = messages.map(({ stream = "", error = "" }) => stream + error).join("");
    const { text } = await askDocker(engine.dockerSocket, "GET", `/images/${tag}/json`);
    const { RootFS, Id } = JSON.parse(text) as { Id: string; RootFS?: { Layers: readonly string[] } };
    return { output, id: Id, layers: RootFS?.Layers, hits: output.match(/Using cache/g)?.length ?? 0 };
  }

  /** On a machine that has built nothing. */
  async function elsewhere<T>(work: (engine: EngineUnderTest) => Promise<T>): Promise<T> {
    const engine = new EngineUnderTest();
    try {
      await engine.start();
      return await work(engine);
    } finally {
      await engine.close();
    }
  }

  test("what one machine wrote to a registry, another finds step by step, and only the changed ones run", async () => {
    const place = { type: "registry", ref: `${registry.name}:cache`, mode: "max" } as const;
    const first = await build(here, { to: [place] });
    expect(first.output).toContain(`Wrote the cache to ${place.ref}`);
    await elsewhere(async (engine) => {
      const same = await build(engine, { from: [place] });
      expect([same.hits, same.layers]).toEqual([5, first.layers]);
      expect(same.output).not.toContain(RAN);
      const again = await build(engine, {});
      expect(again.hits).toBe(5); // they are this machine's now
      const pushed = await askDocker(engine.dockerSocket, "POST", `/images/cached/tag?repo=${registry.name}&tag=image`);
      expect(pushed.status).toBe(201);
      const push = await askDocker(engine.dockerSocket, "POST", `/images/${registry.name}/push?tag=image`);
      expect(push.text).toContain("digest: sha256:");
    });
    await elsewhere(async (engine) => {
      const changed = await build(engine, { from: [place] }, "changed\n");
      expect([changed.hits, changed.output.includes(RAN)]).toEqual([3, true]);
    });
    registry.close();
  }, 120_000);

  test("a folder holds a cache as an OCI layout, and an image holds that of its own layers", async () => {
    const folder = join(here.folder, "layout");
    const first = await build(here, { to: [{ type: "local", folder, mode: "max" }] });
    expect(readdirSync(folder).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
    const name = `${registry.name}:inline`;
    await build(here, { to: [{ type: "inline" }] }, "source\n", name);
    const push = await askDocker(here.dockerSocket, "POST", `/images/${registry.name}/push?tag=inline`);
    expect(push.text).toContain("digest: sha256:");
    await elsewhere(async (engine) => {
      const local = await build(engine, { from: [{ type: "local", folder }] });
      expect([local.hits, local.layers]).toEqual([5, first.layers]);
    });
    await elsewhere(async (engine) => {
      const inline = await build(engine, { from: [{ type: "registry", ref: name }] });
      expect([inline.hits, inline.layers]).toEqual([4, first.layers]); // the other stage's layer is not in the image
    });
    rmSync(folder, { recursive: true });
    await build(here, { to: [{ type: "local", folder }] });
    await elsewhere(async (engine) => {
      const least = await build(engine, { from: [{ type: "local", folder }] });
      expect([least.hits, least.layers]).toEqual([4, first.layers]); // so here, unless all are wished for
    });
    rmSync(folder, { recursive: true });
    registry.close();
  }, 120_000);

  test("a cache that is not there, is none or has other content than it says is told of, and the steps run", async () => {
    registry.addImage();
    const missing = { type: "registry", ref: `${registry.name}:missing` } as const;
    const none = { type: "registry", ref: `${registry.name}:1.0` } as const;
    const gone = { type: "local", folder: "/nowhere" } as const;
    await elsewhere(async (engine) => {
      const { output, hits } = await build(engine, { from: [missing, none, gone] });
      for (const { ref } of [missing, none]) expect(output).toContain(`the cache ${ref} is not used`);
      expect(output).toContain("the cache /nowhere is not used");
      expect([hits, output.includes(RAN)]).toEqual([0, true]);
    });
    const place = { type: "registry", ref: `${registry.name}:cache` } as const;
    await build(here, { to: [place] });
    for (const digest of [...registry.blobs.keys()])
      if (
        registry.blobs
          .get(digest)!
          .subarray(0, 2)
          .equals(Buffer.from([0x1f, 0x8b]))
      )
        registry.blobs.set(digest, Buffer.alloc(registry.blobs.get(digest)!.length, 7));
    await elsewhere(async (engine) => {
      const { output } = await build(engine, { from: [place] });
      expect(output).toContain("a layer of the cache is not used");
      expect(output).toContain(RAN);
    });
    registry.close();
  }, 120_000);
});
