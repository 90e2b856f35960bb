import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemMounts } from "@tsukube/kernel";
import { afterAll, describe, expect, test } from "vitest";
import { buildContext } from "./docker/build-context.ts";
import { askDocker } from "./docker/docker-client-under-test.ts";
import { EngineUnderTest } from "./engine-under-test.ts";
import { shortName } from "./images/snapshotter.ts";
import { TinyRegistry } from "./images/tiny-registry.ts";

const ROUNDS = 5;
const BUSYBOX = "tsukube.local/busybox";

describe.skipIf(process.getuid?.() !== 0).each(["overlay", "copies"] as const)(
  "an engine with %s that is killed (needs root)",
  (snapshotter) => {
    const world = new EngineUnderTest({ snapshotter });
    let child: ChildProcess | undefined;
    afterAll(async () => {
      await kill();
      await world.close();
    }, 120_000);

    async function start(): Promise<void> {
      const script = join(import.meta.dirname, "../test/engine-child.ts");
      const args = [script, world.folder, world.cgroupParent, snapshotter];
      child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
      let said = "";
      child.stderr!.setEncoding("utf8").on("data", (part: string) => (said += part));
      const failed = once(child, "exit").then(() => Promise.reject(new Error(`the engine does not start: ${said}`)));
      failed.catch(() => {});
      await Promise.race([once(child.stdout!, "data"), failed]);
    }

    async function kill(): Promise<void> {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }

    const ask = (method: string, path: string, body?: object | AsyncIterable<Uint8Array>) =>
      askDocker(
        world.dockerSocket,
        method,
        path,
        body instanceof Object && !(Symbol.asyncIterator in body) ? document(body) : body,
      );

    /** Until the engine is gone. */
    async function again(work: (turn: number) => Promise<unknown>): Promise<void> {
      for (let turn = 0; ; turn++)
        try {
          await work(turn);
        } catch (error) {
          if (/ECONN|ENOENT|EPIPE|socket hang up|terminated|aborted/.test(`${error} ${(error as Error).cause}`)) return;
          throw error;
        }
    }

    async function runOnce(name: string, script: string): Promise<void> {
      const HostConfig = { NetworkMode: "none", Binds: [`${name}:/data`] };
      const { text } = await ask("POST", `/containers/create?name=${name}`, {
        Image: BUSYBOX,
        Cmd: ["sh", "-c", script],
        HostConfig,
      });
      const { Id } = JSON.parse(text) as { readonly Id?: string };
      if (Id === undefined) return;
      await ask("POST", `/containers/${Id}/start`);
      await ask("POST", `/containers/${Id}/wait`);
      await ask("GET", `/containers/${Id}/archive?path=/etc`);
      await ask("DELETE", `/containers/${Id}?force=1&v=1`);
    }

    async function build(context: string, round: number, turn: number): Promise<void> {
      const lines = [
        `FROM ${BUSYBOX}`,
        `RUN echo ${round} ${turn} > /made && head -c 3000000 /dev/urandom > /bytes`,
        "RUN cat /made > /again",
      ];
      writeFileSync(join(context, "Dockerfile"), lines.join("\n"));
      await ask("POST", `/build?t=built${turn % 3}`, buildContext(context, "Dockerfile"));
    }

    test("at any step of pulls, builds and runs leaves nothing that the next one does not clear away", async () => {
      const registry = await TinyRegistry.start();
      registry.addImage();
      const context = join(world.folder, "context");
      mkdirSync(context);
      await start();
      await runOnce("warm", "true"); // makes the image
      await kill();
      for (let round = 0; round < ROUNDS; round++) {
        await start();
        const work = [
          again((turn) => runOnce(`short${turn}`, "echo x > /data/f")),
          again((turn) => runOnce(`long${turn}`, "sleep 0.3; exit 3")),
          again((turn) => build(context, round, turn)),
          again(async () => {
            await ask("POST", `/images/create?fromImage=${registry.name}&tag=1.0`);
            await ask("DELETE", `/images/${registry.name}:1.0`);
          }),
        ];
        await sleep(randomInt(50, 1500));
        await kill();
        await Promise.all(work);
      }
      const engine = await world.start();
      const { text } = await ask("GET", "/containers/json?all=1");
      for (const { Id } of JSON.parse(text) as readonly { readonly Id: string }[])
        expect((await ask("DELETE", `/containers/${Id}?force=1&v=1`)).status).toBe(204);
      await runOnce("after", "true"); // it works
      await ask("POST", "/build/prune");
      const filters = encodeURIComponent(JSON.stringify({ dangling: ["false"] }));
      await ask("POST", `/images/prune?filters=${filters}`);
      await ask("POST", `/volumes/prune?filters=${encodeURIComponent(JSON.stringify({ all: ["true"] }))}`);
      const images = JSON.parse((await ask("GET", "/images/json")).text) as readonly { readonly RepoTags: string[] }[];
      await engine.stopAll();
      expect(systemMounts.below(world.folder).filter((path) => path !== world.folder)).toEqual([]);
      expect(processesWith(world.folder)).toEqual([]);
      expect(groupsNamed(world.cgroupParent)).toEqual([]);
      const { state, run } = { state: `${world.folder}/state`, run: `${world.folder}/run` };
      expect(images.flatMap(({ RepoTags }) => RepoTags)).toEqual([`${BUSYBOX}:latest`]); // the engine's own stay
      expect(namesIn(`${state}/s/new`)).toEqual([]); // half layers
      expect(namesIn(`${state}/s/w`)).toEqual([]); // what containers wrote
      expect(namesIn(`${state}/blobs/incoming`)).toEqual([]);
      expect(namesIn(`${state}/docker/volumes`).filter((name) => !name.startsWith("."))).toEqual([]);
      const chains = new Set(recordsIn(`${state}/images`).flatMap(({ chain = [] }) => chain.map(shortName)));
      expect(namesIn(`${state}/s/l`).filter((layer) => !chains.has(layer))).toEqual([]);
      for (const folder of ["docker/roots", "docker/bundles", "bundles", "build/roots", "build/bundles", "build/files"])
        expect([folder, ...namesIn(`${run}/${folder}`)]).toEqual([folder]);
      expect(namesIn(`${state}/build/uploads`)).toEqual([]);
      registry.close();
    }, 180_000);
  },
);

async function* document(value: object): AsyncGenerator<Uint8Array> {
  yield Buffer.from(JSON.stringify(value));
}

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** What image records say, of which each is a checksum and a document. */
function recordsIn(folder: string): readonly { readonly chain?: readonly string[] }[] {
  return namesIn(folder)
    .filter((name) => !name.startsWith(".") && !name.includes("layers"))
    .flatMap((name) => {
      const text = readFileSync(join(folder, name), "utf8");
      return [JSON.parse(text.slice(text.indexOf(" ") + 1)) as { readonly chain?: readonly string[] }];
    });
}

function processesWith(folder: string): readonly string[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return command.includes(folder) ? [command] : [];
      } catch {
        return []; // it ended
      }
    });
}

function groupsNamed(parent: string): readonly string[] {
  const name = parent.replace("/", "");
  return readdirSync("/sys/fs/cgroup").filter((each) => existsSync(`/sys/fs/cgroup/${each}/${name}`));
}
