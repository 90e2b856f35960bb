import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Logger, messageOf } from "@tsukube/foundation";
import { createLogger } from "@tsukube/host";
import { UNCLEAN_END } from "../cluster/last-words.ts";
import { exitCodeOf } from "../exit-codes.ts";

/** What every long-lived process of a cluster is started with. */
export interface ProgramOptions {
  readonly name: string;
  /** Identifies the code that runs; processes of another one are replaced. */
  readonly bundle: string;
  readonly logger: Logger;
  /** Aborts on SIGTERM and SIGINT. */
  readonly signal: AbortSignal;
}

/** Runs a process's main function until it returns; errors go to the log, and the exit code tells the supervisor whether to go on. */
export async function runProgram(main: (options: ProgramOptions) => Promise<void>): Promise<void> {
  const signal = stopSignal();
  const logger = createLogger({
    level: process.env["TSUKUBE_LOG"] === "debug" ? "debug" : "info",
    format: "json",
    now: Date.now,
    write: (line) => process.stderr.write(line),
  });
  try {
    await main({ name: argument("--name") ?? "default", bundle: bundleHash(), logger, signal });
    process.exit(0);
  } catch (error) {
    logger.error(signal.aborted ? UNCLEAN_END : "the process cannot go on", {
      error: messageOf(error),
      stack: error instanceof Error ? error.stack : undefined,
    });
    process.exit(exitCodeOf(error));
  }
}

/** Aborts when the process is told to end: by SIGTERM or SIGINT. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stop.abort());
  return stop.signal;
}

export function argument(flag: string): string | undefined {
  const at = process.argv.indexOf(flag);
  return at < 0 ? undefined : process.argv[at + 1];
}

/** The hash that names the bundle; "source" when the sources run directly. */
export function bundleHash(): string {
  try {
    return readFileSync(join(dirname(process.argv[1] ?? ""), "hash"), "utf8").trim();
  } catch {
    return "source";
  }
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
