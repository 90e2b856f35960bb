import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { removeFromKubeconfig } from "@tsukube/client";
import { aloneIfRoom, removeIfEmpty } from "../cluster/command-lock.ts";
import { endWords } from "../cluster/last-words.ts";
import { filesOf } from "../cluster/paths.ts";
import { readClusterRecord } from "../cluster/record.ts";
import { isServed } from "../cluster/store-reading.ts";
import { stopProcess } from "../cluster/supervisor.ts";
import { holderOf, userNamespaceOf } from "../cluster/user-namespace.ts";
import { type CommandContext, ROOTLESS } from "./context.ts";
import { upCommand } from "./up-command.ts";

/** Stops a cluster and removes what it left on the host; its data stay unless `purge`. */
export async function down(context: CommandContext, purge: boolean): Promise<void> {
  const { paths, print } = context;
  if (!context.isRoot && existsSync(filesOf(paths).engine)) await takeDownWithin(context);
  else if (existsSync(paths.state))
    await aloneIfRoom(filesOf(paths).commandLock, context, () => takeDown(context, purge));
  else print(`Cluster "${paths.name}" does not exist: nothing to stop.`);
}

/** By the same command where its engine is root: what containers wrote belongs to users whom only that knows. */
async function takeDownWithin({ paths, clock }: CommandContext): Promise<void> {
  const users = await userNamespaceOf(paths, clock);
  const end = holderOf(paths, clock);
  const [program = "", ...args] = [...users.enter, process.execPath, ...process.argv.slice(1)];
  const child = spawn(program, args, { stdio: "inherit", env: { ...process.env, [ROOTLESS]: users.ids } });
  const [code] = (await once(child, "exit")) as [number | null];
  process.exitCode = code ?? 1;
  if (code === 0) await end();
}

async function takeDown({ rootless, paths, clock, progress, print }: CommandContext, purge: boolean): Promise<void> {
  const record = await readClusterRecord(paths).catch(() => undefined);
  const what = record === undefined && existsSync(filesOf(paths).engine) ? "engine" : "cluster";
  const title = `${what[0]?.toUpperCase()}${what.slice(1)} "${paths.name}"`;
  const wasServed = isServed(paths);
  await progress.step(`stopping ${what} "${paths.name}"`, async () => {
    await stopProcess(paths, "node", clock);
    await stopProcess(paths, "engine", clock);
    await stopProcess(paths, "server", clock);
    await stopProcess(paths, "registry", clock);
    if (record?.withNode === true || existsSync(filesOf(paths).engine)) {
      const { cleanEngine, cleanHost } = await import("../cluster/node-host.ts");
      if (record?.withNode === true) await cleanHost(paths, record, otherEngineRuns(paths));
      else await cleanEngine(paths, undefined, otherEngineRuns(paths), rootless);
    }
    await (await import("@tsukube/kernel")).removeTree(paths.runtime);
    removeIfEmpty(dirname(paths.runtime));
  });
  const words = wasServed ? await endWords(paths, "server") : "";
  if (words !== "") print(`What its control plane could not bring to an end: ${words}`);
  if (!purge) {
    const again = what === "engine" ? "tsukube engine" : upCommand(paths, record);
    print(`${title} is stopped; its data stay in ${paths.state}. Start it again with: ${again}`);
    return;
  }
  await progress.step("removing its data", async () => {
    await removeFromKubeconfig(join(process.env["HOME"] ?? homedir(), ".kube/config"), `tsukube-${paths.name}`);
    await (await import("@tsukube/kernel")).removeTree(paths.state);
    removeIfEmpty(dirname(paths.state));
  });
  print(`${title} and its data are gone.`);
}

/** Whether containers of another cluster or engine of this host need it to forward packets. */
function otherEngineRuns(paths: CommandContext["paths"]): boolean {
  const runtimes = dirname(paths.runtime);
  if (!existsSync(runtimes)) return false; // after the last one's end, or a reboot
  const names = readdirSync(runtimes).filter((name) => name !== paths.name);
  return names.some((name) => existsSync(filesOf({ ...paths, runtime: join(dirname(paths.runtime), name) }).criSocket));
}
