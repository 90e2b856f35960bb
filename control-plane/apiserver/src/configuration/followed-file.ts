import { readFile } from "node:fs/promises";
import { type Clock, type Logger, messageOf } from "@tsukube/foundation";
import type { ReloadMetrics } from "./reload-metrics.ts";

const LOOK_EVERY_MS = 1000;

export interface FollowedFile {
  /** "authentication". */
  readonly what: string;
  readonly path: string;
  /** What is in force from the start. */
  readonly text: string;
  /** Goes by what the file says now. @throws what keeps it from that: the former is in force, and is until the file changes again. */
  use(text: string): Promise<void> | void;
}

/** Goes by what a configuration says whenever it changes. @returns what ends that. */
export function followFile(
  { what, path, text, use }: FollowedFile,
  { clock, logger, metrics }: { readonly clock: Clock; readonly logger: Logger; readonly metrics: ReloadMetrics },
): () => void {
  let [known, told, isLooking] = [text, "", false];
  const fails = (error: unknown): void => {
    metrics.failedToReload();
    const why = messageOf(error);
    if (why !== told) logger.error(`cannot use the changed ${what} configuration`, { path, error: why });
    told = why;
  };
  const look = async (): Promise<void> => {
    const found = await readFile(path, "utf8");
    if (found === known) return;
    known = found;
    await use(found);
    metrics.reloaded(found);
    told = "";
    logger.info(`${what} configuration changed`, { path });
  };
  metrics.began(text);
  return clock.every(
    LOOK_EVERY_MS,
    () => {
      if (isLooking) return;
      isLooking = true;
      void look()
        .catch(fails)
        .finally(() => {
          isLooking = false;
        });
    },
    { background: true },
  );
}
