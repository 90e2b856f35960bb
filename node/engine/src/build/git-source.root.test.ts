import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realClock, run } from "@tsukube/host";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildContext } from "../docker/build-context.ts";
import { askDocker } from "../docker/docker-client-under-test.ts";
import { EngineUnderTest } from "../engine-under-test.ts";
import { isGit } from "./downloads.ts";
import { cloneSource, parseGitReference } from "./git-source.ts";

const folder = mkdtempSync(join(tmpdir(), "tsukube-git-"));
const repository = join(folder, "served/app");
let daemon: ChildProcess;
let url: string;
let first: string;
let second: string;

async function git(...args: readonly string[]): Promise<string> {
  const who = [
    "-c",
    "user.name=t",
    "-c",
    "user.email=t@t",
    "-c",
    "commit.gpgsign=false",
    "-c",
    "protocol.file.allow=always",
  ];
  return (await run("git", ["-C", repository, ...who, ...args])).stdout.trim();
}

async function commit(files: Readonly<Record<string, string>>, message: string): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(repository, name, ".."), { recursive: true });
    writeFileSync(join(repository, name), content);
  }
  await git("add", "-A");
  await git("commit", "-qm", message, "--date=2020-01-01T00:00:00Z");
  return git("rev-parse", "HEAD");
}

beforeAll(async () => {
  mkdirSync(repository, { recursive: true });
  await git("init", "-q", "-b", "main");
  first = await commit({ "a.txt": "one", "docs/readme": "read" }, "first");
  await git("tag", "v1");
  second = await commit({ "a.txt": "two" }, "second");
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address() as AddressInfo;
  free.close();
  url = `git://127.0.0.1:${port}/app`;
  const flags = ["--export-all", `--base-path=${join(folder, "served")}`, "--listen=127.0.0.1", `--port=${port}`];
  daemon = spawn("/usr/lib/git-core/git-daemon", ["--reuseaddr", ...flags], { stdio: "ignore" });
  for (let tries = 0; tries < 100; tries++) {
    if ((await run("git", ["ls-remote", url], { accept: [0, 128] })).code === 0) return;
    await realClock.sleep(50);
  }
}, 30_000);
afterAll(async () => {
  daemon.kill();
  await once(daemon, "exit");
  rmSync(folder, { recursive: true });
});

let clones = 0;
async function clone(word: string, options: Partial<Parameters<typeof cloneSource>[2]> = {}) {
  const target = join(folder, `clone-${++clones}`);
  mkdirSync(target);
  const signal = new AbortController().signal;
  const source = await cloneSource(parseGitReference(word), target, { keepGitFolder: false, signal, ...options });
  return { source, target };
}

test("repositories are told from files", () => {
  for (const word of [
    "git@github.com:a/b.git",
    "https://x/a.git",
    "https://x/a.git#v1:docs",
    "ssh://git@x/a",
    "git://x/a",
  ])
    expect([word, isGit(word)]).toEqual([word, true]);
  for (const word of ["https://x/a.tar.gz", "a.git", "./git@x"]) expect([word, isGit(word)]).toEqual([word, false]);
  expect(parseGitReference("https://x/a.git#v1:docs")).toEqual({ url: "https://x/a.git", ref: "v1", folder: "docs" });
  expect(() => parseGitReference("https://x/a.git#--upload-pack=x")).toThrow("expected a repository");
});

test("a repository comes at its branch, a tag or a commit, whole or in part, without its history", async () => {
  const { target, source } = await clone(url);
  expect(readFileSync(join(target, "a.txt"), "utf8")).toBe("two");
  expect(readdirSync(target).sort()).toEqual(["a.txt", "docs"]);
  expect(source.revision).toEqual({ of: `${url} .`, value: `commit ${second}` });
  for (const ref of ["v1", first, first.slice(0, 10)])
    expect(readFileSync(join((await clone(`${url}#${ref}`)).target, "a.txt"), "utf8")).toBe("one");
  const part = await clone(`${url}#main:docs`);
  expect(part.source.entries.map(({ path }) => path)).toEqual(["", "readme"]);
  const time = Number(await git("show", "--no-patch", "--format=%ct", second));
  expect(lstatSync(join(target, "a.txt")).mtimeMs).toBe(time * 1000);
  expect(existsSync(join((await clone(url, { keepGitFolder: true })).target, ".git/HEAD"))).toBe(true);
});

test("another commit than the wanted one, a missing reference and this machine's files are refused", async () => {
  await expect(clone(url, { commit: first })).rejects.toMatchObject({ code: "wrong-digest" });
  expect((await clone(url, { commit: second })).source.revision?.value).toBe(`commit ${second}`);
  await expect(clone(url, { commit: "sha256:abc" })).rejects.toMatchObject({ code: "invalid" });
  await expect(clone(`${url}#nowhere`)).rejects.toMatchObject({ code: "failed" });
  await expect(clone(`${url}#main:missing`)).rejects.toMatchObject({ code: "not-found" });
  for (const local of [`file://${repository}`, repository])
    await expect(clone(local)).rejects.toMatchObject({ message: expect.stringContaining("not allowed") });
});

test.skipIf(process.getuid?.() !== 0)(
  "ADD puts a repository's files into the image, and again only when its commit is another (needs root)",
  async () => {
    const engine = new EngineUnderTest();
    try {
      await engine.start();
      const context = join(folder, "context");
      mkdirSync(context);
      const build = async (flags: string): Promise<string> => {
        const lines = [
          "FROM tsukube.local/busybox",
          `ADD ${flags} ${url} /app/`,
          "RUN cat /app/a.txt /app/docs/readme && ls -a /app",
        ];
        writeFileSync(join(context, "Dockerfile"), lines.join("\n"));
        const path = "/build?t=cloned";
        const { messages } = await askDocker(engine.dockerSocket, "POST", path, buildContext(context, "Dockerfile"));
        return messages.map(({ stream = "", error = "" }) => stream + error).join("");
      };
      const plain = await build("");
      expect(plain).toContain("tworead");
      expect(plain).not.toContain(".git");
      expect((await build("")).match(/Using cache/g)?.length).toBe(2);
      expect(await build("--keep-git-dir")).toContain(".git");
      expect(await build(`--checksum=${first}`)).toContain(`is commit ${second}, expected ${first}`);
      await commit(
        { "made/Dockerfile": "FROM tsukube.local/busybox\nCOPY file /\nRUN cat /file", "made/file": "remote" },
        "made",
      );
      const query = new URLSearchParams({ t: "remote", remote: `${url}#main:made` });
      const remote = await askDocker(engine.dockerSocket, "POST", `/build?${query}`);
      expect(remote.messages.map(({ stream = "", error = "" }) => stream + error).join("")).toContain("\nremote");
      await commit({ "a.txt": "three" }, "third");
      expect(await build("")).toContain("threeread");
    } finally {
      await engine.close();
    }
  },
  60_000,
);
