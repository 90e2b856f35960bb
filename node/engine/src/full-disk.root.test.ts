import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { systemMounts } from "@tsukube/kernel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildContext } from "./docker/build-context.ts";
import { askDocker } from "./docker/docker-client-under-test.ts";
import { EngineUnderTest } from "./engine-under-test.ts";
import { sha256, TinyRegistry } from "./images/tiny-registry.ts";

const MB = 1024 * 1024;
const BUSYBOX = "tsukube.local/busybox";

describe.skipIf(process.getuid?.() !== 0)("an engine whose disk is full (needs root)", () => {
  const world = new EngineUnderTest();
  const state = `${world.folder}/state`;
  const context = join(world.folder, "context");
  let registry: TinyRegistry;

  const ask = (method: string, path: string, body?: AsyncIterable<Uint8Array>) =>
    askDocker(world.dockerSocket, method, path, body);
  const free = (): number => statfsSync(state).bavail * statfsSync(state).bsize;
  const left = (): readonly string[] =>
    ["s/new", "s/w", "blobs/incoming"].flatMap((name) =>
      existsSync(`${state}/${name}`) ? readdirSync(`${state}/${name}`) : [],
    );
  const errorOf = ({ text, messages }: Awaited<ReturnType<typeof ask>>): string =>
    messages.map(({ error = "" }) => error).join("") || text;
  const build = (dockerfile: string) => {
    writeFileSync(join(context, "Dockerfile"), dockerfile);
    return ask("POST", "/build?t=large", buildContext(context, "Dockerfile"));
  };

  beforeAll(async () => {
    mkdirSync(state);
    mkdirSync(context);
    systemMounts.tmpfs(state, { sizeBytes: 64 * MB });
    world.lifetime.add("disk", () => systemMounts.unmount(state));
    registry = await TinyRegistry.start();
    await world.start();
    expect((await build(`FROM ${BUSYBOX}\nRUN true\n`)).text).toContain("Successfully built"); // makes the base
  }, 90_000);
  afterAll(async () => {
    registry.close();
    await world.close();
  }, 60_000);

  test("in the middle of a pull says so, leaves nothing of it, and pulls what there is room for", async () => {
    registry.addImage();
    const content = randomBytes(70 * MB);
    const layer = registry.add(gzipSync(content, { level: 0 }));
    const config = registry.add(
      Buffer.from(JSON.stringify({ config: {}, rootfs: { type: "layers", diff_ids: [sha256(content)] } })),
    );
    registry.addManifest({ mediaType: "application/vnd.oci.image.manifest.v1+json", config, layers: [layer] }, "large");
    const before = free();
    const answer = await ask("POST", `/images/create?fromImage=${registry.name}&tag=large`);
    expect(errorOf(answer)).toMatch(/Cannot pull ".*:large": there is no space left on the disk.*system prune/);
    expect(left()).toEqual([]);
    expect(Math.abs(free() - before)).toBeLessThan(MB);
    expect((await ask("GET", `/images/${registry.name}:large/json`)).status).toBe(404);
  }, 60_000);

  test("in the middle of a build says so, leaves nothing of it, and builds what there is room for", async () => {
    writeFileSync(join(context, "large"), randomBytes(60 * MB));
    const before = free();
    expect(errorOf(await build(`FROM ${BUSYBOX}\nCOPY large /\n`))).toMatch(
      /there is no space left on the disk|ENOSPC/,
    );
    const ran = await build(`FROM ${BUSYBOX}\nRUN head -c ${70 * MB} /dev/zero > /zero\n`);
    expect(errorOf(ran)).toMatch(/it ended with exit code 1|there is no space left on the disk/); // who meets it first
    expect(left()).toEqual([]);
    expect(Math.abs(free() - before)).toBeLessThan(MB);
    expect((await build(`FROM ${BUSYBOX}\nRUN echo small > /small\n`)).text).toContain("Successfully built");
  }, 60_000);
});
