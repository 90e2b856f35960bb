import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { systemMounts } from "@tsukube/kernel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildContext } from "./docker/build-context.ts";
import { askDocker } from "./docker/docker-client-under-test.ts";
import { EngineUnderTest } from "./engine-under-test.ts";
import { TAR_END, tarHeader } from "./images/tar-header.ts";
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
  const free = (disk = state): number => statfsSync(disk).bavail * statfsSync(disk).bsize;
  const left = (): readonly string[] =>
    ["s/new", "s/w", "blobs/incoming"].flatMap((name) =>
      existsSync(`${state}/${name}`) ? readdirSync(`${state}/${name}`).map((each) => `${name}/${each}`) : [],
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

  test("in the middle of a load, an import, a copy and a context says so, and leaves nothing of it", async () => {
    const content = Buffer.alloc(12 * MB);
    const file = (name: string) => {
      const header = tarHeader({
        path: name,
        type: "file",
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: content.length,
        mtime: 0,
      });
      return Readable.from([header, content, TAR_END]);
    };
    const wish = {
      Image: BUSYBOX,
      Cmd: ["true"],
      HostConfig: { NetworkMode: "none" },
    };
    const made = await ask("POST", "/containers/create?name=writes", Readable.from([JSON.stringify(wish)]));
    const { Id } = JSON.parse(made.text) as { readonly Id: string };
    await ask("POST", `/containers/${Id}/start`);
    await ask("POST", `/containers/${Id}/wait`);
    const ballast = `${state}/ballast`;
    writeFileSync(ballast, Buffer.alloc(free() - 6 * MB));
    const before = free();
    const full = /there is no space left on the disk.*system prune/;
    expect(errorOf(await ask("POST", "/images/load", file("blobs/x")))).toMatch(full);
    expect(errorOf(await ask("POST", "/images/create?fromSrc=-&repo=imported", file("x")))).toMatch(full);
    expect(errorOf(await ask("PUT", `/containers/${Id}/archive?path=/`, file("copied")))).toMatch(full);
    expect(await ask("DELETE", `/containers/${Id}`)).toMatchObject({ status: 204, text: "" });
    expect(errorOf(await ask("POST", "/build/contexts", file("x")))).toMatch(full);
    expect(errorOf(await ask("POST", "/build/contexts?image=1", file("x")))).toMatch(full);
    expect(left()).toEqual([]);
    expect(readdirSync(`${state}/build/uploads`)).toEqual([]);
    expect(free() - before).toBeGreaterThan(-MB);
    expect((await ask("GET", "/images/imported/json")).status).toBe(404);
    rmSync(ballast);
  }, 60_000);

  test("by a container that fills it does not keep that container, which goes and is told of", async () => {
    const create = async (name: string, script: string): Promise<string> => {
      const wish = { Image: BUSYBOX, Cmd: ["sh", "-c", script], HostConfig: { NetworkMode: "none" } };
      const made = await ask("POST", `/containers/create?name=${name}`, Readable.from([JSON.stringify(wish)]));
      const { Id } = JSON.parse(made.text) as { readonly Id: string };
      expect((await ask("POST", `/containers/${Id}/start`)).status).toBe(204);
      return Id;
    };
    const before = free();
    const [ended, fills] = [
      await create("ends", "sleep 1000"),
      await create("fills", "dd if=/dev/zero of=/zero bs=64k; sleep 1000"),
    ];
    await expect.poll(() => free(), { timeout: 20_000 }).toBe(0);
    expect((await ask("POST", `/containers/${ended}/kill`)).status).toBe(204);
    expect(JSON.parse((await ask("POST", `/containers/${ended}/wait`)).text)).toMatchObject({ StatusCode: 137 });
    expect(await ask("DELETE", `/containers/${fills}?force=1`)).toMatchObject({ status: 204, text: "" });
    expect((await ask("GET", `/containers/${fills}/json`)).status).toBe(404);
    expect((await ask("GET", `/containers/${ended}/json`)).text).toContain('"ExitCode":137');
    expect((await ask("DELETE", `/containers/${ended}`)).status).toBe(204);
    expect(left()).toEqual([]);
    expect(free() - before).toBeGreaterThan(-MB);
  }, 60_000);

  test.each([["records"], ["files"]])(
    "(that of %s) starts no container, says so, and starts it when there is room",
    async (of) => {
      const records = `${state}/docker/containers`;
      if (of === "records") {
        await world.engine?.close();
        systemMounts.tmpfs(records, { sizeBytes: MB });
        await world.start();
      }
      const wish = { Image: BUSYBOX, Cmd: ["true"], HostConfig: { NetworkMode: "none" } };
      const made = await ask("POST", "/containers/create?name=starts", Readable.from([JSON.stringify(wish)]));
      const { Id } = JSON.parse(made.text) as { readonly Id: string };
      const disk = of === "records" ? records : state;
      const ballast = `${disk}/.ballast`;
      writeFileSync(ballast, Buffer.alloc(free(disk)));
      expect(free(disk)).toBe(0);
      const refused = await ask("POST", `/containers/${Id}/start`);
      expect(refused.status).toBe(500);
      expect(JSON.parse(refused.text).message).toMatch(
        /^Cannot start container "starts": there is no space left on the disk.*system prune/,
      );
      const { State } = JSON.parse((await ask("GET", `/containers/${Id}/json`)).text) as {
        readonly State: { readonly Status: string; readonly Error: string; readonly Pid: number };
      };
      expect(State).toMatchObject({ Status: "created", Pid: 0, Error: expect.stringContaining("no space left") });
      rmSync(ballast);
      expect((await ask("POST", `/containers/${Id}/start`)).status).toBe(204);
      expect(JSON.parse((await ask("POST", `/containers/${Id}/wait`)).text)).toMatchObject({ StatusCode: 0 });
      expect((await ask("DELETE", `/containers/${Id}`)).status).toBe(204);
      if (of !== "records") return;
      await world.engine?.close();
      systemMounts.unmount(records);
      await world.start();
    },
    60_000,
  );

  test("loses no end and no wish of a user, also over a start of the engine", async () => {
    const create = async (name: string, script: string): Promise<string> => {
      const HostConfig = { NetworkMode: "none", RestartPolicy: { Name: "unless-stopped" } };
      const wish = { Image: BUSYBOX, Cmd: ["sh", "-c", script], HostConfig };
      const made = await ask("POST", `/containers/create?name=${name}`, Readable.from([JSON.stringify(wish)]));
      const { Id } = JSON.parse(made.text) as { readonly Id: string };
      expect((await ask("POST", `/containers/${Id}/start`)).status).toBe(204);
      return Id;
    };
    const records = `${state}/docker/containers`; // a disk of their own: nothing else that goes makes room there
    const restart = async (meanwhile: () => void = () => {}): Promise<void> => {
      await world.engine?.close();
      meanwhile();
      await world.start();
    };
    await restart(() => systemMounts.tmpfs(records, { sizeBytes: MB }));
    const id = await create("stopped", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done");
    const logs = () => ask("GET", `/containers/${id}/logs?stdout=1`);
    await expect.poll(async () => (await logs()).text, { timeout: 20_000 }).toContain("ready");
    const shown = async () => {
      const { State, RestartCount } = JSON.parse((await ask("GET", `/containers/${id}/json`)).text) as {
        readonly State: { readonly Status: string; readonly ExitCode: number; readonly Error: string };
        readonly RestartCount: number;
      };
      return [State.Status, State.ExitCode, State.Error, RestartCount];
    };
    const ended = ["exited", 7, "", 0];
    const spare = (): readonly string[] => readdirSync(`${world.folder}/run/docker/records`);
    const ballast = `${records}/.ballast`;
    writeFileSync(ballast, Buffer.alloc(free(records)));
    expect(free(records)).toBe(0);
    expect((await ask("POST", `/containers/${id}/stop`)).status).toBe(204);
    expect([await shown(), spare()]).toEqual([ended, [id]]);
    await restart();
    expect([await shown(), spare()]).toEqual([ended, [id]]);
    rmSync(ballast);
    await expect.poll(spare, { timeout: 20_000 }).toEqual([]);
    await restart();
    expect(await shown()).toEqual(ended);
    expect((await ask("DELETE", `/containers/${id}`)).status).toBe(204);
    await restart(() => systemMounts.unmount(records));
  }, 60_000);
});
