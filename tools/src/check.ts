import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run } from "@tsukube/host";
import { checkBoundaries } from "./boundaries.ts";
import { generateDeclared } from "./generate-declared.ts";
import { generateResources } from "./generate-resources.ts";
import { generateTypes } from "./generate-types.ts";
import { runTests, UNIT_TESTS } from "./run-tests.ts";

const root = dirname(dirname(import.meta.dirname));
const node = process.execPath;

const STALE = "api/generated is stale: run ./tools/node tools/src/generate.ts and commit what it writes";

/** One part of the check: resolves with what it proved. @throws with what is wrong and the remedy. */
type Part = () => Promise<string>;

/** Runs a checker; what it found is the error. */
async function must(command: string, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await run(command, args, { accept: [0, 1, 2] });
  if (code !== 0) throw new Error(`${stdout}${stderr}`.trim());
}

const PARTS: Readonly<Record<string, Part>> = {
  format: async () => {
    await must(join(root, "node_modules/.bin/biome"), [
      "ci",
      "--colors=off",
      "--error-on-warnings",
      "--diagnostic-level=warn",
      root,
    ]);
    return "biome is content";
  },
  types: async () => {
    await must(node, [join(root, "node_modules/typescript/bin/tsc"), "-p", root]);
    return "no type errors";
  },
  boundaries: async () => {
    const { files, violations } = checkBoundaries(root);
    if (files < 30) throw new Error(`saw only ${files} files: the check itself is broken`);
    if (violations.length > 0) {
      throw new Error(violations.map(({ file, line, message }) => `${file}:${line} ${message}`).join("\n"));
    }
    return `${files} files import downwards only`;
  },
  "dead code": async () => {
    await must(node, [join(root, "node_modules/knip/bin/knip.js"), "--no-progress", "--no-config-hints"]);
    return "everything is used";
  },
  generated: async () => {
    const folder = join(root, "api/generated/types");
    const wanted = generateTypes(root);
    const stale = [...wanted].filter(([name, text]) => readFileSync(join(folder, name), "utf8") !== text);
    if (stale.length > 0 || readdirSync(folder).length !== wanted.size) {
      throw new Error(STALE);
    }
    const lists = { "resources.ts": generateResources(root), "declared.json": await generateDeclared(root) };
    for (const [name, text] of Object.entries(lists))
      if (readFileSync(join(root, "api/generated", name), "utf8") !== text) throw new Error(STALE);
    return `${wanted.size + Object.keys(lists).length} generated modules are current`;
  },
  tests: async () => {
    const folder = mkdtempSync(join(tmpdir(), "tsukube-check-"));
    try {
      // by default vitest leaves one core idle, which of two is half
      const totals = await runTests(root, [...UNIT_TESTS, "--maxWorkers=2"], join(folder, "report.json"));
      if (totals.failed > 0) throw new Error(`${totals.passed} passed, ${totals.failed} failed`);
      return `${totals.passed} unit tests`;
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

let failed = false;
for (const [name, part] of Object.entries(PARTS)) {
  if (name === "tests" && process.argv.includes("--static")) continue;
  const started = performance.now();
  try {
    const proved = await part();
    process.stdout.write(
      `ok    ${name.padEnd(12)} ${proved} (${((performance.now() - started) / 1000).toFixed(1)} s)\n`,
    );
  } catch (error) {
    failed = true;
    process.stdout.write(`FAIL  ${name.padEnd(12)} ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
process.exitCode = failed ? 1 : 0;
