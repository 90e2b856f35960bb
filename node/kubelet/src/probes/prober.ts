import type { Container, Pod, Probe } from "@tsukube/api/types/core-v1";
import type { Cancel, Clock, Random } from "@tsukube/foundation";
import type { Cri } from "../cri/runtime.ts";
import { type ProbeResult, runProbe } from "./probe-runner.ts";

type Kind = "startup" | "liveness" | "readiness";

interface Watched {
  readonly pod: Pod;
  readonly container: Container;
  readonly podIp: string;
  readonly cancels: Map<Kind, Cancel>;
  started: boolean;
  ready: boolean;
  alive: boolean;
}

export interface ProberDeps {
  readonly cri: Cri;
  readonly clock: Clock;
  readonly random: Random;
  /** A container's state changed: its pod must be looked at. */
  changed(podUid: string): void;
  /** For the event "Unhealthy". */
  failed(pod: Pod, container: Container, kind: Kind, result: ProbeResult): void;
}

/** Watches running containers by their probes. Liveness and readiness wait for the startup probe. */
export class Prober {
  readonly #deps: ProberDeps;
  readonly #watched = new Map<string, Watched>();

  constructor(deps: ProberDeps) {
    this.#deps = deps;
  }

  /** Idempotent per container id. */
  watch(pod: Pod, container: Container, containerId: string, podIp: string): void {
    if (this.#watched.has(containerId)) return;
    const watched: Watched = {
      pod,
      container,
      podIp,
      cancels: new Map(),
      started: container.startupProbe === undefined,
      ready: container.readinessProbe === undefined,
      alive: true,
    };
    this.#watched.set(containerId, watched);
    if (container.startupProbe !== undefined) this.#loop(containerId, watched, "startup", container.startupProbe);
    else this.#begin(containerId, watched);
  }

  forget(containerId: string): void {
    for (const cancel of this.#watched.get(containerId)?.cancels.values() ?? []) cancel();
    this.#watched.delete(containerId);
  }

  alive(containerId: string): boolean {
    return this.#watched.get(containerId)?.alive ?? true;
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

  #loop(containerId: string, watched: Watched, kind: Kind, probe: Probe): void {
    const { clock, random } = this.#deps;
    const period = (probe.periodSeconds ?? 10) * 1000;
    let streak = 0;
    let last: boolean | undefined;
    const look = async (): Promise<void> => {
      const { pod, container, podIp } = watched;
      const result = await runProbe(probe, { pod, container, containerId, podIp }, this.#deps.cri, clock);
      if (this.#watched.get(containerId) !== watched) return;
      streak = result.ok === last ? streak + 1 : 1;
      last = result.ok;
      if (!result.ok) this.#deps.failed(pod, container, kind, result);
      const enough = streak >= (result.ok ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3));
      if (enough && this.#apply(containerId, watched, kind, result.ok)) return;
      schedule(period);
    };
    const schedule = (ms: number): void => {
      watched.cancels.set(
        kind,
        clock.after(ms, () => void look(), { background: true }),
      );
    };
    // spread, so that the probes of many pods do not come at once after a restart; never before the container could answer
    const initial = (probe.initialDelaySeconds ?? 0) * 1000;
    schedule(initial + (kind === "readiness" || kind === "startup" ? 50 : random.float() * Math.min(period, 2000)));
  }

  /** @returns true when this probe is over. */
  #apply(containerId: string, watched: Watched, kind: Kind, ok: boolean): boolean {
    const uid = watched.pod.metadata?.uid ?? "";
    switch (kind) {
      case "startup":
        if (ok) {
          watched.started = true;
          this.#begin(containerId, watched);
        } else {
          watched.alive = false;
        }
        this.#deps.changed(uid);
        return true;
      case "liveness":
        if (ok) return false;
        watched.alive = false;
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
