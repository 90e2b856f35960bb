import type { Container, Pod, PodCondition } from "@tsukube/api/types/core-v1";
import { codeOf, type Logger, messageOf } from "@tsukube/foundation";
import type { CgroupLimits } from "@tsukube/kernel";
import type { ContainerEventResponse } from "@tsukube/node-contracts/cri";
import { hashOf } from "../containers/container-config.ts";
import { ContainerStarter } from "./container-starter.ts";
import { ContainerStopper } from "./container-stopper.ts";
import { GracePeriod } from "./grace-period.ts";
import type { Waiting } from "./image-puller.ts";
import { isOver, newest, type PlanInput, plan, type Step, type StopReason } from "./plan.ts";
import { cleanUp } from "./pod-cleanup.ts";
import { stamped } from "./pod-conditions.ts";
import { containerNamed, containersOf } from "./pod-containers.ts";
import type { PodContext } from "./pod-context.ts";
import { PodReporter } from "./pod-reporter.ts";
import { resizeNeedsRestart, resizePod } from "./pod-resize.ts";
import { formatSeconds, RestartBackoff } from "./restart-backoff.ts";
import {
  isKnown,
  NOTHING_RUNS,
  podIpsOf,
  type RuntimeContainer,
  type RuntimePod,
  runtimePodOf,
} from "./runtime-state.ts";
import type { Start } from "./start-counts.ts";

const RETRY_MS = 5000;
const VOLUME_RETRY_MS = 2000;
/** How often volumes are brought up to date without any sign. */
const REFRESH_MS = 60_000;
const DEADLINE = {
  reason: "DeadlineExceeded",
  message: "Pod was active on the node longer than the specified deadline",
};

/** Why the node itself ends a pod: "Evicted" and what was short. */
export interface PodEnd {
  readonly reason: string;
  readonly message: string;
  /** Overrides the pod's own, in seconds. */
  readonly grace?: number;
  /** Shown as the condition DisruptionTarget. */
  readonly isDisruption?: boolean;
}

/** Brings one pod to where the API wants it, one step at a time, never two at once. */
export class PodWorker {
  readonly uid: string;
  readonly #context: PodContext;
  readonly #starter: ContainerStarter;
  readonly #stopper: ContainerStopper;
  readonly #backoff = new RestartBackoff();
  readonly #reporter: PodReporter;
  readonly #waiting = new Map<string, Omit<Waiting, "retryMs">>();
  /** When what could not be made (a container, "" the sandbox) is tried again, ms since the epoch. */
  readonly #retryAt = new Map<string, number>();
  readonly #stopped = new Map<string, StopReason>();
  /** Aborts when the pod is to end: whoever waits for a hook waits no longer. */
  readonly #leaving = new AbortController();
  #pod: Pod;
  #isGone = false;
  #isCleanedUp = false;
  #goneGrace = 0;
  #end: PodEnd | undefined;
  #grace: GracePeriod | undefined;
  #roundSince = 0;
  #volumesAreStale = true;
  #runtime: RuntimePod = NOTHING_RUNS;
  /** Something was done or heard since the runtime was asked. */
  #runtimeIsStale = true;
  #resize: readonly PodCondition[] = [];
  /** A resize was granted, and is not done. */
  #isResizing = false;
  /** Limits of the pod's cgroup; undefined when nobody knows: another process may have set them. */
  #cgroup: CgroupLimits | undefined;
  #started: Start | undefined;
  #timer: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #reporting: Promise<void> = Promise.resolve();
  #again = false;
  #isNew = true;
  #closed = false;

  constructor(pod: Pod, context: PodContext) {
    this.#pod = pod;
    this.uid = pod.metadata?.uid ?? "";
    this.#context = context;
    this.#starter = new ContainerStarter(context);
    this.#stopper = new ContainerStopper(context);
    this.#reporter = new PodReporter(context);
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** Folders behind its claims, as far as they are measured. */
  get claims(): ReadonlyMap<string, string> {
    return this.#starter.claims;
  }

  get runtime(): RuntimePod {
    return this.#runtime;
  }

  /** Nothing of it runs or will. */
  get isOver(): boolean {
    const { phase } = this.#pod.status ?? {};
    return this.#isCleanedUp || phase === "Succeeded" || phase === "Failed";
  }

  /** It is on its way out, or has ended. */
  get isEnding(): boolean {
    return (
      this.isOver || this.#end !== undefined || this.#isGone || this.#pod.metadata?.deletionTimestamp !== undefined
    );
  }

  /** The API shows another state of the pod. */
  update(pod: Pod): void {
    if (!showsTheSame(this.#pod, pod)) this.#volumesAreStale = true;
    this.#pod = pod;
    this.#reporter.seen(pod);
    if (pod.metadata?.deletionTimestamp !== undefined) this.#leave(this.#graceSeconds);
    this.poke();
  }

  /** What the pod's volumes show has changed. */
  refreshVolumes(): void {
    this.#volumesAreStale = true;
    this.#retryAt.delete(""); // a sandbox that waits for a volume need not wait longer
    this.poke();
  }

  /** The node has no more room for it: it ends as Failed. */
  evict(end: PodEnd): void {
    if (this.#end !== undefined || this.isOver) return;
    this.#end = end;
    this.#leave(this.#graceSeconds);
    this.poke();
  }

  /** Nobody wants the pod any more: everything of it ends, at once unless it is given time. */
  remove(seconds = 0): void {
    this.#isGone = true;
    this.#goneGrace = seconds;
    this.#leave(seconds);
    this.poke();
  }

  /** The runtime tells of one of the pod's containers. */
  happened(event: ContainerEventResponse): void {
    if (!isKnown(this.#runtime, event)) this.askAgain();
  }

  /** Whatever the runtime had may have changed. */
  askAgain(): void {
    this.#runtimeIsStale = true;
    this.poke();
  }

  /** Something happened: look again. */
  poke(): void {
    if (this.#closed) return;
    if (this.#running !== undefined) {
      this.#again = true;
      if (this.#grace !== undefined) this.#reportMeanwhile();
      return;
    }
    this.#timer?.();
    this.#running = this.#loop().finally(() => {
      this.#running = undefined;
      if (this.#again) {
        this.#again = false;
        this.poke();
      }
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.();
    this.#leave(0, false);
    await this.#running;
    await this.#reporting;
  }

  /** Ends waits, and shortens the time of what is ending already. @param hurry False: containers keep their time. */
  #leave(seconds: number, hurry = true): void {
    this.#leaving.abort();
    if (hurry) this.#grace?.shorten(seconds);
  }

  async #loop(): Promise<void> {
    try {
      for (let more = true; more && !this.#closed; ) {
        more = await this.#context.metrics.synced(this.#isNew, this.#sync());
        this.#isNew = false;
      }
    } catch (error) {
      this.#log.warn("cannot bring the pod to its state, trying again", { error: messageOf(error) });
      this.#runtimeIsStale = true;
      this.#wakeAfter(RETRY_MS);
    }
  }

  get #log(): Logger {
    const { namespace, name } = this.#pod.metadata ?? {};
    return this.#context.options.logger.child({ pod: `${namespace}/${name}` });
  }

  get #now(): number {
    return this.#context.options.clock.now();
  }

  get #podIps(): readonly string[] {
    return podIpsOf(this.#pod, this.#runtime, this.#context.options.addresses);
  }

  get #graceSeconds(): number {
    const { metadata, spec } = this.#pod;
    return this.#end?.grace ?? metadata?.deletionGracePeriodSeconds ?? spec?.terminationGracePeriodSeconds ?? 30;
  }

  #wakeAfter(ms: number, refresh = false): void {
    this.#timer?.();
    const wake = (): void => {
      this.#runtimeIsStale = true;
      if (refresh) this.refreshVolumes();
      else this.poke();
    };
    const soonest = Math.min(ms, Math.max(0, this.#msToDeadline) + 10);
    this.#timer = this.#context.options.clock.after(soonest, wake, { background: true });
  }

  async #ask(): Promise<void> {
    this.#runtimeIsStale = false; // what happens from now on may be missing in the answer
    this.#runtime = await runtimePodOf(this.#context.cri, this.uid);
  }

  /** One look, one step. @returns true when another look should follow at once. */
  async #sync(): Promise<boolean> {
    if (this.#runtimeIsStale) await this.#ask();
    if (this.#isGone || this.#pod.metadata?.deletionTimestamp !== undefined) return this.#leaveNode();
    if (this.#msToDeadline <= 0 && !this.isOver) this.#end ??= DEADLINE;
    const input = this.#planInput();
    if (this.isOver || this.#end !== undefined || isOver(input)) return this.#comeToEnd();
    const { conditions, isGranted } = this.#context.resize(this.#pod);
    this.#resize = conditions;
    this.#isResizing ||= isGranted;
    this.#watchProbes();
    const steps = plan(input);
    const timer = this.#timer;
    let acted = this.#runtime.sandbox?.ready === true && (await this.#applyResize());
    for (const step of steps) acted = (await this.#take(step)) || acted;
    if (acted) this.#runtimeIsStale = true;
    if (!acted) await this.#refreshVolumes();
    await this.#report();
    if (!acted && this.#timer === timer) this.#wakeAfter(REFRESH_MS, true); // no step wants to be tried again before
    return acted;
  }

  #planInput(): PlanInput {
    return {
      pod: this.#pod,
      runtime: this.#runtime,
      probes: this.#context.prober,
      now: this.#now,
      roundSince: this.#roundSince,
      hashOf,
      backoffUntil: (container, last) => this.#backoffUntil(container, last),
      stopped: (id) => this.#stopped.get(id),
      mustRestart: ({ name }, running) => {
        const allocated = this.#context.allocated(this.#pod);
        const container = containerNamed(allocated, name);
        return container !== undefined && resizeNeedsRestart(allocated, container, running);
      },
    };
  }

  get #msToDeadline(): number {
    const seconds = this.#pod.spec?.activeDeadlineSeconds;
    const { startTime } = this.#pod.status ?? {};
    if (seconds === undefined || startTime === undefined) return Number.POSITIVE_INFINITY;
    return Date.parse(startTime) + seconds * 1000 - this.#now;
  }

  /** @returns whether something changed, so that the pod must be looked at again. */
  async #take(step: Step): Promise<boolean> {
    const { cri } = this.#context;
    switch (step.type) {
      case "create-sandbox":
        return this.#createSandbox(step.attempt);
      case "stop-sandbox":
        await cri.runtime.StopPodSandbox({ podSandboxId: step.id });
        return true;
      case "discard":
        await cri.runtime.RemoveContainer({ containerId: step.container.id });
        return true;
      case "stop":
        await this.#stop(step.container, step.why);
        return true;
      case "start":
        return this.#start(step.container, step.restartCount);
      case "restart-all":
        return this.#restartAll(step.because);
      case "wait":
        this.#wakeAfter(step.ms + 10);
        return false;
    }
  }

  /** @returns true while it is too early: what woke us may be nothing but the status that tells of the failure. */
  #mustWait(what: string): boolean {
    const left = (this.#retryAt.get(what) ?? 0) - this.#now;
    if (left > 0) this.#wakeAfter(left);
    return left > 0;
  }

  #retryAfter(what: string, ms: number): false {
    this.#retryAt.set(what, this.#now + ms);
    this.#wakeAfter(ms);
    return false;
  }

  async #createSandbox(attempt: number): Promise<boolean> {
    if (this.#mustWait("")) return false;
    this.#volumesAreStale = false; // it makes them
    this.#started = this.#context.startCounts.start(this.#pod);
    try {
      const limits = this.#context.cgroupLimits(this.#pod);
      await this.#starter.createSandbox(this.#pod, attempt, this.#leaving.signal);
      this.#cgroup = limits;
      return true;
    } catch (error) {
      if (this.#leaving.signal.aborted) return this.#retryAfter("", RETRY_MS);
      this.#started.failed("sandbox");
      const isVolume = codeOf(error) === "volume";
      this.#context.event(this.#pod, "Warning", isVolume ? "FailedMount" : "FailedCreatePodSandBox", messageOf(error));
      return this.#retryAfter("", isVolume ? VOLUME_RETRY_MS : RETRY_MS);
    }
  }

  async #start(container: Container, restartCount: number): Promise<boolean> {
    const { name } = container;
    const { signal } = this.#leaving;
    if (signal.aborted || this.#mustWait(name)) return false;
    const waitsFor = this.#waiting.get(name)?.reason ?? "";
    const request = { pod: this.#pod, runtime: this.#runtime, container, restartCount, signal, waitsFor };
    const failed = this.#context.metrics.starting(this.#pod, name);
    const outcome = await this.#starter.start(request);
    if ("waiting" in outcome) {
      if (!signal.aborted) failed(outcome.waiting.reason);
      if (!signal.aborted) this.#started?.failed("container");
      this.#waiting.set(name, outcome.waiting);
      return this.#retryAfter(name, outcome.waiting.retryMs);
    }
    if (outcome.isRefused) {
      failed("RunContainerError");
      this.#started?.failed("container");
    }
    this.#waiting.delete(name);
    await this.#removeOld(name);
    if (outcome.failed !== undefined) {
      await this.#ask();
      const running = this.#runtime.containers.find(({ id }) => id === outcome.containerId);
      if (running !== undefined) await this.#stopWithin(running, this.#graceSeconds, "FailedPostStartHook");
    }
    return true;
  }

  /** Keeps the last container that ended, for its log and exit code. */
  async #removeOld(name: string): Promise<void> {
    const ended = this.#runtime.containers.filter((one) => one.name === name && one.state === "exited");
    for (const { id } of ended.slice(0, -1)) {
      this.#stopped.delete(id);
      await this.#context.cri.runtime.RemoveContainer({ containerId: id }).catch(() => {});
    }
  }

  /** Ends one container while the pod goes on. */
  async #stop(container: RuntimeContainer, why: StopReason): Promise<void> {
    this.#stopped.set(container.id, why);
    const { name } = container;
    const probe = why === "Unhealthy" ? (this.#context.prober.failure(container.id) ?? "liveness") : undefined;
    const spec = containerNamed(this.#pod, name);
    const ownGrace = probe === undefined ? undefined : spec?.[`${probe}Probe`]?.terminationGracePeriodSeconds;
    const what =
      probe !== undefined
        ? `failed ${probe} probe`
        : why === "Changed"
          ? "definition changed"
          : "resize requires restart";
    await this.#stopWithin(container, ownGrace ?? this.#graceSeconds, `Container ${name} ${what}, will be restarted`);
  }

  async #stopWithin(container: RuntimeContainer, seconds: number, message: string): Promise<void> {
    this.#grace = new GracePeriod(this.#context.options.clock, seconds);
    try {
      await this.#stopper.stop(this.#pod, container, this.#grace, message);
    } finally {
      this.#grace.close();
      this.#grace = undefined;
    }
  }

  async #restartAll({ name, exitCode }: RuntimeContainer): Promise<boolean> {
    const message = `Container ${name} exited with code ${exitCode}: all containers of the pod start anew`;
    this.#context.event(this.#pod, "Normal", "RestartAllContainers", message, name);
    await this.#stopAll(0);
    this.#roundSince = this.#now;
    return true;
  }

  async #stopAll(seconds: number): Promise<void> {
    this.#grace = new GracePeriod(this.#context.options.clock, seconds);
    try {
      await this.#stopper.stopAll(this.#pod, this.#runtime.containers, this.#grace);
    } finally {
      this.#grace.close();
      this.#grace = undefined;
    }
    await this.#ask();
  }

  #backoffUntil({ name }: Container, last: RuntimeContainer): number {
    const { delay, until } = this.#backoff.after(last);
    if (until <= this.#now) return until;
    const { name: podName, namespace } = this.#pod.metadata ?? {};
    const message = `back-off ${formatSeconds(delay)} restarting failed container=${name} pod=${podName}_${namespace}(${this.uid})`;
    if (!this.#waiting.has(name)) {
      const told = `Back-off restarting failed container ${name} in pod ${podName}_${namespace}(${this.uid})`;
      this.#context.event(this.#pod, "Warning", "BackOff", told, name);
    }
    this.#waiting.set(name, { reason: "CrashLoopBackOff", message });
    return until;
  }

  #watchProbes(): void {
    const { prober } = this.#context;
    for (const container of containersOf(this.#pod)) {
      const last = newest(this.#runtime, container.name);
      if (last?.state === "running") prober.watch(this.#pod, container, last.id, this.#podIps[0] ?? "", last.startedAt);
    }
    for (const { id, state } of this.#runtime.containers) if (state !== "running") prober.forget(id);
  }

  /** The pod has run out: what still runs is stopped, its last phase shown, its sandbox taken down. Its object stays. */
  async #comeToEnd(): Promise<boolean> {
    if (this.#runtime.containers.some(({ state }) => state === "running")) {
      await this.#report();
      await this.#stopAll(this.#graceSeconds);
    }
    await this.#report();
    const { sandbox } = this.#runtime;
    if (sandbox?.ready !== true) return false;
    await this.#context.cri.runtime.StopPodSandbox({ podSandboxId: sandbox.id });
    this.#runtimeIsStale = true;
    return false;
  }

  /** Deleted in the API: stop with grace, tell how it ended, then let the object go. */
  async #leaveNode(): Promise<boolean> {
    this.#watchProbes();
    await this.#report();
    await this.#stopAll(this.#isGone ? this.#goneGrace : this.#graceSeconds);
    await this.#report(true);
    await cleanUp(this.#context, this.#pod);
    this.#isCleanedUp = true; // before its object goes: what takes its place may ask for the same room and ports at once
    if (!this.#isGone) await this.#context.deleteObject(this.#pod);
    this.#closed = true;
    this.#context.finished(this.uid);
    return false;
  }

  async #refreshVolumes(): Promise<void> {
    if (this.#runtime.sandbox?.ready !== true || !this.#volumesAreStale) return;
    this.#volumesAreStale = false;
    await this.#starter
      .prepareVolumes(this.#pod, this.#podIps, this.#leaving.signal)
      .catch((error: unknown) => this.#log.debug("cannot refresh volumes", { error: messageOf(error) }));
  }

  /** @returns whether a container has other resources now. */
  async #applyResize(): Promise<boolean> {
    const pod = this.#pod;
    const { changed, cgroup, inProgress } = await resizePod(this.#context, pod, this.#runtime, this.#cgroup);
    this.#cgroup = cgroup;
    if (changed) await this.#ask(); // what is shown next must not be what was before
    if (inProgress !== undefined) {
      const condition = stamped(inProgress, pod, this.#now);
      const before = pod.status?.conditions?.find(({ type }) => type === condition.type)?.message;
      const { message } = condition;
      if (message !== undefined && message !== before) this.#context.event(pod, "Warning", "ResizeError", message);
      this.#resize = [...this.#resize, condition];
      this.#wakeAfter(RETRY_MS);
    } else if (this.#isResizing) {
      this.#isResizing = false;
      this.#context.event(pod, "Normal", "ResizeCompleted", "Pod resize completed");
    }
    return changed;
  }

  /** While containers are being stopped the loop is busy: what happens meanwhile is shown all the same. */
  #reportMeanwhile(): void {
    this.#reporting = this.#reporting
      .then(async () => {
        await this.#ask();
        if (this.#grace !== undefined) await this.#report();
      })
      .catch((error: unknown) => this.#log.debug("cannot report", { error: messageOf(error) }));
  }

  /** @param isLast The pod is about to leave: nothing of it will run again. */
  async #report(isLast = false): Promise<void> {
    if (this.#isGone) return;
    await this.#reporter.report({
      pod: this.#pod,
      runtime: this.#runtime,
      isOver: isLast || isOver(this.#planInput()),
      end: this.#end,
      resize: this.#resize,
      waiting: this.#waiting,
    });
  }
}

/** Whether volumes show the same of both: status, which we write ourselves, is in none of them. */
function showsTheSame(before: Pod, now: Pod): boolean {
  const shown = ({ metadata }: Pod): string =>
    JSON.stringify([metadata?.generation, metadata?.labels, metadata?.annotations]);
  return shown(before) === shown(now);
}
