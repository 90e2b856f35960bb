import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { Lifetime } from "@tsukube/foundation";
import { run } from "@tsukube/host";
import { reasonFor } from "./docker-tour/differences.ts";
import { makeFiles } from "./docker-tour/files.ts";
import { type Outcome, runStep } from "./docker-tour/run-step.ts";
import { STEPS } from "./docker-tour/steps.ts";
import { type Engine, startStock } from "./docker-tour/stock-engine.ts";

const USAGE = `npm run docker-tour -- [OPTIONS]
Does the same with Debian's dockerd and with our engine, by one docker command, and prints every difference. Needs root.
  --only RE      steps that fit; those before them may be what they need
  --explained    prints also the differences that have a reason
`;
const NAME = "docker-tour";
const IMAGE = "tsukube.local/busybox";
const ROOT = dirname(dirname(import.meta.dirname));

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "." },
    explained: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

async function main(): Promise<void> {
  if (values.help) return void process.stdout.write(USAGE);
  await using lifetime = new Lifetime();
  const folder = mkdtempSync(join(tmpdir(), "tsukube-docker-tour-"));
  lifetime.add("folder", () => rmSync(folder, { recursive: true, force: true }));
  makeFiles(folder, IMAGE);
  const ours = await startOurs(lifetime);
  const stock = await startStock(lifetime, folder);
  const docker = (engine: Engine, ...args: readonly string[]) =>
    run("docker", ["-H", `unix://${engine.socket}`, ...args]);
  await docker(ours, "run", "--rm", IMAGE, "true"); // makes the image
  await docker(ours, "save", "-o", join(folder, "image.tar"), IMAGE);
  await docker(stock, "load", "-i", join(folder, "image.tar"));
  const only = new RegExp(values.only);
  const totals = { steps: 0, explained: 0, unexplained: 0 };
  for (const step of STEPS.filter((each) => only.test(each))) {
    const [theirs, own] = await Promise.all([stock, ours].map((engine) => runStep(engine, step, folder, IMAGE)));
    totals.steps += 1;
    if (theirs === undefined || own === undefined || JSON.stringify(theirs) === JSON.stringify(own)) continue;
    const because = reasonFor(step);
    totals[because === undefined ? "unexplained" : "explained"] += 1;
    if (because === undefined || values.explained) print(step, because, theirs, own);
  }
  const { steps, explained, unexplained } = totals;
  process.stdout.write(`\n${steps} steps: ${unexplained} differences without a reason, ${explained} with one\n`);
  process.exitCode = unexplained === 0 ? 0 : 1;
}

async function startOurs(lifetime: Lifetime): Promise<Engine> {
  const tsukube = (...args: readonly string[]) => run(join(ROOT, "tsukube"), ["--name", NAME, ...args]);
  lifetime.add("engine", async () => void (await tsukube("down", "--purge")));
  await tsukube("engine", "--background");
  return { name: "ours", socket: `/run/tsukube/${NAME}/docker.sock`, within: [] };
}

function print(step: string, because: string | undefined, theirs: Outcome, own: Outcome): void {
  const lines = [`## ${step}`, ...(because === undefined ? [] : [`because ${because}`])];
  for (const part of ["code", "stdout", "stderr"] as const)
    if (theirs[part] !== own[part]) lines.push(`${part}, dockerd: ${theirs[part]}`, `${part}, ours:    ${own[part]}`);
  process.stdout.write(`${lines.join("\n")}\n\n`);
}

await main();
