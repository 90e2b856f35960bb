import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { realClock, run } from "@tsukube/host";
import { cpuSecondsOf, pssOf } from "./bench-cluster.ts";
import type { Measured } from "./bench-scenarios.ts";
import { type Engine, startStock } from "./docker-tour/stock-engine.ts";

const NAME = "bench-engine";
const IMAGE = "tsukube.local/busybox";
const RUNS = 15;
const MANY = 200;
const LAYERS = 5;
const LAYER_MB = 100;
const STEPS = 20;

/** Our engine and dockerd, with the same image, asked by the same docker command in turns. */
class Engines {
  readonly lifetime = new Lifetime();
  readonly folder = mkdtempSync(join(tmpdir(), "tsukube-bench-engine-"));
  readonly #root: string;
  ours!: Engine;
  stock!: Engine & { readonly pid: number };

  constructor(root: string) {
    this.#root = root;
    this.lifetime.add("folder", () => rmSync(this.folder, { recursive: true, force: true }));
  }

  static async start(root: string, options: { readonly alone?: boolean } = {}): Promise<Engines> {
    const engines = new Engines(root);
    try {
      await engines.#start(options.alone === true);
      return engines;
    } catch (error) {
      await engines.lifetime.close();
      throw error;
    }
  }

  async #start(alone: boolean): Promise<void> {
    this.lifetime.add("engine", async () => void (await this.tsukube("down", "--purge")));
    await this.tsukube("engine", "--background");
    this.ours = { name: "ours", socket: `/run/tsukube/${NAME}/docker.sock`, within: [] };
    await this.docker(this.ours, "run", "--rm", IMAGE, "true"); // makes the image
    if (alone) return;
    this.stock = await startStock(this.lifetime, this.folder);
    const archive = join(this.folder, "image.tar");
    await this.docker(this.ours, "save", "-o", archive, IMAGE);
    await this.docker(this.stock, "load", "-i", archive);
    await this.docker(this.stock, "run", "--rm", IMAGE, "true");
  }

  async tsukube(...args: readonly string[]): Promise<string> {
    return (await run(join(this.#root, "tsukube"), ["--name", NAME, ...args])).stdout;
  }

  /** Of our engine. */
  async pid(): Promise<number> {
    const { processes } = JSON.parse(await this.tsukube("status", "-o", "json")) as {
      readonly processes: readonly { readonly name: string; readonly pid: number }[];
    };
    return processes.find(({ name }) => name === "engine")?.pid ?? 0;
  }

  async docker(engine: Engine, ...args: readonly string[]): Promise<string> {
    const own = { DOCKER_HOST: `unix://${engine.socket}`, DOCKER_BUILDKIT: "0", HOME: this.folder };
    const [program = "", ...rest] = [...engine.within, "docker", ...args];
    return (await run(program, rest, { env: { ...process.env, ...own } })).stdout;
  }

  /** Milliseconds of the same work with each, in turns. */
  async turns(
    count: number,
    work: (engine: Engine, turn: number) => Promise<unknown>,
  ): Promise<readonly [ours: number, stock: number]> {
    const times: readonly [number[], number[]] = [[], []];
    for (let turn = 0; turn < count; turn++)
      for (const [index, engine] of [this.ours, this.stock].entries()) {
        const began = performance.now();
        await work(engine, turn);
        times[index]?.push(performance.now() - began);
      }
    return [median(times[0]), median(times[1])];
  }
}

/** `docker run --rm` and `docker exec`, from the command's start to its end. */
export function containerStarts(root: string): Promise<readonly Measured[]> {
  return measured(root, async (engines) => {
    const [ran, stockRan] = await engines.turns(RUNS, (engine) => engines.docker(engine, "run", "--rm", IMAGE, "true"));
    for (const engine of [engines.ours, engines.stock])
      await engines.docker(engine, "run", "-d", "--name", "kept", IMAGE, "sleep", "1000");
    const [executed, stockExecuted] = await engines.turns(RUNS, (engine) =>
      engines.docker(engine, "exec", "kept", "true"),
    );
    for (const engine of [engines.ours, engines.stock]) await engines.docker(engine, "rm", "-f", "kept");
    return [
      { what: "run --rm", value: ran, unit: "ms" },
      { what: "run --rm, dockerd", value: stockRan, unit: "ms" },
      { what: "run --rm to dockerd", value: ran / stockRan, unit: "x", goal: "<= 0.5" },
      { what: "exec", value: executed, unit: "ms" },
      { what: "exec, dockerd", value: stockExecuted, unit: "ms" },
      { what: "exec to dockerd", value: executed / stockExecuted, unit: "x", goal: "<= 0.6" },
    ];
  });
}

/** A build in which nothing is known, and one in which everything is. dockerd's is its classic builder: the command has no other. */
export function imageBuilds(root: string): Promise<readonly Measured[]> {
  return measured(root, async (engines) => {
    const context = join(engines.folder, "context");
    mkdirSync(context);
    writeFileSync(join(context, "Dockerfile"), dockerfile());
    const build = (engine: Engine): Promise<string> => engines.docker(engine, "build", "-q", "-t", "bench", context);
    const [cold, stockCold] = await engines.turns(3, (engine, turn) => {
      writeFileSync(join(context, "input"), `${turn}\n`);
      return build(engine);
    });
    const [cached, stockCached] = await engines.turns(RUNS, build);
    const archive = (await run("sh", ["-c", `tar -C ${context} -c . | base64 -w0`])).stdout;
    const own: number[] = [];
    const pid = await engines.pid();
    const before = cpuSecondsOf(pid);
    for (let turn = 0; turn < RUNS; turn++) own.push(await posted(engines.ours.socket, Buffer.from(archive, "base64")));
    const cpu = ((cpuSecondsOf(pid) - before) / RUNS) * 1000;
    return [
      { what: `cold, ${STEPS} steps`, value: cold, unit: "ms" },
      { what: "cold, dockerd", value: stockCold, unit: "ms" },
      { what: "cold to dockerd", value: cold / stockCold, unit: "x", goal: "<= 0.7" },
      { what: "cached", value: cached, unit: "ms" },
      { what: "cached, dockerd", value: stockCached, unit: "ms" },
      { what: "cached, in the engine", value: median(own), unit: "ms", goal: "< 30" },
      { what: "cached, CPU of the engine", value: cpu, unit: "ms" },
    ];
  });
}

/** Three stages that copy from each other; the first step of each depends on a file. */
function dockerfile(): string {
  const stage = (name: string, from: string, count: number): readonly string[] => [
    `FROM ${IMAGE} AS ${name}`,
    from,
    ...Array.from(
      { length: count },
      (_, index) => `RUN cat /input > /${name}-${index} && echo ${index} >> /${name}-${index}`,
    ),
  ];
  return [
    ...stage("first", "COPY input /input", 6),
    ...stage("second", "COPY input /input", 6),
    ...[...stage("last", "COPY --from=first /input /input", 1), "COPY --from=second /second-5 /made", "ENV DONE=1"],
  ].join("\n");
}

/** From the first byte of the request to the last of the answer. */
function posted(socketPath: string, body: Buffer): Promise<number> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/x-tar" };
    const outgoing = request({ socketPath, method: "POST", path: "/build?t=bench", headers }, (answer) => {
      answer.resume().once("end", () => resolve(performance.now() - began));
    });
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

/** An image of layers that do not compress, from registries on the loopback: each engine has one beside it. */
export function imagePulls(root: string): Promise<readonly Measured[]> {
  return measured(root, async (engines) => {
    const { folder, ours, stock } = engines;
    const context = join(folder, "context");
    mkdirSync(context);
    const names = Array.from({ length: LAYERS }, (_, index) => `layer${index}`);
    for (const name of names) writeFileSync(join(context, name), randomBytes(LAYER_MB * 1_000_000));
    writeFileSync(join(context, "Dockerfile"), ["FROM scratch", ...names.map((name) => `COPY ${name} /`)].join("\n"));
    const places = new Map<Engine, string>();
    await engines.docker(ours, "build", "-q", "-t", "large", context);
    for (const engine of [ours, stock]) {
      const at = "127.0.0.1:18077";
      const child = await registryBeside(engines, root, engine, at);
      engines.lifetime.add(`registry of ${engine.name}`, child);
      places.set(engine, `${at}/large`);
    }
    const archive = join(folder, "large.tar");
    await engines.docker(ours, "save", "-o", archive, "large");
    await engines.docker(stock, "load", "-i", archive);
    for (const engine of [ours, stock]) {
      await engines.docker(engine, "tag", "large", places.get(engine) ?? "");
      await engines.docker(engine, "push", places.get(engine) ?? "");
      await engines.docker(engine, "rmi", "large", places.get(engine) ?? "");
      await engines.docker(engine, "image", "prune", "-f");
    }
    await engines.docker(ours, "builder", "prune", "-f");
    const sizes = { ours: [] as number[], stock: [] as number[] };
    for (let turn = 0; turn < 3; turn++)
      for (const engine of [ours, stock]) {
        const began = performance.now();
        await engines.docker(engine, "pull", "-q", places.get(engine) ?? "");
        sizes[engine.name as keyof typeof sizes].push((LAYERS * LAYER_MB) / ((performance.now() - began) / 1000));
        await engines.docker(engine, "rmi", places.get(engine) ?? "");
      }
    const [own, other] = [median(sizes.ours), median(sizes.stock)];
    return [
      { what: `pull of ${LAYERS * LAYER_MB} MB`, value: own, unit: "MB/s" },
      { what: "pull, dockerd", value: other, unit: "MB/s" },
      { what: "pull to dockerd", value: own / other, unit: "x", goal: ">= 1.5" },
    ];
  });
}

/** @returns what ends it. */
async function registryBeside(
  { folder }: Engines,
  root: string,
  engine: Engine,
  at: string,
): Promise<() => Promise<void>> {
  const data = join(folder, `registry-${engine.name}`);
  const { spawn } = await import("node:child_process");
  const [program = "", ...args] = [...engine.within, join(root, "tsukube"), "registry", "--data", data, "--listen", at];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  return async () => {
    child.kill("SIGTERM");
    await ended;
  };
}

/** What the engine takes at rest, and what each of many containers takes beside its workload. */
export async function containerDensity(root: string): Promise<readonly Measured[]> {
  const engines = await Engines.start(root, { alone: true });
  try {
    const pid = await engines.pid();
    await realClock.sleep(20_000); // what the start leaves behind settles
    const idle = pssOf(pid);
    const start = (): Promise<string> => engines.docker(engines.ours, "run", "-d", IMAGE, "sleep", "10000");
    const began = performance.now();
    for (let left = MANY; left > 0; left -= 4) await Promise.all(Array.from({ length: Math.min(4, left) }, start));
    const seconds = (performance.now() - began) / 1000;
    await realClock.sleep(20_000);
    const holders = conmons();
    const beside = holders.reduce((sum, holder) => sum + pssOf(holder), 0);
    const grown = pssOf(pid) - idle;
    return [
      { what: "engine at rest, PSS", value: idle, unit: "MB", goal: "< 85" },
      { what: `${MANY} started`, value: MANY / seconds, unit: "containers/s" },
      { what: "a container beside its workload, PSS", value: (beside + grown) / MANY, unit: "MB", goal: "< 1.5" },
      { what: "engine with them, PSS", value: idle + grown, unit: "MB" },
    ];
  } finally {
    await engines.lifetime.close();
  }
}

/** Pids of those that hold this engine's containers. */
function conmons(): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const words = commandOf(pid);
      return words[0]?.endsWith("conmon") === true && words.some((word) => word.includes(`/tsukube/${NAME}/`));
    });
}

function commandOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return []; // it ended
  }
}

async function measured(
  root: string,
  work: (engines: Engines) => Promise<readonly Measured[]>,
): Promise<readonly Measured[]> {
  const engines = await Engines.start(root);
  try {
    return await work(engines);
  } finally {
    await engines.lifetime.close();
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
