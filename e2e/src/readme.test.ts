import { readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { run } from "@tsukube/host";
import { afterAll, expect, test } from "vitest";
import { clientBinary } from "./clients.ts";
import { Tsukube } from "./tsukube.ts";

const ROOT = dirname(dirname(import.meta.dirname));
const lifetime = new Lifetime();
afterAll(() => lifetime.close(), 60_000);

/** The fenced blocks of a Markdown file, by language. */
function blocks(file: string, language: string): readonly string[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(
    (match) => match[1] ?? "",
  );
}

/** kubectl on PATH, as readers have it. */
const withKubectl = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  ...env,
  PATH: `${dirname(clientBinary("kubectl"))}${delimiter}${process.env["PATH"]}`,
});

test("both READMEs show the same examples", () => {
  for (const language of ["sh", "sh root", "ts"]) {
    expect(blocks("README.zh-CN.md", language)).toEqual(blocks("README.md", language));
    expect(blocks("README.md", language)).not.toEqual([]);
  }
});

test("the shell examples run as they stand", async () => {
  const tsukube = new Tsukube(lifetime, "e2e-readme");
  // a cluster of its own: the name is the only thing that the test adds
  const script = blocks("README.md", "sh").join("\n").replaceAll("--name api", `--name ${tsukube.name}`);
  const env = withKubectl(tsukube.env);
  const { stdout } = await run("sh", ["-eu"], { input: script, env, cwd: ROOT });
  expect(stdout).toContain("namespace/shop created");
  expect(stdout).toContain('apple: "3"');
}, 120_000);

test.skipIf(process.getuid?.() !== 0)(
  "the shell examples with a node run as they stand (needs root)",
  async () => {
    const tsukube = new Tsukube(lifetime, "e2e-readme-node");
    const script = blocks("README.md", "sh root")
      .join("\n")
      .replaceAll("./tsukube ", `./tsukube --name ${tsukube.name} `);
    const { stdout } = await run("sh", ["-eu"], { input: script, env: withKubectl(tsukube.env), cwd: ROOT });
    expect(stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/m);
    expect(stdout).toMatch(/^store-0 +1\/1 +Running/m);
  },
  180_000,
);

test("the TypeScript examples run as they stand", async () => {
  for (const [index, text] of blocks("README.md", "ts").entries()) {
    const path = join(ROOT, `e2e/src/.readme-${index}.ts`);
    lifetime.add(path, () => run("rm", ["-f", path]).then(() => {}));
    writeFileSync(path, text);
    expect((await run(process.execPath, [path], { cwd: ROOT })).stdout).toBe("1\n");
  }
});
