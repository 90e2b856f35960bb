import { readdirSync } from "node:fs";
import { realClock } from "@tsukube/host";
import { run, systemMounts } from "@tsukube/kernel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EngineUnderTest } from "../engine-under-test.ts";
import { askDocker } from "./docker-client-under-test.ts";

describe.skipIf(process.getuid?.() !== 0)("files of Docker's containers (need root)", () => {
  const world = new EngineUnderTest();
  const ask = (method: string, path: string, body?: AsyncIterable<Uint8Array>) =>
    askDocker(world.dockerSocket, method, path, body);
  const archive = (id: string, path: string) => `/containers/${id}/archive?path=${encodeURIComponent(path)}`;
  let id = "";
  /** What its process counts to, outside of every mount. */
  const count = async () => {
    const { text } = await ask("GET", archive(id, "/count"));
    return Number(text.split("\0").findLast((part) => part !== ""));
  };

  async function created(script: string, HostConfig: object): Promise<string> {
    const wish = { Image: "tsukube.local/busybox", Cmd: ["sh", "-c", script], HostConfig };
    const made = await ask("POST", "/containers/create", document(wish));
    expect([made.status, made.text]).toEqual([201, expect.any(String)]);
    const { Id } = JSON.parse(made.text) as { readonly Id: string };
    return Id;
  }

  async function started(script: string, HostConfig: object): Promise<string> {
    const made = await created(script, HostConfig);
    expect((await ask("POST", `/containers/${made}/start`)).status).toBe(204);
    return made;
  }

  beforeAll(async () => {
    await world.start();
    const counts = "n=0; while :; do n=$((n+1)); echo $n >/count.new; mv /count.new /count; sleep 0.01; done";
    id = await started(`ln -s /volume/in /link; mkdir -p /volume/in; ${counts}`, {
      NetworkMode: "none",
      Binds: ["files:/volume"],
    });
  }, 90_000);
  afterAll(() => world.close(), 60_000);

  test("are read and written where its mounts are, by links too, and nothing stays mounted", async () => {
    const put = await ask("PUT", archive(id, "/link"), await tarOf("hello", "written"));
    expect([put.status, put.text]).toEqual([200, ""]);
    const got = await ask("GET", archive(id, "/volume/in/hello"));
    expect([got.status, got.text.includes("written")]).toEqual([200, true]);
    expect((await ask("HEAD", archive(id, "/link/"))).status).toBe(200);
    expect((await ask("GET", archive(id, "/volume/none"))).status).toBe(404);
    expect((await ask("PUT", archive(id, "/count"), await tarOf("a", "b"))).text).toContain("extraction point is not");
    expect(systemMounts.below(`${world.folder}/run/docker/roots`)).toEqual([]);
  }, 60_000);

  test("it goes on while a client sends, and may itself be who does", async () => {
    const [first, ...rest] = await partsOf(await tarOf("large", "x".repeat(100_000)));
    const seen: number[] = [];
    async function* fromContainer(): AsyncGenerator<Uint8Array> {
      yield first as Uint8Array;
      for (let time = 0; time < 3; time++) {
        await realClock.sleep(100);
        seen.push(await count());
      }
      yield* rest;
    }
    expect((await ask("PUT", archive(id, "/volume"), fromContainer())).status).toBe(200);
    expect(new Set(seen).size).toBe(3);
    expect((await ask("GET", archive(id, "/volume/large"))).text).toContain("x".repeat(100_000));
    const after = await count();
    await realClock.sleep(200);
    expect(await count()).toBeGreaterThan(after);
    expect(readdirSync(`${world.folder}/state/build/uploads`)).toEqual([]);
  }, 60_000);

  test("a part of a volume is shown alone, and a link in it leads nowhere out of it", async () => {
    const part = (Subpath: string) => ({
      NetworkMode: "none",
      Mounts: [{ Type: "volume", Source: "files", Target: "/part", VolumeOptions: { Subpath } }],
    });
    const script = "mkdir -p /volume/deep/er; ln -s ../../../.. /volume/up; ln -s /etc /volume/etc; sleep 60";
    const maker = await started(script, { NetworkMode: "none", Binds: ["files:/volume"] });
    await expect.poll(async () => (await ask("HEAD", archive(maker, "/volume/etc"))).status).toBe(200);
    const shown = async (subpath: string) => {
      const made = await started("ls /part >/s; mv /s /shown; sleep 60", part(subpath));
      await expect.poll(async () => (await ask("GET", archive(made, "/shown"))).status).toBe(200);
      return (await ask("GET", archive(made, "/shown"))).text.split("\0").findLast((text) => text !== "");
    };
    expect(await shown("deep")).toBe("er\n");
    expect(await shown("up")).toContain("deep\n"); // the volume, above which there is nothing
    const out = await created("true", part("etc"));
    const refused = await ask("POST", `/containers/${out}/start`);
    expect([refused.status, refused.text]).toEqual([400, expect.stringContaining("cannot access path etc of volume")]);
    const up = { Image: "tsukube.local/busybox", HostConfig: part("../other") };
    expect((await ask("POST", "/containers/create", document(up))).text).toContain("must be a relative path within");
  }, 60_000);

  test("an image is mounted as a whole or a part of it, is seen and is kept as long as the container is there", async () => {
    const Source = "tsukube.local/busybox";
    const mounted = (Subpath: string) => ({
      ...{ NetworkMode: "none", Binds: ["files:/volume"] },
      Mounts: [{ Type: "image", Source, Target: "/image", ImageOptions: { Subpath } }],
    });
    const made = await started("ls /image >/volume/listed; /image/busybox touch /image/new; sleep 60", mounted("bin"));
    await expect.poll(async () => (await ask("GET", archive(made, "/volume/listed"))).text).toContain("busybox\n");
    expect((await ask("HEAD", archive(made, "/image/new"))).status).toBe(404);
    const view = JSON.parse((await ask("GET", `/containers/${made}/json`)).text) as { Mounts: readonly object[] };
    expect(view.Mounts).toContainEqual(
      expect.objectContaining({ Type: "image", Name: Source, Destination: "/image", RW: false }),
    );
    const whole = await created("true", mounted(""));
    expect((await ask("HEAD", archive(whole, "/image/bin/busybox"))).status).toBe(200);
    expect((await ask("PUT", archive(whole, "/image"), await tarOf("a", "b"))).status).toBe(403);
    const out = await created("true", mounted("no/where"));
    expect((await ask("POST", `/containers/${out}/start`)).text).toContain("no/where");
    expect(
      (
        await ask(
          "POST",
          "/containers/create",
          document({
            Image: Source,
            HostConfig: { ...mounted(""), Mounts: [{ Type: "image", Source: "nobody/nothing", Target: "/i" }] },
          }),
        )
      ).status,
    ).toBe(404);
    expect(systemMounts.below(`${world.folder}/run/docker/roots`)).toEqual([]);
  }, 60_000);

  test("nothing is written where a mount is read-only, and what a client sends for its user is that user's", async () => {
    const bound = { NetworkMode: "none", ReadonlyRootfs: true, Binds: ["more:/more", "files:/more/volume:ro"] };
    const made = await created("true", bound);
    const put = async (where: string, to: string, more = "") => {
      const { status, text } = await ask("PUT", `${archive(where, to)}${more}`, await tarOf("sent", "to"));
      return [status, text === "" ? "" : (JSON.parse(text) as { readonly message: string }).message];
    };
    expect(await put(made, "/more/volume")).toEqual([403, "mounted volume is marked read-only"]);
    expect(await put(made, "/etc")).toEqual([403, "container rootfs is marked read-only"]);
    expect(await put(made, "/more")).toEqual([200, ""]);
    const wish = { Image: "tsukube.local/busybox", User: "nobody", HostConfig: { NetworkMode: "none" } };
    const { Id } = JSON.parse((await ask("POST", "/containers/create", document(wish))).text) as {
      readonly Id: string;
    };
    const owner = async () => {
      const header = (await ask("GET", archive(Id, "/tmp/sent"))).text;
      return [header.slice(108, 115), header.slice(116, 123)].map((digits) => Number.parseInt(digits, 8));
    };
    expect([await put(Id, "/tmp"), await owner()]).toEqual([
      [200, ""],
      [0, 0],
    ]);
    expect([await put(Id, "/tmp", "&copyUIDGID=1"), await owner()]).toEqual([
      [200, ""],
      [65_534, 65_534],
    ]);
  }, 60_000);

  test("control groups are written where that is asked for", async () => {
    const cgroup = async (...SecurityOpt: readonly string[]) => {
      const made = await started(
        "grep ' - cgroup' /proc/self/mountinfo | cut -d' ' -f6 | sort -u >/s; mv /s /shown; sleep 60",
        {
          ...{ NetworkMode: "none", SecurityOpt },
        },
      );
      await expect.poll(async () => (await ask("GET", archive(made, "/shown"))).status).toBe(200);
      return (await ask("GET", archive(made, "/shown"))).text.split("\0").findLast((text) => text !== "");
    };
    expect(await cgroup()).toMatch(/^ro,/);
    expect(await cgroup("writable-cgroups=true")).toMatch(/^rw,/);
  }, 60_000);
});

async function* document(value: object): AsyncGenerator<Uint8Array> {
  yield Buffer.from(JSON.stringify(value));
}

async function tarOf(name: string, content: string): Promise<AsyncIterable<Uint8Array>> {
  const script = `d=$(mktemp -d); cat >$d/${name}; tar -c -C $d ${name} | base64 -w0; rm -r $d`;
  const { stdout } = await run("sh", ["-c", script], { input: content });
  const bytes = Buffer.from(stdout, "base64");
  return (async function* () {
    yield bytes;
  })();
}

async function partsOf(bytes: AsyncIterable<Uint8Array>): Promise<readonly Uint8Array[]> {
  const whole = Buffer.concat(await Array.fromAsync(bytes));
  return [whole.subarray(0, 50_000), whole.subarray(50_000)];
}
