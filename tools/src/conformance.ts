import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { run } from "@tsukube/host";
import { imagesArchive, makeImages } from "./conformance/images.ts";
import { peersFolder } from "./peers.ts";

const USAGE = `npm run conformance -- [OPTIONS]
Runs upstream's end-to-end tests (npm run peers builds them) against a Tsukube cluster, one after the other, and prints a table.
  --list FILE        names of tests, one a line; of a table the last column
  --class NAME       only the rows of the list whose second column is NAME
  --focus RE         only tests whose name fits; without a list all conformance tests
  --kubeconfig FILE  a cluster that runs; otherwise one is started for the tests, with a node as root
  --limit SECONDS    for each test (300); for one that calls itself slow four times as long
  --parallel N       tests at the same time (1); those that call themselves serial run after them, one by one
  --logs DIR         where the output of each test goes (a temporary folder)
  --images           only makes the images that tests run (once; root, Go and Debian), for clusters that are started from then on
`;

const root = dirname(dirname(import.meta.dirname));

/** How much longer than others: one waits until a revision of its own is compacted, which takes five to ten minutes. */
const SLOW_TESTS_LAST = 4;

interface Verdict {
  readonly name: string;
  readonly result: "passed" | "failed" | "skipped" | "timed out";
  readonly seconds: number;
  /** The first line of a failure. */
  readonly why: string;
}

const { values } = parseArgs({
  options: {
    list: { type: "string" },
    class: { type: "string" },
    focus: { type: "string" },
    kubeconfig: { type: "string" },
    limit: { type: "string", default: "300" },
    parallel: { type: "string", default: "1" },
    logs: { type: "string", default: join(tmpdir(), `tsukube-conformance-${process.pid}`) },
    images: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

async function main(): Promise<void> {
  const program = join(peersFolder(), "e2e.test");
  if (values.images && !values.help) return makeImages();
  if (values.help || !existsSync(program)) {
    process.stdout.write(values.help ? USAGE : `conformance: no ${program}: build it with "npm run peers"\n`);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const names = await namesOf(program);
  if (names.length === 0) throw new Error("no test fits, expected some: see --help");
  mkdirSync(values.logs, { recursive: true });
  const cluster = values.kubeconfig === undefined ? await startCluster() : undefined;
  try {
    const verdicts = await runAll(program, names, values.kubeconfig ?? cluster?.kubeconfig ?? "");
    report(verdicts);
    process.exitCode = verdicts.every(({ result }) => result === "passed" || result === "skipped") ? 0 : 1;
  } finally {
    await cluster?.stop();
  }
}

async function namesOf(program: string): Promise<readonly string[]> {
  const focus = new RegExp(values.focus ?? ".");
  if (values.list === undefined) {
    const { stdout } = await run(program, ["--list-tests"], { accept: [0, 1] });
    const all = stdout.split("\n").flatMap((line) => /^\s*\S+\.go:\d+: (.*)$/.exec(line)?.[1] ?? []);
    return all.filter((name) => name.includes("[Conformance]") && focus.test(name));
  }
  const rows = readFileSync(values.list, "utf8")
    .split("\n")
    .map((line) => line.split("\t"))
    .filter((row) => row.at(-1)?.startsWith("[") === true);
  return rows
    .filter((row) => values.class === undefined || row[1] === values.class)
    .map((row) => row.at(-1) ?? "")
    .filter((name) => focus.test(name));
}

async function startCluster(): Promise<{ readonly kubeconfig: string; stop(): Promise<void> }> {
  const tsukube = (...args: readonly string[]) => run(join(root, "tsukube"), ["--name", "conformance", ...args]);
  const stop = async (): Promise<void> => void (await tsukube("down", "--purge"));
  try {
    await tsukube("up", ...(process.getuid?.() === 0 ? [] : ["--no-node"]));
    if (process.getuid?.() === 0 && existsSync(imagesArchive())) await tsukube("image", "load", imagesArchive());
    const status = JSON.parse((await tsukube("status", "-o", "json")).stdout) as { readonly kubeconfig: string };
    return { kubeconfig: status.kubeconfig, stop };
  } catch (error) {
    await stop().catch(() => {}); // why it did not come up says more
    throw error;
  }
}

async function runAll(program: string, names: readonly string[], kubeconfig: string): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  const work = async (waiting: [number, string][]): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, name] = next;
      const verdict = await runOne(program, name, kubeconfig, join(values.logs, `${index}.log`));
      verdicts.push(verdict);
      const { result, seconds, why } = verdict;
      process.stdout.write(
        `${result.padEnd(9)} ${String(seconds).padStart(4)} s  ${name}${why === "" ? "" : `\n    ${why}`}\n`,
      );
    }
  };
  const isSerial = ([, name]: [number, string]): boolean => name.includes("[Serial]");
  const together = [...names.entries()].filter((entry) => !isSerial(entry));
  await Promise.all(Array.from({ length: Number(values.parallel) }, () => work(together)));
  await work([...names.entries()].filter(isSerial));
  return verdicts;
}

async function runOne(program: string, name: string, kubeconfig: string, log: string): Promise<Verdict> {
  const began = performance.now();
  const limit = Number(values.limit) * (name.includes("[Slow]") ? SLOW_TESTS_LAST : 1);
  const { stdout, stderr } = await run(
    "sh", // where a test does not end timeout kills itself too: the shell tells of it by 137
    [
      ...[
        "-c",
        'timeout "$@"; exit $?',
        "sh",
        "--kill-after=5",
        String(limit + 20),
        program,
        `--kubeconfig=${kubeconfig}`,
        "--provider=skeleton",
      ],
      ...["--allowed-not-ready-nodes=-1", "--minStartupPods=-1", "--ginkgo.no-color", "--ginkgo.v"],
      ...[`--ginkgo.timeout=${limit}s`, `--ginkgo.focus=${name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`],
    ],
    { accept: [0, 1, 2, 124, 137], env: { ...process.env, PATH: `${peersFolder()}:${process.env["PATH"]}` } },
  );
  const output = `${stdout}${stderr}`;
  writeFileSync(log, `${name}\n${output}`);
  const seconds = Math.round((performance.now() - began) / 1000);
  const [, passed = "0", failed = "0"] = /(\d+) Passed \| (\d+) Failed/.exec(output) ?? [];
  if (/Interrupted by Timeout|TIMEDOUT/.test(output)) return { name, result: "timed out", seconds, why: whyOf(output) };
  if (Number(failed) > 0 || !output.includes("SUCCESS!"))
    return { name, result: "failed", seconds, why: whyOf(output) };
  return { name, result: Number(passed) > 0 ? "passed" : "skipped", seconds, why: "" };
}

function whyOf(output: string): string {
  return (/^ *\[FAILED\] (?!in \[)(.*)$/m.exec(output)?.[1] ?? "").slice(0, 300);
}

function report(verdicts: readonly Verdict[]): void {
  const of = (result: Verdict["result"]): number => verdicts.filter((verdict) => verdict.result === result).length;
  process.stdout.write(
    `\n${of("passed")} of ${verdicts.length} passed, ${of("failed")} failed, ${of("timed out")} timed out, ${of("skipped")} skipped; output in ${values.logs}\n`,
  );
}

await main();
