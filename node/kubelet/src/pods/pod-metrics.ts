import type { ContainerStateTerminated, ContainerStatus, Pod, PodStatus, Volume } from "@tsukube/api/types/core-v1";
import type { Clock, Counter, Histogram, Metrics } from "@tsukube/foundation";
import { isEphemeral, isInit } from "./pod-containers.ts";

const POD_START_SECONDS = [
  ...[0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600],
];
/** client_golang's default. */
const SYNC_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const STORAGE_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600];

/** Upstream's names of what makes volumes. */
const PLUGINS = {
  configMap: "configmap",
  downwardAPI: "downward-api",
  emptyDir: "empty-dir",
  hostPath: "host-path",
  image: "image",
  projected: "projected",
  secret: "secret",
} as const;

type ContainerType = "container" | "init_container" | "ephemeral_container";

/** What becomes of pods and their containers, under upstream's names. */
export class PodMetrics {
  readonly #clock: Clock;
  readonly #started: Counter;
  readonly #startErrors: Counter;
  readonly #terminated: Counter;
  readonly #podStart: Histogram;
  readonly #sync: Histogram;
  readonly #storage: Histogram;

  constructor(metrics: Metrics, clock: Clock) {
    this.#clock = clock;
    this.#started = metrics.counter("kubelet_started_containers_total", "Cumulative number of containers started", [
      "container_type",
    ]);
    this.#startErrors = metrics.counter(
      "kubelet_started_containers_errors_total",
      "Cumulative number of errors when starting containers",
      ["container_type", "code"],
    );
    this.#terminated = metrics.counter(
      "kubelet_terminated_containers_total",
      "Cumulative number of container terminations.",
      ["container_type", "exit_code", "reason"],
    );
    this.#podStart = metrics.histogram(
      "kubelet_pod_start_duration_seconds",
      "Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run",
      POD_START_SECONDS,
    );
    this.#sync = metrics.histogram(
      "kubelet_pod_worker_duration_seconds",
      "Duration in seconds to sync a single pod. Broken down by operation type: create, update, or sync",
      SYNC_SECONDS,
      ["operation_type"],
    );
    this.#storage = metrics.histogram(
      "storage_operation_duration_seconds",
      "Storage operation end to end duration in seconds",
      STORAGE_SECONDS,
      ["volume_plugin", "operation_name", "status", "migrated"],
    );
  }

  /** A container is to be started. @returns is told why it was not: "ErrImagePull". */
  starting(pod: Pod, name: string): (why: string) => void {
    const type = typeOf(pod, name);
    this.#started.inc({ container_type: type });
    return (code) => this.#startErrors.inc({ container_type: type, code });
  }

  terminated(type: ContainerType, { exitCode, reason = "" }: ContainerStateTerminated): void {
    this.#terminated.inc({ container_type: type, exit_code: String(exitCode), reason });
  }

  /** @param since When the node saw it first, by the monotonic clock. */
  podStarted(since: number): void {
    this.#podStart.observe(this.#since(since));
  }

  /** @param isFirst It is new to its worker. */
  async synced<T>(isFirst: boolean, work: Promise<T>): Promise<T> {
    const began = this.#clock.monotonic();
    try {
      return await work;
    } finally {
      this.#sync.observe(this.#since(began), { operation_type: isFirst ? "create" : "sync" });
    }
  }

  /** Of claims only what is behind them would tell what makes them. */
  async mounted<T>(volume: Volume, work: Promise<T>): Promise<T> {
    const kind = Object.keys(PLUGINS).find((name) => name in volume) as keyof typeof PLUGINS | undefined;
    if (kind === undefined) return work;
    const began = this.#clock.monotonic();
    let status = "fail-unknown";
    try {
      const done = await work;
      status = "success";
      return done;
    } finally {
      const plugin = { volume_plugin: `kubernetes.io/${PLUGINS[kind]}`, operation_name: "volume_mount" };
      this.#storage.observe(this.#since(began), { ...plugin, status, migrated: "false" });
    }
  }

  #since(began: number): number {
    return (this.#clock.monotonic() - began) / 1000;
  }
}

function typeOf(pod: Pod, name: string): ContainerType {
  if (isInit(pod, name)) return "init_container";
  return isEphemeral(pod, name) ? "ephemeral_container" : "container";
}

/** Counts each container of a pod that has ended, once. */
export class Terminations {
  readonly #metrics: Pick<PodMetrics, "terminated">;
  /** IDs of those that were counted and are still told of; undefined before the first report. */
  #counted: ReadonlySet<string> | undefined;

  constructor(metrics: Pick<PodMetrics, "terminated">) {
    this.#metrics = metrics;
  }

  /** @param told What the API had before: what ended before we came was counted by who was here then. */
  report(status: PodStatus, told: PodStatus = {}): void {
    const counted = this.#counted ?? new Set(endsOf(told).map(([, { containerID = "" }]) => containerID));
    const ends = endsOf(status);
    for (const [type, end] of ends) if (!counted.has(end.containerID ?? "")) this.#metrics.terminated(type, end);
    this.#counted = new Set(ends.map(([, { containerID = "" }]) => containerID));
  }
}

function endsOf(status: PodStatus): readonly (readonly [ContainerType, ContainerStateTerminated])[] {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = status;
  const of = (type: ContainerType, statuses: readonly ContainerStatus[]) =>
    statuses.flatMap(({ state, lastState }) =>
      [state?.terminated, lastState?.terminated]
        .filter((end) => end != null && (end.containerID ?? "") !== "")
        .map((end) => [type, end as ContainerStateTerminated] as const),
    );
  return [
    ...of("init_container", initContainerStatuses),
    ...of("container", containerStatuses),
    ...of("ephemeral_container", ephemeralContainerStatuses),
  ];
}
