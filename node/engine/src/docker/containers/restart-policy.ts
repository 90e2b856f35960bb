import type { DockerContainer } from "./container-record.ts";

const FIRST_MS = 100;
const LONGEST_MS = 60_000;
/** Who ran for so long has not failed at its start: the next wait is short again. */
const STEADY_MS = 10_000;

/** Pure: whether a container that ended by itself is started again. */
export function restarts({ hostConfig, state }: DockerContainer, exitCode: number): boolean {
  if (state.isStoppedByUser) return false;
  const { Name: policy = "no", MaximumRetryCount: retries = 0 } = hostConfig.RestartPolicy ?? {};
  switch (policy) {
    case "always":
    case "unless-stopped":
      return true;
    case "on-failure":
      return exitCode !== 0 && (retries === 0 || state.restartCount < retries);
    default:
      return false;
  }
}

/** Pure: whether a container that does not run is started when the engine is. */
export function startsWithEngine(container: DockerContainer): boolean {
  const { hostConfig, state } = container;
  switch (hostConfig.RestartPolicy?.Name) {
    case "always":
      return state.status !== "created";
    case "unless-stopped":
      return state.status !== "created" && !state.isStoppedByUser;
    case "on-failure":
      return state.status !== "created" && restarts(container, state.exitCode ?? 0);
    default:
      return false;
  }
}

/** Pure: how long to wait before the next start, in milliseconds. @param before The last wait; 0 at the first. */
export function restartDelay(before: number, ranMs: number): number {
  if (before === 0 || ranMs > STEADY_MS) return FIRST_MS;
  return Math.min(before * 2, LONGEST_MS);
}
