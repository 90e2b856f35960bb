import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname } from "node:path";
import type { Lifetime } from "@tsukube/foundation";
import { type RunOptions, type RunResult, realClock, run } from "@tsukube/host";
import { clientBinary } from "./clients.ts";

/** The words of a command line as a shell would see them; single quotes hold words together. */
export function words(line: string): readonly string[] {
  return [...line.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ""));
}

/** The unmodified kubectl against one cluster. Commands are written as people type them. */
export class Kubectl {
  readonly env: NodeJS.ProcessEnv;
  readonly binary = clientBinary("kubectl");

  /** @param home Where it keeps what it learns of the cluster; beside the kubeconfig by default, so that it goes with the cluster. */
  constructor(kubeconfig: string, home = dirname(kubeconfig)) {
    this.env = { ...process.env, KUBECONFIG: kubeconfig, HOME: home };
  }

  run(line: string, options: RunOptions = {}): Promise<RunResult> {
    return run(this.binary, words(line), { env: this.env, ...options });
  }

  /** What it prints, without the newline at the end. */
  async out(line: string, options: RunOptions = {}): Promise<string> {
    return (await this.run(line, options)).stdout.trimEnd();
  }

  /** What it says when it fails. @throws when it does not. */
  async fails(line: string, options: RunOptions = {}): Promise<string> {
    const everyCode = Array.from({ length: 255 }, (_, code) => code + 1);
    return (await this.run(line, { ...options, accept: everyCode })).stderr.trimEnd();
  }

  apply(manifest: string | object, more = ""): Promise<string> {
    const input = typeof manifest === "string" ? manifest : JSON.stringify(manifest);
    return this.out(`apply -f - ${more}`, { input });
  }

  /** Starts a kubectl that goes on until it is stopped, such as `get -w`. */
  start(lifetime: Lifetime, line: string): Background {
    return new Background(lifetime, this.binary, words(line), this.env);
  }
}

const PATIENCE_MS = 30_000;

/** A program that runs beside the test. Its input stays open. */
export class Background {
  readonly child: ChildProcess;
  output = "";
  #isClosed = false;
  #changed = Promise.withResolvers<void>();

  /** @param lifetime Stops it when it ends. */
  constructor(lifetime: Lifetime, command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.child = spawn(command, [...args], { env, stdio: ["pipe", "pipe", "pipe"] });
    lifetime.add(command, async () => void (await this.stop()));
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on("data", (piece: Buffer) => {
        this.output += piece.toString("utf8");
        this.#wake();
      });
    }
    this.child.stdin?.on("error", () => {}); // it may end before it has read everything
    this.child.on("close", () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  /** Waits until its output matches. @throws with the output when it ends before, or after 30 s. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = realClock.deadline(PATIENCE_MS);
    const late = Promise.withResolvers<void>();
    deadline.addEventListener("abort", () => late.resolve());
    for (;;) {
      const match = pattern.exec(this.output);
      if (match !== null) return match;
      if (deadline.aborted || this.#isClosed) {
        throw new Error(`never printed ${pattern}, only:\n${this.output}`);
      }
      await Promise.race([this.#changed.promise, late.promise]);
    }
  }

  write(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Ends it, and waits for that. @returns its exit code; null when it was killed. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    this.child.kill(signal);
    return this.ended();
  }

  /** Waits until it ends by itself. @returns its exit code. */
  async ended(): Promise<number | null> {
    if (!this.#isClosed) await once(this.child, "close");
    return this.child.exitCode;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
