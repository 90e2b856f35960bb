import { dirname, join } from "node:path";
import { type EngineOptions, type SnapshotterKind, startEngine } from "@tsukube/engine";
import { Lifetime } from "@tsukube/foundation";
import { createMetrics, realClock, systemRandom, writeAtomically } from "@tsukube/host";
import { bridgedPods } from "@tsukube/network";
import { namesOf, openNetworks } from "../cluster/docker-networks.ts";
import { filesOf, pathsOf } from "../cluster/paths.ts";
import { openRootlessNetworks, uplinkOf } from "../cluster/rootless-networks.ts";
import { ensureRuntimeFolder } from "../cluster/runtime-folder.ts";
import { UNCONNECTED } from "../cluster/unconnected.ts";
import { argumentsOf, type DockerHostFlags, dockerHostOf } from "../commands/docker-host.ts";
import { holdLock } from "./hold.ts";
import { aborted, argument, type ProgramOptions, runProgram } from "./program.ts";

const FLAGS = [
  ["dockerHost", "--docker-host"],
  ["tlscacert", "--tlscacert"],
  ["tlscert", "--tlscert"],
  ["tlskey", "--tlskey"],
] as const;

/** The container engine without a cluster. Containers outlive it. */
async function main({ name, bundle, logger, signal }: ProgramOptions): Promise<void> {
  const rootless = argument("--rootless") as EngineOptions["rootless"];
  const paths = pathsOf(name, process.env, rootless === undefined ? (process.getuid?.() ?? 1) : 1);
  const files = filesOf(paths);
  await using lifetime = new Lifetime();
  ensureRuntimeFolder(paths);
  lifetime.add("lock", await holdLock(files.lock("engine"), bundle, realClock, logger));
  const dockerSocket = argument("--docker-socket") ?? files.dockerSocket;
  const flags = Object.fromEntries(FLAGS.map(([name, flag]) => [name, argument(flag)])) as DockerHostFlags;
  const dockerHost = dockerHostOf(flags);
  const networks = rootless === undefined ? await openNetworks(paths, logger) : undefined;
  const uplink = rootless === undefined ? undefined : uplinkOf(paths);
  const snapshotter = argument("--snapshotter") as SnapshotterKind | undefined;
  const engine = await startEngine({
    ...{ clock: realClock, random: systemRandom, metrics: createMetrics(), logger },
    stateDirectory: files.engine,
    runtimeDirectory: join(paths.runtime, "engine"),
    criSocket: files.criSocket,
    dockerSocket,
    ...(dockerHost === undefined ? {} : { dockerHost }),
    ...(rootless === undefined ? {} : { rootless }),
    ...(networks === undefined
      ? { network: UNCONNECTED, containerNetworks: await openRootlessNetworks(paths, uplink, logger) }
      : { network: bridgedPods(networks), containerNetworks: networks }),
    ...(networks === undefined && uplink === undefined ? {} : { names: namesOf(paths, bundle, uplink?.netns) }),
    cgroupParent: `/tsukube-${name}`,
    ...(snapshotter === undefined ? {} : { snapshotter }),
    bundle: { folder: dirname(process.argv[1] ?? ""), hash: bundle },
  });
  lifetime.own("engine", engine);
  const served = ["--docker-socket", dockerSocket, ...argumentsOf(flags)];
  if (snapshotter !== undefined) served.push("--snapshotter", snapshotter);
  const ready = { pid: process.pid, served };
  await writeAtomically(files.ready("engine"), `${JSON.stringify(ready)}\n`, { durable: false });
  await aborted(signal);
}

void runProgram(main);
