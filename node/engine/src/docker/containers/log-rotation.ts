import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { type Cancel, type Clock, type Logger, messageOf, TsukubeError } from "@tsukube/foundation";
import type { Containers } from "../../containers/containers.ts";
import { type DockerContainer, isRunning } from "./container-record.ts";
import type { ContainerStore } from "./container-store.ts";

interface Deps {
  readonly store: ContainerStore;
  readonly containers: Containers;
  readonly logPath: (id: string) => string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What a container with several files writes meanwhile goes beyond its limit; of one with a single file conmon keeps it. */
const LOOK_MS = 250;
/** What the driver "local" does unless told otherwise; "json-file" keeps everything. */
const LOCAL = { size: 20_000_000, files: 5 };
const UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, k: 1e3, m: 1e6, g: 1e9 };

/** Keeps logs below the sizes that `max-size` and `max-file` say: the newest file, and numbered older ones beside it. */
export class LogRotation {
  readonly #deps: Deps;
  #cancel: Cancel = () => {};
  #looking: Promise<void> | undefined;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  start(): void {
    this.#cancel = this.#deps.clock.every(LOOK_MS, () => void this.look(), { background: true });
  }

  stop(): void {
    this.#cancel();
  }

  /** Rotates the logs that are too large now. One that cannot be is told and tried again at the next look. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { store, logger } = this.#deps;
    for (const container of store.all.filter(isRunning)) {
      try {
        await this.#lookAt(container);
      } catch (error) {
        logger.warn("cannot rotate a container's log", { id: container.id, error: messageOf(error) });
      }
    }
  }

  async #lookAt(container: DockerContainer): Promise<void> {
    const { containers, logPath } = this.#deps;
    const limits = limitsOf(container);
    const path = logPath(container.id);
    if (limits === undefined || (statSync(path, { throwIfNoEntry: false })?.size ?? 0) < limits.size) return;
    shift(path, limits.files);
    await containers.reopenLog(container.id).catch(() => {}); // it ended meanwhile
  }
}

/** Of a log that has a single file: it begins anew where this is full. */
export function singleLogLimit(container: DockerContainer): number | undefined {
  const limits = limitsOf(container);
  return limits?.files === 1 ? Math.floor(limits.size) : undefined;
}

function limitsOf({ hostConfig: { LogConfig } }: DockerContainer): { size: number; files: number } | undefined {
  const { Type = "json-file", Config } = LogConfig ?? {};
  const size = sizeOf(Config?.["max-size"]);
  if (size === undefined && Type !== "local") return undefined;
  const wanted = Number(Config?.["max-file"]);
  const files = wanted >= 1 ? wanted : Type === "local" ? LOCAL.files : 1;
  return { size: size ?? LOCAL.size, files };
}

/** @throws {TsukubeError} `invalid` for what is no size or no number of files. */
export function checkLogOptions(options: Readonly<Record<string, string>>, driver = "json-file"): void {
  const { "max-size": size, "max-file": files, compress } = options;
  if (size !== undefined && !((sizeOf(size) ?? 0) > 0))
    throw new TsukubeError("invalid", `invalid log option max-size "${size}": expected a positive size, such as 10m`);
  if (files !== undefined && !/^[1-9]\d*$/.test(files))
    throw new TsukubeError("invalid", `invalid log option max-file "${files}": expected a whole number, at least 1`);
  if (compress === "true" && driver !== "local" && (size === undefined || Number(files ?? 1) < 2))
    throw new TsukubeError("invalid", "compress cannot be true when max-file is less than 2 or max-size is not set");
}

/** "10m" in bytes. */
function sizeOf(text: string | undefined): number | undefined {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)\s*([bkmg]?)b?$/i.exec(text ?? "") ?? [];
  return number === undefined ? undefined : Number(number) * (UNITS[unit.toLowerCase()] ?? 1);
}

/** PATH becomes PATH.1, and so on; the oldest goes. */
function shift(path: string, files: number): void {
  const older = files - 1;
  rmSync(older === 0 ? path : `${path}.${older}`, { force: true });
  for (let number = older - 1; number >= 1; number--)
    if (existsSync(`${path}.${number}`)) renameSync(`${path}.${number}`, `${path}.${number + 1}`);
  if (older > 0) renameSync(path, `${path}.1`);
}
