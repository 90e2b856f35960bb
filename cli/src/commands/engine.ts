import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { TsukubeError } from "@tsukube/foundation";
import { isAlive, lockHolder } from "@tsukube/host";
import { alone } from "../cluster/command-lock.ts";
import { ensureHost } from "../cluster/host-needs.ts";
import { MEMORY_FLAGS } from "../cluster/memory-flags.ts";
import { filesOf } from "../cluster/paths.ts";
import { bundleFolder, startSupervisor, stopProcess, supervisorOf } from "../cluster/supervisor.ts";
import { bundleHash } from "../processes/program.ts";
import type { CommandContext } from "./context.ts";

export interface EngineOptions {
  /** Where Docker's API is served; in the runtime directory by default. */
  readonly dockerSocket?: string;
  /** Under a supervisor, until `down`. */
  readonly background: boolean;
}

const START_MS = 30_000;
const LOOK_MS = 20;

/** `tsukube engine`: the container engine without a cluster. In the foreground it ends with Ctrl-C; containers go on. */
export async function engine(context: CommandContext, options: EngineOptions): Promise<void> {
  const { paths } = context;
  const socket = resolve(options.dockerSocket ?? filesOf(paths).dockerSocket);
  const command = [process.execPath, ...MEMORY_FLAGS.engine, join(bundleFolder(), "engine.js"), "--name", paths.name];
  command.push("--docker-socket", socket);
  await ensureHost(context, "engine");
  if (options.background) {
    await alone(filesOf(paths).commandLock, context, () => startInBackground(context, command));
    return usage(context, socket);
  }
  const holder = lockHolder(filesOf(paths).lock("engine"));
  if (holder !== undefined && isAlive(holder.pid, holder.startTime)) {
    throw new TsukubeError(
      "usage",
      `Cannot start engine "${paths.name}": it runs already (process ${holder.pid}), expected it stopped; "tsukube down" stops it`,
    );
  }
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: "inherit" });
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => child.kill(name));
  const ended = once(child, "exit") as Promise<[number | null]>;
  if (await waitUntilReady(context, child.pid, () => child.exitCode !== null)) usage(context, socket);
  const [code] = await ended;
  process.exitCode = code ?? 1;
}

async function startInBackground(context: CommandContext, command: readonly string[]): Promise<void> {
  const { paths, clock, progress } = context;
  const isCurrent =
    supervisorOf(paths, "engine") !== undefined && lockHolder(filesOf(paths).lock("engine"))?.note === bundleHash();
  if (isCurrent) return;
  await progress.step(`starting engine "${paths.name}"`, async () => {
    if (supervisorOf(paths, "engine") !== undefined) await stopProcess(paths, "engine", clock);
    startSupervisor(paths, "engine", command);
    if (await waitUntilReady(context, undefined, () => false)) return;
    throw new TsukubeError(
      "timeout",
      `Cannot start engine "${paths.name}": it does not answer; "tsukube logs engine" says why`,
    );
  });
}

/** @param pid Of the process that is waited for; any by default. */
async function waitUntilReady(
  { paths, clock }: CommandContext,
  pid: number | undefined,
  isOver: () => boolean,
): Promise<boolean> {
  const ready = filesOf(paths).ready("engine");
  for (const began = clock.monotonic(); clock.monotonic() - began < START_MS && !isOver(); await clock.sleep(LOOK_MS)) {
    if (!existsSync(ready)) continue;
    const said = JSON.parse(readFileSync(ready, "utf8")) as { readonly pid: number };
    if (
      pid === undefined
        ? isAlive(said.pid) && lockHolder(filesOf(paths).lock("engine"))?.pid === said.pid
        : said.pid === pid
    )
      return true;
  }
  return false;
}

function usage({ paths, print }: CommandContext, socket: string): void {
  const name = paths.name === "default" ? "" : ` --name ${paths.name}`;
  print(`Docker's API is served at ${socket}.
Use it:   export DOCKER_HOST=unix://${socket}
          docker run --rm tsukube.local/busybox echo hello     or: tsukube${name} run --rm tsukube.local/busybox echo hello
Stop:     tsukube${name} down     (ends its containers; down --purge removes its data too)`);
}
