import { accessSync, constants, existsSync, readdirSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "@tsukube/foundation";
import { lockHolder } from "@tsukube/host";
import { adminTransport, isReady } from "../cluster/api.ts";
import { EngineClient } from "../cluster/engine-client.ts";
import { lastWords } from "../cluster/last-words.ts";
import { describeOld, oldStoreFiles } from "../cluster/old-store-files.ts";
import { filesOf } from "../cluster/paths.ts";
import { readClusterRecord } from "../cluster/record.ts";
import { supervisorOf } from "../cluster/supervisor.ts";
import { missingPrograms } from "../host-packages.ts";
import type { CommandContext } from "./context.ts";
import { upCommand } from "./up-command.ts";

/** One thing looked at: what was found, and what to do when it is not right. */
interface Finding {
  readonly what: string;
  readonly ok: boolean;
  readonly remedy?: string;
}

/** Of a disk. */
const LEAST_FREE = 0.05;
/** Of the disk of a cluster's state: what its store needs to go on for a while. */
const LEAST_MEGABYTES = 64;

/** Looks at the host and the cluster for what commonly goes wrong. @returns whether everything is right. */
export async function doctor(context: CommandContext): Promise<boolean> {
  const findings = [...hostFindings(context), ...(await clusterFindings(context))];
  for (const { what, ok, remedy } of findings) {
    context.print(`${ok ? "ok  " : "BAD "} ${what}`);
    if (!ok && remedy !== undefined) context.print(`     ${remedy}`);
  }
  return findings.every(({ ok }) => ok);
}

function hostFindings({ isRoot }: CommandContext): readonly Finding[] {
  const [major = 0] = process.versions.node.split(".").map(Number);
  const missing = missingPrograms().map(({ program }) => program);
  return [
    { what: `Node ${process.versions.node}`, ok: major >= 24, remedy: "run ./tools/node, which installs Node 26" },
    { what: isRoot ? "runs as root" : "runs without root: the control plane alone (--no-node)", ok: true },
    ...(isRoot
      ? [
          {
            what: missing.length === 0 ? "programs for nodes are installed" : `not installed: ${missing.join(", ")}`,
            ok: true,
          },
        ]
      : []),
  ];
}

/** Of an engine alone. */
async function engineFindings(context: CommandContext): Promise<readonly Finding[]> {
  const { paths } = context;
  const files = filesOf(paths);
  const { bavail, blocks } = statfsSync(files.engine);
  const room = {
    what: `${Math.floor((bavail / blocks) * 100)} % of the disk of ${files.engine} are free`,
    ok: bavail / blocks > LEAST_FREE,
    remedy: 'remove what nobody uses: "docker system prune", or "tsukube image rm"',
  };
  const left = await leftBehind(context);
  if (supervisorOf(paths, "engine") === undefined)
    return [{ what: `${paths.state} holds an engine without a cluster, which is stopped`, ok: true }, room, left];
  const failure = await new EngineClient(files.dockerSocket).images().then(
    () => undefined,
    (error: unknown) => messageOf(error),
  );
  const answers = failure === undefined ? `the engine answers at ${files.dockerSocket}` : failure;
  return [{ what: answers, ok: failure === undefined, remedy: "see tsukube logs engine" }, room, left];
}

/** What a crash left of containers of which no record speaks. An engine takes it away when it starts. */
async function leftBehind({ paths }: CommandContext): Promise<Finding> {
  const files = filesOf(paths);
  const { straysBelow } = await import("@tsukube/engine");
  const strays = await straysBelow(files.engine, join(paths.runtime, "engine")).catch(messageOf);
  if (typeof strays === "string")
    return { what: `records of containers cannot be read: ${strays}`, ok: false, remedy: "see to the disk" };
  const { mounts, bundles, written } = strays;
  const isClean = mounts.length + bundles.length + written.length === 0;
  const again = existsSync(files.record) ? "up" : "engine --background";
  return {
    what: isClean
      ? "every mount and file of a container has a record"
      : `${mounts.length} mounts, ${bundles.length} bundles and the files of ${written.length} containers have no record`,
    ok: isClean,
    remedy: `an engine takes them away when it starts: tsukube --name ${paths.name} down, then tsukube --name ${paths.name} ${again}`,
  };
}

async function clusterFindings(context: CommandContext): Promise<readonly Finding[]> {
  const { paths, clock } = context;
  const files = filesOf(paths);
  if (!existsSync(paths.state)) return [{ what: `cluster "${paths.name}" does not exist`, ok: true }];
  const record = await readClusterRecord(paths).catch((error: unknown) => messageOf(error));
  if (record === undefined && existsSync(files.engine)) return engineFindings(context);
  if (typeof record === "string" || record === undefined) {
    const what = record ?? `${paths.state} holds no cluster`;
    return [
      {
        what,
        ok: false,
        remedy: `restore a backup of ${paths.state}, or remove it with "tsukube down --purge --name ${paths.name}"`,
      },
    ];
  }
  const loose = looseKeys(files.pki);
  const supervisor = supervisorOf(paths, "server");
  const holder = lockHolder(files.lock("server"));
  const findings: Finding[] = [
    {
      what: `state in ${paths.state} is readable`,
      ok: isWritable(paths.state),
      remedy: "run as the user who created the cluster",
    },
    {
      what: loose.length === 0 ? "keys are private" : `keys that others can read: ${loose.join(", ")}`,
      ok: loose.length === 0,
      remedy: `chmod 600 ${files.pki}/*.key`,
    },
    roomOf(paths.state),
    ...oldStoreFiles(paths).map((old) => ({ what: describeOld(old), ok: true })),
    ...(existsSync(files.engine) ? [await leftBehind(context)] : []),
  ];
  if (supervisor === undefined && holder === undefined) {
    const words = await lastWords(paths, "server");
    const remedy = `do what it says, then run ${upCommand(paths, record)}`;
    const stopped = words === "" ? "the cluster is stopped" : `the control plane gave up: ${words}`;
    return [...findings, { what: stopped, ok: words === "", remedy }];
  }
  const transport = await adminTransport(paths, record);
  const ready = await isReady(transport, clock);
  await transport.close();
  const words = ready ? "" : await lastWords(paths, "server");
  return [
    ...findings,
    {
      what:
        supervisor === undefined
          ? "no supervisor: a crash would not be repaired"
          : `supervisor is alive (pid ${supervisor})`,
      ok: supervisor !== undefined,
      remedy: `run ${upCommand(paths, record)}`,
    },
    {
      what: ready
        ? `API server answers on port ${record.apiPort}`
        : `API server does not answer on port ${record.apiPort}${words === "" ? "" : `: ${words}`}`,
      ok: ready,
      remedy: `see tsukube --name ${paths.name} logs`,
    },
  ];
}

function roomOf(folder: string): Finding {
  const { bavail, bsize } = statfsSync(folder);
  const megabytes = Math.floor((bavail * bsize) / 2 ** 20);
  return {
    what: `${megabytes} MB of the disk of ${folder} are free`,
    ok: megabytes >= LEAST_MEGABYTES,
    remedy: "free some: where there is no room writes are refused, and go on by themselves when there is",
  };
}

function looseKeys(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter(
      (name) => name.endsWith(".key") && (statSync(join(folder, name)).mode & 0o077) !== 0,
    );
  } catch {
    return [];
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
