import type { Clock, Logger } from "@tsukube/foundation";
import { messageOf } from "@tsukube/foundation";
import type { DockerEvents } from "../events.ts";
import { publishOf } from "./container-events.ts";
import { type DockerContainer, type Health, type HealthLogEntry, isRunning } from "./container-record.ts";
import type { ContainerStore } from "./container-store.ts";
import type { HealthDocument } from "./documents.ts";
import type { ExecStore } from "./exec-store.ts";

interface Deps {
  readonly execs: Pick<ExecStore, "run">;
  readonly store: ContainerStore;
  readonly events: DockerEvents;
  readonly clock: Clock;
  readonly logger: Logger;
}

const NANOSECONDS = 1_000_000;
const DEFAULT_INTERVAL_MS = 30_000;
const DEFAULT_START_INTERVAL_MS = 5000;
const DEFAULT_RETRIES = 3;
const KEPT_RESULTS = 5;
const KEPT_OUTPUT = 4096;

/** Whether somebody is to ask how it is. */
export function isChecked({ config: { Healthcheck: check, Shell: shell } }: DockerContainer): boolean {
  return check != null && checkCommand(check, shell ?? undefined) !== undefined;
}

/** Runs the health checks of running containers, and keeps what they found. */
export class HealthChecks {
  readonly #deps: Deps;
  readonly #running = new Map<string, AbortController>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  start(container: DockerContainer): void {
    this.stop(container.id);
    const check = container.config.Healthcheck ?? undefined;
    const command = check === undefined ? undefined : checkCommand(check, container.config.Shell ?? undefined);
    if (check === undefined || command === undefined) return;
    const stop = new AbortController();
    this.#running.set(container.id, stop);
    void this.#watch(container.id, check, command, stop.signal).catch((error: unknown) => {
      if (!stop.signal.aborted)
        this.#deps.logger.warn("health checks ended", { id: container.id, error: messageOf(error) });
    });
  }

  stop(id: string): void {
    this.#running.get(id)?.abort();
    this.#running.delete(id);
  }

  close(): void {
    for (const id of [...this.#running.keys()]) this.stop(id);
  }

  async #watch(id: string, check: HealthDocument, command: readonly string[], signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#deps;
    const interval = durationMs(check.Interval, DEFAULT_INTERVAL_MS);
    const timeout = durationMs(check.Timeout, DEFAULT_INTERVAL_MS);
    const startPeriod = durationMs(check.StartPeriod, 0);
    const startInterval = durationMs(check.StartInterval, Math.min(DEFAULT_START_INTERVAL_MS, interval));
    for (;;) {
      const { state } = store.get(id);
      const isStarting = state.health?.status === "starting" && clock.now() - (state.startedAt ?? 0) < startPeriod;
      await clock.sleep(isStarting ? startInterval : interval, signal);
      if (store.get(id).state.status === "paused") continue;
      const entry = await this.#probe(id, command, timeout);
      if (signal.aborted) return;
      await this.#note(id, entry, check, startPeriod);
    }
  }

  async #probe(id: string, command: readonly string[], timeout: number): Promise<HealthLogEntry> {
    const { clock, execs, store } = this.#deps;
    const start = clock.now();
    try {
      const { stdout, stderr, exitCode } = await execs.run(store.get(id), command, timeout);
      const said = Buffer.concat([stdout, stderr]);
      const output = `${said.toString("utf8", 0, KEPT_OUTPUT)}${said.length > KEPT_OUTPUT ? "..." : ""}`;
      return { start, end: clock.now(), exitCode, output };
    } catch (error) {
      const isLate = (error as { code?: unknown }).code === "timeout";
      const output = isLate ? `Health check exceeded timeout (${durationText(timeout)})` : messageOf(error);
      return { start, end: clock.now(), exitCode: -1, output };
    }
  }

  async #note(id: string, entry: HealthLogEntry, check: HealthDocument, startPeriod: number): Promise<void> {
    let before: Health["status"] | undefined;
    const container = await this.#deps.store.note(id, (each) => {
      before = each.state.health?.status;
      if (!isRunning(each)) return {};
      return { state: { ...each.state, health: nextHealth(each, entry, check, startPeriod) } };
    });
    const status = container?.state.health?.status;
    if (container === undefined || status === before || !isRunning(container)) return;
    publishOf(this.#deps.events, `health_status: ${status}`, container);
  }
}

/** Pure: failures in the start period do not count; the first success ends it. */
function nextHealth(
  { state }: DockerContainer,
  entry: HealthLogEntry,
  check: HealthDocument,
  startPeriod: number,
): Health {
  const { status = "starting", failingStreak = 0, log = [] } = state.health ?? {};
  const kept = [...log, entry].slice(-KEPT_RESULTS);
  if (entry.exitCode === 0) return { status: "healthy", failingStreak: 0, log: kept };
  if (status === "starting" && entry.start - (state.startedAt ?? 0) < startPeriod)
    return { status, failingStreak, log: kept };
  const streak = failingStreak + 1;
  const isOver = streak >= (check.Retries || DEFAULT_RETRIES);
  return { status: isOver ? "unhealthy" : status, failingStreak: streak, log: kept };
}

/** undefined where there is nothing to run. */
function checkCommand({ Test }: HealthDocument, shell: readonly string[] | undefined): readonly string[] | undefined {
  const [kind, ...rest] = Test ?? [];
  if (kind === "CMD") return rest;
  if (kind === "CMD-SHELL") return [...(shell ?? ["/bin/sh", "-c"]), rest.join(" ")];
  return undefined;
}

/** As Go writes it: "1m30s", "200ms". */
function durationText(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const [hours, minutes] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60];
  return `${hours > 0 ? `${hours}h` : ""}${ms >= 60_000 ? `${minutes}m` : ""}${(ms % 60_000) / 1000}s`;
}

function durationMs(nanoseconds: number | undefined, fallback: number): number {
  return nanoseconds === undefined || nanoseconds === 0 ? fallback : nanoseconds / NANOSECONDS;
}
