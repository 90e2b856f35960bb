import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readIfPresent, realClock, run } from "@tsukube/host";
import { findEtcds } from "@tsukube/store/etcd-programs";
import { runTests } from "./run-tests.ts";

/**
 * `npm run torture`: the crash and damage tests of the store, and servers of each etcd that is found killed, paused and cut off under stores
 * (linearizability) and under two control planes (etcd), many more rounds than `npm test` affords. `npm run torture -- crash damage` does these
 * parts alone. What passed is not done again for the same sources: who stops it goes on there the next time, unless `--anew` is given.
 */
const PARTS = ["crash", "damage", "linearizability", "etcd"] as const;
type Part = (typeof PARTS)[number];

const ROUNDS = Number(process.env["TSUKUBE_CRASH_ROUNDS"] ?? 1000);
const PAGES = Number(process.env["TSUKUBE_DAMAGE_SAMPLES"] ?? 2000); // more than the file has
const SECONDS = Number(process.env["TSUKUBE_LINEARIZABILITY_SECONDS"] ?? 900);
/** As many as the crash test kills writers of one file. */
const ROUNDS_A_STEP = 50;

/** A run of one test. */
interface Step {
  readonly part: Part;
  readonly name: string;
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  /** Of the test's name. */
  readonly only?: string;
  /** What it takes, until one of its part was measured. */
  readonly seconds: number;
}

/** What a step that passed has shown, and how long that took. */
interface Shown {
  readonly what: string;
  readonly seconds: number;
}

const root = dirname(dirname(import.meta.dirname));
const file = join(root, "dist", "torture.json");

function stepsOf(part: Part): readonly Step[] {
  switch (part) {
    case "crash":
      return Array.from({ length: Math.ceil(ROUNDS / ROUNDS_A_STEP) }, (_, index) => {
        const first = index * ROUNDS_A_STEP;
        const rounds = Math.min(ROUNDS_A_STEP, ROUNDS - first);
        const env = { TSUKUBE_CRASH_ROUNDS: String(rounds) };
        const name = `crashes ${first + 1} to ${first + rounds}`;
        return { part, name, file: "store/src/crash.root.test.ts", env, seconds: rounds };
      });
    case "damage": {
      const env = { TSUKUBE_DAMAGE_SAMPLES: String(PAGES) };
      const name = PAGES < 2000 ? `${PAGES} damaged pages` : "every damaged page";
      return [{ part, name, file: "store/src/damage.root.test.ts", env, seconds: Math.min(PAGES, 600) }];
    }
    case "linearizability":
      return withEtcds(part, "store/src/linearizability.root.test.ts", "stores");
    case "etcd":
      return withEtcds(part, "e2e/src/etcd-cluster.test.ts", "two control planes");
  }
}

function withEtcds(part: Part, file: string, over: string): readonly Step[] {
  return findEtcds().map(({ version }) => ({
    part,
    name: `${SECONDS} s of troubles of etcd ${version} under ${over}`,
    file,
    env: { TSUKUBE_LINEARIZABILITY_SECONDS: String(SECONDS) },
    only: `with etcd ${version}`,
    seconds: SECONDS + 60,
  }));
}

/** Tells these sources from others. */
async function sources(): Promise<string> {
  const git = async (...args: string[]): Promise<string> => (await run("git", args, { cwd: root })).stdout;
  return createHash("sha256")
    .update(await git("rev-parse", "HEAD"))
    .update(await git("diff", "HEAD"))
    .update(await untracked(await git("ls-files", "--others", "--exclude-standard", "-z")))
    .digest("hex");
}

/** Names and contents. */
async function untracked(names: string): Promise<Buffer> {
  const files = names.split("\0").filter((name) => name !== "");
  return Buffer.concat(await Promise.all(files.flatMap((name) => [Buffer.from(name), readFile(join(root, name))])));
}

async function readShown(of: string): Promise<Map<string, Shown>> {
  const known = await readIfPresent(file);
  const { sources: before, shown } = known === undefined ? {} : JSON.parse(known.toString());
  return new Map(before === of ? Object.entries(shown as Record<string, Shown>) : []);
}

function remember(of: string, shown: ReadonlyMap<string, Shown>): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify({ sources: of, shown: Object.fromEntries(shown) }));
}

/** @returns undefined when it failed. */
async function take(step: Step): Promise<Shown | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-torture-"));
  const report = join(folder, "report.json");
  const began = realClock.monotonic();
  try {
    const only = step.only === undefined ? [] : ["-t", step.only];
    Object.assign(process.env, step.env);
    const { failed } = await runTests(root, [step.file, ...only, "--testTimeout=14400000"], report);
    if (failed > 0) return undefined;
    const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report;
    const what = testResults.flatMap(({ assertionResults }) =>
      assertionResults.flatMap(({ meta }) => meta?.shown ?? []),
    );
    // a test that was left out shows nothing
    return what.length === 0 ? undefined : { what: what.join("; "), seconds: (realClock.monotonic() - began) / 1000 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly meta?: { readonly shown?: string } }[];
  }[];
}

/** By what steps of the same part took, where one was done. */
function secondsLeft(left: readonly Step[], done: readonly (readonly [Step, Shown])[]): number {
  return left.reduce((sum, { part, seconds }) => {
    const same = done.filter(([step]) => step.part === part);
    const ratio = same.reduce((all, [step, shown]) => all + shown.seconds / step.seconds, 0) / same.length;
    return sum + seconds * (same.length === 0 ? 1 : ratio);
  }, 0);
}

function partsIn(args: readonly string[]): readonly Part[] {
  const unknown = args.find((arg) => !(PARTS as readonly string[]).includes(arg));
  if (unknown !== undefined) {
    process.stderr.write(`Cannot torture "${unknown}", expected some of ${PARTS.join(", ")}\n`);
    process.exit(2);
  }
  return args.length === 0 ? PARTS : PARTS.filter((part) => args.includes(part));
}

const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const args = process.argv.slice(2);
const parts = partsIn(args.filter((arg) => arg !== "--anew"));
const key = await sources();
const shown = args.includes("--anew") ? new Map<string, Shown>() : await readShown(key);
const steps = parts.flatMap(stepsOf);
for (const part of parts)
  if (!steps.some((step) => step.part === part)) say(`No ${part}: no etcd was found ("npm run peers" gets one)`);
const failed: Step[] = [];
for (const [index, step] of steps.entries()) {
  if (shown.has(step.name)) continue;
  const left = steps.slice(index).filter(({ name }) => !shown.has(name));
  const done = steps.flatMap((other) => (shown.has(other.name) ? [[other, shown.get(other.name)!] as const] : []));
  say(`\n== ${index + 1} of ${steps.length}: ${step.name}; about ${Math.ceil(secondsLeft(left, done) / 60)} min left`);
  const result = await take(step);
  if (result === undefined) failed.push(step);
  else remember(key, shown.set(step.name, result));
}
say("\n== shown");
for (const { name } of steps)
  say(`${shown.has(name) ? "ok    " : "FAILED"} ${name}: ${shown.get(name)?.what ?? "see above"}`);
say(`\n${steps.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length > 0 || steps.length === 0 ? 1 : 0;
