import type { Container, ContainerStatus, Pod, Probe } from "@tsukube/api/types/core-v1";
import type { Cancel, Clock, Random } from "@tsukube/foundation";
import type { Cri } from "../cri/runtime.ts";
import type { ProbeMetrics } from "./probe-metrics.ts";
import { type ProbeResult, runProbe } from "./probe-runner.ts";

export type ProbeKind = "startup" | "liveness" | "readiness";

interface Watched {
  pod: Pod;
  readonly container: Container;
  readonly podIp: string;
  /** ms since the epoch. */
  readonly startedAt: number;
  readonly cancels: Map<ProbeKind, Cancel>;
  started: boolean;
  ready: boolean;
  failed: ProbeKind | undefined;
}

export interface ProberDeps {
  readonly cri: Pick<Cri, "runtime">;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: ProbeMetrics;
  /** A container's state changed: its pod must be looked at. */
  changed(podUid: string): void;
  /** For the event "Unhealthy". */
  failed(pod: Pod, container: Container, kind: ProbeKind, result: ProbeResult): void;
}

/** Who was running before we were is looked at within this time: not all at once. */
const SPREAD_MS = 1000;
/** So long after its start a container is looked at first: hardly any could answer before. */
const FIRST_LOOK_MS = 50;
/** A container that runs longer than this was not started just now. */
const FRESH_MS = 5000;
/** The first pause between looks at what is not up yet; each is twice the one before, until it would be a period. */
const FIRST_PAUSE_MS = 100;

/** What an earlier kubelet found: while we were away the container kept its place behind Services, and keeps it until a probe fails. */
function lastStatus({ status }: Pod, containerId: string): ContainerStatus | undefined {
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return statuses.find(({ containerID }) => containerID?.endsWith(`://${containerId}`) === true);
}

/** Watches running containers by their probes. Liveness and readiness wait for the startup probe. */
export class Prober {
  readonly #deps: ProberDeps;
  readonly #watched = new Map<string, Watched>();

  constructor(deps: ProberDeps) {
    this.#deps = deps;
  }

  /** Idempotent per container id. @param startedAt ms since the epoch: initial delays count from there. */
  watch(pod: Pod, container: Container, containerId: string, podIp: string, startedAt: number): void {
    const present = this.#watched.get(containerId);
    if (present !== undefined) {
      present.pod = pod;
      return;
    }
    const known = lastStatus(pod, containerId);
    const watched: Watched = {
      pod,
      container,
      podIp,
      startedAt,
      cancels: new Map(),
      started: container.startupProbe === undefined || known?.started === true,
      ready: container.readinessProbe === undefined || known?.ready === true,
      failed: undefined,
    };
    this.#watched.set(containerId, watched);
    if (watched.started) this.#begin(containerId, watched);
    else if (container.startupProbe !== undefined) this.#loop(containerId, watched, "startup", container.startupProbe);
  }

  forget(containerId: string): void {
    for (const cancel of this.#watched.get(containerId)?.cancels.values() ?? []) cancel();
    this.#watched.delete(containerId);
  }

  alive(containerId: string): boolean {
    return this.failure(containerId) === undefined;
  }

  /** The probe that failed for good: the container must go. */
  failure(containerId: string): ProbeKind | undefined {
    return this.#watched.get(containerId)?.failed;
  }

  started(containerId: string): boolean {
    return this.#watched.get(containerId)?.started ?? false;
  }

  ready(containerId: string): boolean {
    const watched = this.#watched.get(containerId);
    return watched?.started === true && watched.ready;
  }

  close(): void {
    for (const id of [...this.#watched.keys()]) this.forget(id);
  }

  #begin(containerId: string, watched: Watched): void {
    const { livenessProbe, readinessProbe } = watched.container;
    if (livenessProbe !== undefined) this.#loop(containerId, watched, "liveness", livenessProbe);
    if (readinessProbe !== undefined) this.#loop(containerId, watched, "readiness", readinessProbe);
  }

  #loop(containerId: string, watched: Watched, kind: ProbeKind, probe: Probe): void {
    const { clock, random, metrics } = this.#deps;
    const period = (probe.periodSeconds ?? 10) * 1000;
    const isOld = clock.now() - watched.startedAt > FRESH_MS;
    let streak = 0;
    let last: boolean | undefined;
    let due = 0;
    let pause = FIRST_PAUSE_MS;
    const isStale = (): boolean => this.#watched.get(containerId) !== watched;
    // who has just started is looked at between two periods too, so that it is up as soon as it can be: only success counts then
    const isAwaited = (): boolean =>
      !isOld && (kind === "startup" || (kind === "readiness" && !watched.ready)) && (probe.successThreshold ?? 1) === 1;
    const look = async (): Promise<void> => {
      const { pod, container, podIp } = watched;
      // a pod that is being deleted is not restarted: only whether it still serves is of interest
      if (pod.metadata?.deletionTimestamp !== undefined && kind !== "readiness") return;
      const isExtra = clock.now() < due;
      if (!isExtra) due = clock.now() + period;
      const began = clock.monotonic();
      const result = await runProbe(probe, { pod, container, containerId, podIp }, this.#deps.cri, clock);
      if (isStale()) return;
      if (result.ok || !isExtra) {
        metrics.probed(watched.pod, container, kind, result.ok, (clock.monotonic() - began) / 1000);
        streak = result.ok === last ? streak + 1 : 1;
        last = result.ok;
        if (!result.ok) this.#deps.failed(watched.pod, container, kind, result);
        const enough = streak >= (result.ok ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3));
        if (enough && this.#apply(containerId, watched, kind, result.ok)) return;
      }
      const left = Math.max(0, due - clock.now());
      schedule(isAwaited() && pause < left ? pause : left);
      pause *= 2;
    };
    const schedule = (ms: number): void => {
      watched.cancels.set(
        kind,
        clock.after(ms, () => void look(), { background: true }),
      );
    };
    const initial = watched.startedAt + (probe.initialDelaySeconds ?? 0) * 1000 - clock.now();
    schedule(Math.max(0, initial) + (isOld ? random.float() * SPREAD_MS : FIRST_LOOK_MS));
  }

  /** @returns true when this probe is over. */
  #apply(containerId: string, watched: Watched, kind: ProbeKind, ok: boolean): boolean {
    const uid = watched.pod.metadata?.uid ?? "";
    switch (kind) {
      case "startup":
        if (ok) {
          watched.started = true;
          this.#begin(containerId, watched);
        } else {
          watched.failed = kind;
        }
        this.#deps.changed(uid);
        return true;
      case "liveness":
        if (ok) return false;
        watched.failed = kind;
        this.#deps.changed(uid);
        return true;
      case "readiness":
        if (watched.ready === ok) return false;
        watched.ready = ok;
        this.#deps.changed(uid);
        return false;
    }
  }
}
