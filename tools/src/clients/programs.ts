import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { type RunOptions, run } from "@tsukube/host";
import { peersFolder } from "../peers.ts";

const ROOT = dirname(dirname(dirname(import.meta.dirname)));
const SOURCES = join(ROOT, "e2e/clients");

/** A program of e2e/clients, built: what to execute. */
export type Command = readonly [program: string, ...args: string[]];

/** A program that asks a cluster what its client library asks. */
export interface ClientProgram {
  /** Of its folder in e2e/clients. */
  readonly name: string;
  /** Commands that must be on PATH. */
  readonly needs: readonly string[];
  /** What else it is told. */
  readonly env?: NodeJS.ProcessEnv;
  /** Builds it into a folder of the user's cache; what is unchanged is not built again. */
  build(source: string, target: string): Promise<Command>;
}

const nice = (command: string, args: readonly string[], options: RunOptions): Promise<unknown> =>
  run("nice", [command, ...args], options);

function go(name: string): ClientProgram {
  return {
    name,
    needs: ["go"],
    build: async (source, target) => {
      await nice("go", ["build", "-o", join(target, name), "."], { cwd: source });
      return [join(target, name)];
    },
  };
}

function rust(name: string): ClientProgram {
  return {
    name,
    needs: ["cargo"],
    build: async (source, target) => {
      await nice("cargo", ["build", "--quiet", "--locked", "--target-dir", target], { cwd: source });
      return [join(target, "debug", name)];
    },
  };
}

function python(name: string): ClientProgram {
  return {
    name,
    needs: ["python3"],
    build: async (source, target) => {
      const wanted = join(source, "requirements.txt");
      const program = join(target, "bin/python");
      await once(target, [wanted], async () => {
        await run("python3", ["-m", "venv", "--clear", target]);
        await nice(program, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted], {});
      });
      return [program, "-B", join(source, "main.py")];
    },
  };
}

function java(name: string): ClientProgram {
  return {
    name,
    needs: ["java", "mvn"],
    build: async (source, target) => {
      const files = [join(source, "pom.xml"), join(source, "src/Main.java")];
      await once(target, files, () =>
        nice("mvn", ["--quiet", "--batch-mode", `-Dtarget=${target}`, "compile"], { cwd: source }),
      );
      return ["java", "-cp", `${join(target, "classes")}:${join(target, "lib")}/*`, "Main"];
    },
  };
}

function node(name: string): ClientProgram {
  return { name, needs: [], build: async (source) => [process.execPath, join(source, "main.ts")] };
}

/** Runs `work` unless it was done for these very files. */
async function once(target: string, files: readonly string[], work: () => Promise<unknown>): Promise<void> {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file));
  const digest = hash.digest("hex");
  const done = join(target, "built-from");
  if (existsSync(done) && readFileSync(done, "utf8") === digest) return;
  await work();
  writeFileSync(done, digest);
}

/** All of e2e/clients, in the order in which they run. */
export const PROGRAMS: readonly ClientProgram[] = [
  go("client-go"),
  go("controller-runtime"),
  {
    ...go("envtest"),
    env: { TSUKUBE: join(ROOT, "tsukube"), PATH: `${peersFolder()}:${process.env["PATH"]}` },
  },
  rust("kube-rs"),
  python("python"),
  java("java"),
  node("javascript"),
  { ...node("kubectl"), env: { KUBECTL: join(peersFolder(), "kubectl") } },
  node("helm"),
];

/** Runs against upstream's controllers alone. */
export const UPSTREAM_CONTROLLERS: ClientProgram = node("upstream-controllers");

/** Builds it. @param cache A folder that outlives the command. */
export function build(program: ClientProgram, cache: string): Promise<Command> {
  const target = join(cache, program.name);
  mkdirSync(target, { recursive: true });
  return program.build(join(SOURCES, program.name), target);
}

/** @returns those of a program's commands that are not on PATH. */
export function missing({ needs }: ClientProgram): readonly string[] {
  const folders = (process.env["PATH"] ?? "").split(":");
  return needs.filter((command) => !folders.some((folder) => existsSync(join(folder, command))));
}

/** Where builds are kept: outside the repository. */
export function buildFolder(): string {
  return join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "tsukube", "e2e-clients");
}
