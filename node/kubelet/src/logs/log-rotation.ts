import { type Cancel, type Clock, type Logger, messageOf } from "@tsukube/foundation";
import type { Cri } from "../cri/runtime.ts";
import type { PodWorker } from "../pods/pod-worker.ts";
import { rotateLog } from "./log-files.ts";

export interface LogRotationDeps {
  readonly cri: Cri;
  readonly clock: Clock;
  readonly logger: Logger;
  workers(): readonly PodWorker[];
}

/** Upstream's containerLogMonitorInterval. */
const EVERY_MS = 10_000;

/** Keeps the logs of running containers from growing without end. */
export function rotateLogsOften(deps: LogRotationDeps): Cancel {
  const { clock, cri, logger } = deps;
  const look = async (): Promise<void> => {
    const containers = deps.workers().flatMap(({ runtime }) => runtime.containers);
    for (const { id: containerId, state, logPath } of containers) {
      if (state !== "running" || logPath === "") continue;
      const reopen = () => cri.runtime.ReopenContainerLog({ containerId });
      await rotateLog(logPath, clock.now(), reopen).catch((error: unknown) =>
        logger.warn("cannot rotate a log", { containerId, error: messageOf(error) }),
      );
    }
  };
  return clock.every(EVERY_MS, () => void look(), { background: true });
}
