import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { SnapshotterKind } from "@tsukube/engine";
import { TsukubeError } from "@tsukube/foundation";
import { isAlive, lockHolder } from "@tsukube/host";
import { alone } from "../cluster/command-lock.ts";
import { ensureHost } from "../cluster/host-needs.ts";
import { MEMORY_FLAGS } from "../cluster/memory-flags.ts";
import { filesOf } from "../cluster/paths.ts";
import { bundleFolder, startSupervisor, stopProcess, supervisorOf } from "../cluster/supervisor.ts";
import { joinGroups, userNamespaceOf } from "../cluster/user-namespace.ts";
import { bundleHash } from "../processes/program.ts";
import type { CommandContext } from "./context.ts";
import { argumentsOf, type DockerHostFlags, dockerHostOf } from "./docker-host.ts";

export interface EngineOptions extends DockerHostFlags {
  /** Where Docker's API is served; in the runtime directory by default. */
  readonly dockerSocket?: string;
  /** How containers get the files of their image; as before, or what the disk can carry. */
  readonly snapshotter?: SnapshotterKind;
  /** Under a supervisor, until `down`. */
  readonly background: boolean;
}

const START_MS = 30_000;
const LOOK_MS = 20;

/** `tsukube engine`: the container engine without a cluster. In the foreground it ends with Ctrl-C; containers go on. */
export async function engine(context: CommandContext, options: EngineOptions): Promise<void> {
  const { paths } = context;
  const socket = resolve(options.dockerSocket ?? filesOf(paths).dockerSocket);
  dockerHostOf(options);
  await ensureHost(context, "engine");
  const users = context.isRoot ? undefined : await userNamespaceOf(paths, context.clock);
  if (users !== undefined) joinGroups(users);
  const served = ["--docker-socket", socket, ...argumentsOf(options)];
  if (options.snapshotter !== undefined) served.push("--snapshotter", options.snapshotter);
  const program = join(bundleFolder(), "engine.js");
  const command = [...(users?.enter ?? []), process.execPath, ...MEMORY_FLAGS.engine, program, "--name", paths.name];
  command.push(...served, ...(users === undefined ? [] : ["--rootless", users.ids]));
  if (options.background) {
    await alone(filesOf(paths).commandLock, context, () => startInBackground(context, command, served));
    return usage(context, socket, options);
  }
  const holder = lockHolder(filesOf(paths).lock("engine"));
  if (holder !== undefined && isAlive(holder.pid, holder.startTime)) {
    throw new TsukubeError(
      "usage",
      `Cannot start engine "${paths.name}": it runs already (process ${holder.pid}), expected it stopped; "tsukube down" stops it`,
    );
  }
  const [first = "", ...args] = command;
  const child = spawn(first, args, { stdio: "inherit" });
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => child.kill(name));
  const ended = once(child, "exit") as Promise<[number | null]>;
  if (await waitUntilReady(context, child.pid, () => child.exitCode !== null)) usage(context, socket, options);
  const [code] = await ended;
  process.exitCode = code ?? 1;
}

/** @param served Where it is to serve: one that runs and serves elsewhere is replaced. Containers go on. */
async function startInBackground(
  context: CommandContext,
  command: readonly string[],
  served: readonly string[],
): Promise<void> {
  const { paths, clock, progress } = context;
  const isCurrent =
    supervisorOf(paths, "engine") !== undefined && lockHolder(filesOf(paths).lock("engine"))?.note === bundleHash();
  if (isCurrent && String(saidBy(filesOf(paths).ready("engine"))?.served) === String(served)) return;
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
    const said = saidBy(ready);
    if (said === undefined) continue;
    if (
      pid === undefined
        ? isAlive(said.pid) && lockHolder(filesOf(paths).lock("engine"))?.pid === said.pid
        : said.pid === pid
    )
      return true;
  }
  return false;
}

/** What an engine that is ready has written. */
function saidBy(ready: string): { readonly pid: number; readonly served: readonly string[] } | undefined {
  return existsSync(ready) ? JSON.parse(readFileSync(ready, "utf8")) : undefined;
}

function usage({ paths, print }: CommandContext, socket: string, { dockerHost }: DockerHostFlags): void {
  const name = paths.name === "default" ? "" : ` --name ${paths.name}`;
  const isShared = (statSync(socket).mode & 0o060) !== 0;
  const whose = isShared ? "for root and members of the group docker" : "for its owner alone (no group docker)";
  const tcp = dockerHost === undefined ? "" : `, and at ${dockerHost} to who has a certificate`;
  print(`Docker's API is served at ${socket}, ${whose}${tcp}.
Use it:   export DOCKER_HOST=unix://${socket}
          docker run --rm tsukube.local/busybox echo hello     or: tsukube${name} run --rm tsukube.local/busybox echo hello
Stop:     tsukube${name} down     (ends its containers; down --purge removes its data too)`);
}
