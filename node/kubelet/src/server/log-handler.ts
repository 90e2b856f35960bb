import type { ContainerStatus } from "@tsukube/api/types/core-v1";
import { type Clock, TsukubeError } from "@tsukube/foundation";
import type { Exchange } from "@tsukube/host";
import { type LogOptions, readLog } from "../logs/log-reader.ts";
import { newest, previous } from "../pods/plan.ts";
import type { PodWorker } from "../pods/pod-worker.ts";
import type { RuntimeContainer } from "../pods/runtime-state.ts";

/** Sends a container's log. @throws {TsukubeError} `bad-request` when there is none, saying why. */
export async function sendLog(
  exchange: Exchange,
  query: URLSearchParams,
  worker: PodWorker,
  container: string,
  clock: Clock,
): Promise<void> {
  const found = loggedContainer(worker, container, query.get("previous") === "true");
  const isRunning = (): boolean =>
    worker.runtime.containers.some(({ id, state }) => id === found.id && state === "running");
  const options = { ...logOptions(query, clock.now()), signal: exchange.signal, isRunning };
  const sink = exchange.begin(200, { "content-type": "text/plain" });
  for await (const piece of readLog(found.logPath, options, clock)) if (!sink.write(piece)) await sink.drained();
  sink.end();
}

function logOptions(query: URLSearchParams, now: number): Omit<LogOptions, "signal" | "isRunning"> {
  const number = (name: string): number | undefined => (query.has(name) ? Number(query.get(name)) : undefined);
  const seconds = number("sinceSeconds");
  const time = query.get("sinceTime");
  return {
    follow: query.get("follow") === "true",
    timestamps: query.get("timestamps") === "true",
    tailLines: number("tailLines"),
    limitBytes: number("limitBytes"),
    since: seconds !== undefined ? now - seconds * 1000 : time === null ? undefined : Date.parse(time),
    stream: (query.get("stream") ?? "") as LogOptions["stream"],
  };
}

/** The container whose log is meant: while it backs off the last that ended is both the present and the previous one. */
function loggedContainer({ pod, runtime }: PodWorker, name: string, wantsPrevious: boolean): RuntimeContainer {
  const last = newest(runtime, name);
  const status = statusesOf(pod.status).find((candidate) => candidate.name === name);
  const isWaiting = last?.state === "exited" && status?.state?.waiting !== undefined;
  const found = wantsPrevious && !isWaiting ? previous(runtime, name) : last;
  if (found !== undefined) return found;
  const where = `container "${name}" in pod "${pod.metadata?.name}"`;
  const reason = status?.state?.waiting?.reason ?? "ContainerCreating";
  throw new TsukubeError(
    "bad-request",
    wantsPrevious ? `previous terminated ${where} not found` : `${where} ${why(reason)}`,
  );
}

function why(reason: string): string {
  switch (reason) {
    case "ErrImagePull":
      return "is waiting to start: image can't be pulled";
    case "ImagePullBackOff":
      return "is waiting to start: trying and failing to pull image";
    default:
      return `is waiting to start: ${reason}`;
  }
}

function statusesOf(status: PodWorker["pod"]["status"]): readonly ContainerStatus[] {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = status ?? {};
  return [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses];
}
