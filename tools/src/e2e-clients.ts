import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { Lifetime, messageOf } from "@tsukube/foundation";
import { run } from "@tsukube/host";
import { build, buildFolder, type ClientProgram, missing, PROGRAMS, UPSTREAM_CONTROLLERS } from "./clients/programs.ts";
import { type Outcome, tour } from "./clients/tour.ts";
import { missingUpstream, startUpstreamControllers } from "./clients/upstream-controllers.ts";

const NAMES = PROGRAMS.map(({ name }) => name);
const USAGE = `npm run e2e:clients -- [NAME...] [OPTIONS]
Builds small programs on unmodified client libraries (e2e/clients/NAME) where their tool chains are on PATH, runs them against
a Tsukube cluster of its own, and prints what answers differently than they expect. Names: ${NAMES.join(", ")}.
  --kubeconfig FILE  a cluster that runs, instead; programs leave namespaces and definitions behind
  --no-node          starts the control plane alone, as it does without root: nothing runs in pods then
  --upstream-controllers  kube-controller-manager and kube-scheduler, which npm run peers builds, in the place of ours: asks
                     whether they do their work against our API server, and fails for every error that they log
  --keep             leaves the cluster running
  --logs DIR         where the output of each program goes (a temporary folder)
`;

const ROOT = dirname(dirname(import.meta.dirname));
const CLUSTER = `e2e-clients-${process.pid}`;
const LIMIT_MS = 600_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kubeconfig: { type: "string" },
    "no-node": { type: "boolean", default: process.getuid?.() !== 0 },
    "upstream-controllers": { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    logs: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});

interface Cluster {
  readonly kubeconfig: string;
  readonly hasNode: boolean;
  stop(): Promise<void>;
}

async function main(): Promise<void> {
  const unknown = positionals.filter((name) => !NAMES.includes(name));
  if (values.help || unknown.length > 0) {
    process.stdout.write(values.help ? USAGE : `e2e:clients: no program ${unknown}, expected some of ${NAMES}\n`);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  if (values["upstream-controllers"] && missingUpstream().length > 0) {
    process.stdout.write(`e2e:clients: no ${missingUpstream().join(" and no ")}: build them with "npm run peers"\n`);
    process.exitCode = 2;
    return;
  }
  const chosen = values["upstream-controllers"]
    ? [UPSTREAM_CONTROLLERS]
    : PROGRAMS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const logs = values.logs ?? mkdtempSync(join(tmpdir(), "tsukube-e2e-clients-"));
  mkdirSync(logs, { recursive: true });
  say("… the cluster");
  const cluster = values.kubeconfig === undefined ? await startCluster() : await clusterOf(values.kubeconfig);
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void cluster.stop().finally(() => process.exit(1)));
  const outcomes = new Map<string, Outcome>();
  const runAll = async (env: NodeJS.ProcessEnv): Promise<void> => {
    for (const program of chosen) {
      const log = join(logs, `${program.name}.log`);
      outcomes.set(program.name, await runOne(program, { ...env, ...envOf(cluster) }, log));
    }
  };
  try {
    if (!values["upstream-controllers"]) await runAll(process.env);
    else outcomes.set("what they log", await besideUpstream(cluster, logs, runAll));
  } finally {
    if (!values.keep) await cluster.stop();
  }
  report(outcomes, cluster, logs);
}

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

async function startCluster(): Promise<Cluster> {
  const tsukube = (...args: readonly string[]) => run(join(ROOT, "tsukube"), ["--name", CLUSTER, ...args]);
  const isAlone = values["no-node"] || values["upstream-controllers"];
  const whose = values["upstream-controllers"] ? ["--controllers", "others"] : [];
  await tsukube("up", ...(isAlone ? ["--no-node"] : []), ...whose);
  const { kubeconfig } = JSON.parse((await tsukube("status", "-o", "json")).stdout) as { readonly kubeconfig: string };
  const stop = async () => void (await tsukube("down", "--purge"));
  return { kubeconfig, hasNode: !isAlone, stop };
}

/** Of a cluster that runs already: whether a node is in it. */
async function clusterOf(kubeconfig: string): Promise<Cluster> {
  const { transportOfKubeconfig } = await import("@tsukube/e2e/kubeconfig-transport");
  const transport = transportOfKubeconfig(kubeconfig);
  const { body } = await transport.request({ method: "GET", path: "/api/v1/nodes", headers: {} });
  const pieces: Uint8Array[] = [];
  for await (const piece of body instanceof Uint8Array ? [body] : body) pieces.push(piece);
  await transport.close();
  const { items } = JSON.parse(Buffer.concat(pieces).toString("utf8")) as { readonly items: readonly object[] };
  return { kubeconfig, hasNode: items.length > 0, stop: async () => {} };
}

/** Runs `work` while upstream's controllers run. @returns whether they logged an error. */
async function besideUpstream(
  cluster: Cluster,
  logs: string,
  work: (env: NodeJS.ProcessEnv) => Promise<void>,
): Promise<Outcome> {
  await using lifetime = new Lifetime();
  const upstream = await startUpstreamControllers(lifetime, cluster.kubeconfig, logs);
  await work({ ...process.env, ...upstream.env });
  const failed = upstream.errors();
  return { passed: failed.length === 0 ? 1 : 0, failed, skipped: 0, seconds: 0 };
}

/** What programs know of the cluster. */
function envOf({ kubeconfig, hasNode }: Cluster): NodeJS.ProcessEnv {
  return { KUBECONFIG: kubeconfig, PODS: hasNode ? "yes" : "no" };
}

async function runOne(program: ClientProgram, env: NodeJS.ProcessEnv, log: string): Promise<Outcome> {
  const lacks = missing(program);
  if (lacks.length > 0) {
    say(`\n${program.name}: skipped: no ${lacks.join(" and no ")} on PATH`);
    return { passed: 0, failed: [], skipped: 1, seconds: 0 };
  }
  try {
    say(`\n… building ${program.name} (the first time takes minutes)`);
    const command = await build(program, buildFolder());
    say(program.name);
    return await tour(command, { ...env, ...program.env }, log, LIMIT_MS, (line) => say(`  ${line}`));
  } catch (error) {
    say(`  failed  ${messageOf(error)}`);
    return { passed: 0, failed: [`Cannot be built: ${messageOf(error)}`], skipped: 0, seconds: 0 };
  }
}

function report(outcomes: ReadonlyMap<string, Outcome>, cluster: Cluster, logs: string): void {
  say(`\n${"program".padEnd(24)} ${"passed".padStart(7)} ${"failed".padStart(7)} ${"skipped".padStart(7)}     time`);
  let failures = 0;
  for (const [name, { passed, failed, skipped, seconds }] of outcomes) {
    const counts = [passed, failed.length, skipped].map((count) => String(count).padStart(7)).join(" ");
    say(`${name.padEnd(24)} ${counts} ${String(seconds).padStart(6)} s`);
    failures += failed.length;
  }
  for (const [name, { failed }] of outcomes) for (const sentence of failed) say(`\n${name}: ${sentence}`);
  if (failures > 0) {
    say(`\nNext: what the programs printed is in ${logs}. To look into one:`);
    say(`  npm run e2e:clients -- ${[...outcomes].find(([, { failed }]) => failed.length > 0)?.[0]} --keep`);
    if (values.keep) say(`  KUBECONFIG=${cluster.kubeconfig}; end with ./tsukube down --purge --name ${CLUSTER}`);
  }
  process.exitCode = failures > 0 ? 1 : 0;
}

await main();
