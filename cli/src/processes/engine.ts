import { dirname, join } from "node:path";
import { startEngine } from "@tsukube/engine";
import { Lifetime } from "@tsukube/foundation";
import { createMetrics, realClock, systemRandom, writeAtomically } from "@tsukube/host";
import { bridgedPods } from "@tsukube/network";
import { namesOf, openNetworks } from "../cluster/docker-networks.ts";
import { filesOf, pathsOf } from "../cluster/paths.ts";
import { ensureRuntimeFolder } from "../cluster/runtime-folder.ts";
import { holdLock } from "./hold.ts";
import { aborted, argument, type ProgramOptions, runProgram } from "./program.ts";

/** The container engine without a cluster. Containers outlive it. */
async function main({ name, bundle, logger, signal }: ProgramOptions): Promise<void> {
  const paths = pathsOf(name, process.env, process.getuid?.() ?? 1);
  const files = filesOf(paths);
  await using lifetime = new Lifetime();
  ensureRuntimeFolder(paths);
  lifetime.add("lock", await holdLock(files.lock("engine"), bundle, realClock, logger));
  const networks = await openNetworks(paths, logger);
  const engine = await startEngine({
    ...{ clock: realClock, random: systemRandom, metrics: createMetrics(), logger },
    stateDirectory: files.engine,
    runtimeDirectory: join(paths.runtime, "engine"),
    criSocket: files.criSocket,
    dockerSocket: argument("--docker-socket") ?? files.dockerSocket,
    network: bridgedPods(networks),
    containerNetworks: networks,
    names: namesOf(paths, bundle),
    cgroupParent: `/tsukube-${name}`,
    bundle: { folder: dirname(process.argv[1] ?? ""), hash: bundle },
  });
  lifetime.own("engine", engine);
  await writeAtomically(files.ready("engine"), `${JSON.stringify({ pid: process.pid })}\n`, { durable: false });
  await aborted(signal);
}

void runProgram(main);
