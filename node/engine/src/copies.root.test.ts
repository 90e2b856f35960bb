import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { systemMounts } from "@tsukube/kernel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildContext } from "./docker/build-context.ts";
import { askDocker } from "./docker/docker-client-under-test.ts";
import { EngineUnderTest } from "./engine-under-test.ts";

describe.skipIf(process.getuid?.() !== 0)("an engine whose disk carries no overlays (needs root)", () => {
  const engine = new EngineUnderTest({ snapshotter: "copies" });
  const ask = <T>(method: string, path: string, body?: object) =>
    askDocker(engine.dockerSocket, method, path, body === undefined ? undefined : document(body)).then(
      ({ text }) => (text === "" ? undefined : JSON.parse(text)) as T,
    );

  beforeAll(async () => void (await engine.start()), 60_000);
  afterAll(() => engine.close(), 60_000);

  async function build(name: string, lines: readonly string[]): Promise<string> {
    const folder = `${engine.folder}/${name}`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/Dockerfile`, lines.join("\n"));
    return (await askDocker(engine.dockerSocket, "POST", `/build?t=${name}`, buildContext(folder, "Dockerfile"))).text;
  }

  async function ran(image: string, script: string): Promise<string> {
    const Cmd = ["sh", "-c", script];
    const { Id } = await ask<{ Id: string }>("POST", "/containers/create", {
      ...{ Image: image, Cmd, HostConfig: { NetworkMode: "none" } },
    });
    await ask("POST", `/containers/${Id}/start`);
    await ask("POST", `/containers/${Id}/wait`);
    return Id;
  }

  const logsOf = async (id: string): Promise<string> =>
    (await askDocker(engine.dockerSocket, "GET", `/containers/${id}/logs?stdout=1`)).text.replaceAll(/[^\w \n/.]/g, "");

  test("builds, finds its steps again, runs, tells what changed, commits, and leaves nothing", async () => {
    const lines = [
      "FROM tsukube.local/busybox AS made",
      "RUN mkdir /d && echo one > /d/kept && echo two > /d/gone",
      "FROM tsukube.local/busybox",
      "COPY --from=made /d /d",
      "RUN rm /d/gone && echo three > /d/added",
    ];
    expect(await build("copied", lines)).toContain("Successfully built");
    expect((await build("copied", lines)).match(/Using cache/g)?.length).toBe(3);
    const id = await ran("copied", "ls /d; cat /d/kept; rm /d/kept; echo x > /d/mine");
    expect(await logsOf(id)).toContain("added\nkept\none\n");
    expect(await ask("GET", `/containers/${id}/changes`)).toEqual([
      { Path: "/d", Kind: 0 },
      { Path: "/d/kept", Kind: 2 },
      { Path: "/d/mine", Kind: 1 },
    ]);
    await ask("POST", `/commit?container=${id}&repo=committed`, {});
    const next = await ran("committed", "ls /d");
    expect(await logsOf(next)).toContain("added\nmine\n");
    expect(await ask<{ Driver: string }>("GET", "/info")).toMatchObject({ Driver: "vfs" });
    for (const each of [id, next]) await ask("DELETE", `/containers/${each}`);
    const state = `${engine.folder}/state/s`;
    expect([readdirSync(`${state}/w`), readdirSync(`${state}/new`)]).toEqual([[], []]);
    expect(systemMounts.below(state)).toEqual([]);
    expect(readFileSync("/proc/mounts", "utf8")).not.toContain(`${engine.folder}/run/docker/roots`);
  }, 60_000);
});

async function* document(value: object): AsyncGenerator<Uint8Array> {
  yield Buffer.from(JSON.stringify(value));
}
