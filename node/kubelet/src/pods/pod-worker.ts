import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Container, Pod } from "@tsukube/api/types/core-v1";
import { type Clock, codeOf, type Logger, messageOf } from "@tsukube/foundation";
import type { ImageSpec, PodSandboxConfig } from "@tsukube/node-contracts/cri";
import { containerConfig, hashOf, labelsOf, namespaceOptions } from "../containers/container-config.ts";
import { environmentOf } from "../containers/environment.ts";
import type { Cri } from "../cri/runtime.ts";
import { type ProbeTarget, runProbe } from "../probes/probe-runner.ts";
import { prepareVolumes, removePodFolder, volumeMounts } from "../volumes/volumes.ts";
import { isOver, newest, plan, type Step } from "./plan.ts";
import type { PodContext } from "./pod-context.ts";
import { dnsConfigOf, hostnameOf, hostsFile } from "./pod-files.ts";
import { podStatusOf } from "./pod-status.ts";
import { NOTHING_RUNS, type RuntimeContainer, type RuntimePod, runtimePodOf } from "./runtime-state.ts";

const FIRST_RESTART_MS = 10_000;
const MAX_RESTART_MS = 300_000;
/** A container that ran this long starts with a clean slate. */
const CALM_MS = 600_000;
const RETRY_MS = 5000;
/** How often volumes are brought up to date without any sign. */
const REFRESH_MS = 60_000;
const MESSAGE_BYTES = 4096;

/** Brings one pod to where the API wants it, one step at a time, never two at once. */
export class PodWorker {
  readonly uid: string;
  readonly #context: PodContext;
  readonly #folder: string;
  readonly #waiting = new Map<string, { readonly reason: string; readonly message: string }>();
  /** When a container that could not be made is tried again, ms since the epoch. */
  readonly #retryAt = new Map<string, number>();
  readonly #messages = new Map<string, string>();
  #pod: Pod;
  #isGone = false;
  #volumesAreStale = true;
  #runtime: RuntimePod = NOTHING_RUNS;
  #timer: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;
  #reported = "";

  constructor(pod: Pod, context: PodContext) {
    this.#pod = pod;
    this.uid = pod.metadata?.uid ?? "";
    this.#context = context;
    this.#folder = join(context.options.rootDirectory, "pods", this.uid);
  }

  get pod(): Pod {
    return this.#pod;
  }

  get runtime(): RuntimePod {
    return this.#runtime;
  }

  /** The API shows another state of the pod. */
  update(pod: Pod): void {
    if (pod.metadata?.resourceVersion !== this.#pod.metadata?.resourceVersion) this.#volumesAreStale = true;
    this.#pod = pod;
    this.poke();
  }

  /** What the pod's volumes show has changed. */
  refreshVolumes(): void {
    this.#volumesAreStale = true;
    this.poke();
  }

  /** The API no longer has the pod: everything of it ends at once. */
  remove(): void {
    this.#isGone = true;
    this.poke();
  }

  /** Something happened: look again. */
  poke(): void {
    if (this.#closed) return;
    if (this.#running !== undefined) {
      this.#again = true;
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
    await this.#running;
  }

  async #loop(): Promise<void> {
    try {
      for (let more = true; more && !this.#closed; ) more = await this.#sync();
    } catch (error) {
      this.#log.warn("cannot bring the pod to its state, trying again", { error: messageOf(error) });
      this.#wakeAfter(RETRY_MS);
    }
  }

  get #log(): Logger {
    const { namespace, name } = this.#pod.metadata ?? {};
    return this.#context.options.logger.child({ pod: `${namespace}/${name}` });
  }

  get #clock(): Clock {
    return this.#context.options.clock;
  }

  get #cri(): Cri {
    return this.#context.cri;
  }

  #wakeAfter(ms: number, refresh = false): void {
    this.#timer?.();
    this.#timer = this.#clock.after(ms, () => (refresh ? this.refreshVolumes() : this.poke()), { background: true });
  }

  /** One look, one step. @returns true when another look should follow at once. */
  async #sync(): Promise<boolean> {
    this.#runtime = await runtimePodOf(this.#cri, this.uid);
    if (this.#isGone) return this.#end(0);
    const phase = this.#pod.status?.phase;
    if (this.#pod.metadata?.deletionTimestamp !== undefined) return this.#terminate();
    if (phase === "Succeeded" || phase === "Failed" || isOver({ pod: this.#pod, runtime: this.#runtime })) {
      await this.#report();
      await this.#stopSandbox();
      return false;
    }
    if (this.#isPastDeadline()) return this.#end(0, "DeadlineExceeded");
    this.#watchProbes();
    const steps = plan({
      pod: this.#pod,
      runtime: this.#runtime,
      probes: this.#context.prober,
      now: this.#clock.now(),
      hashOf,
      backoffUntil: (container, last) => this.#backoffUntil(container, last),
    });
    const timer = this.#timer;
    let acted = false;
    for (const step of steps) acted = (await this.#take(step)) || acted;
    if (!acted) {
      await this.#refreshVolumes();
      await this.#report();
      if (this.#timer === timer) this.#wakeAfter(REFRESH_MS, true); // no step wants to be tried again before
    } else {
      await this.#report();
    }
    return acted;
  }

  #isPastDeadline(): boolean {
    const seconds = this.#pod.spec?.activeDeadlineSeconds;
    const start = this.#pod.status?.startTime;
    return seconds !== undefined && start !== undefined && this.#clock.now() >= Date.parse(start) + seconds * 1000;
  }

  /** @returns whether something changed, so that the pod must be looked at again. */
  async #take(step: Step): Promise<boolean> {
    switch (step.type) {
      case "create-sandbox":
        return this.#createSandbox(step.attempt);
      case "stop-sandbox":
        await this.#cri.runtime.StopPodSandbox({ podSandboxId: step.id });
        return true;
      case "stop":
        await this.#stop(step.container, step.container.state === "created" ? 0 : this.#grace(), step.why);
        if (step.container.state === "created")
          await this.#cri.runtime.RemoveContainer({ containerId: step.container.id });
        return true;
      case "start":
        return this.#start(step.container, step.restartCount);
      case "wait":
        this.#wakeAfter(step.ms + 10);
        return false;
    }
  }

  async #createSandbox(attempt: number): Promise<boolean> {
    try {
      await this.#makeFolder();
      await prepareVolumes(this.#pod, this.#context.sourcesOf(this.#pod, []), this.#volumeDeps);
      await this.#cri.runtime.RunPodSandbox({ config: await this.#sandboxConfig(attempt) });
      return true;
    } catch (error) {
      const reason = codeOf(error) === "volume" ? "FailedMount" : "FailedCreatePodSandBox";
      this.#context.event(this.#pod, "Warning", reason, messageOf(error));
      await this.#report();
      this.#wakeAfter(reason === "FailedMount" ? 2000 : RETRY_MS);
      return false;
    }
  }

  get #volumeDeps() {
    const { mounts, random } = this.#context.options;
    return { podFolder: this.#folder, mounts, random };
  }

  async #makeFolder(): Promise<void> {
    const { options } = this.#context;
    await mkdir(this.#folder, { recursive: true, mode: 0o750 });
    await mkdir(this.#logFolder, { recursive: true });
    await options.cgroups.create(this.#cgroup);
  }

  /** kubepods/<qos>/pod<uid>; Guaranteed pods stand directly below the root. */
  get #cgroup(): string {
    const qos = (this.#pod.status?.qosClass ?? "BestEffort").toLowerCase();
    const { cgroupRoot } = this.#context.options;
    return `${cgroupRoot}${qos === "guaranteed" ? "" : `/${qos}`}/pod${this.uid}`;
  }

  get #logFolder(): string {
    const { namespace, name } = this.#pod.metadata ?? {};
    return join(this.#context.options.podLogsDirectory, `${namespace}_${name}_${this.uid}`);
  }

  async #sandboxConfig(attempt: number): Promise<PodSandboxConfig> {
    const { options } = this.#context;
    const pod = this.#pod;
    const { name = "", namespace = "" } = pod.metadata ?? {};
    const containers = [
      ...(pod.spec?.containers ?? []),
      ...(pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === "Always"),
    ];
    const ports = pod.spec?.hostNetwork === true ? [] : containers.flatMap((container) => container.ports ?? []);
    const sysctls = Object.fromEntries(
      (pod.spec?.securityContext?.sysctls ?? []).map(({ name: key = "", value = "" }) => [key, value]),
    );
    return {
      metadata: { name, namespace, uid: this.uid, attempt },
      hostname: pod.spec?.hostNetwork === true ? "" : hostnameOf(pod),
      logDirectory: this.#logFolder,
      dnsConfig: await dnsConfigOf(pod, { address: options.clusterDns, domain: options.clusterDomain }),
      portMappings: ports
        .filter((port) => (port.hostPort ?? 0) > 0)
        .map((port) => ({
          protocol: (port.protocol ?? "TCP") as "TCP" | "UDP" | "SCTP",
          containerPort: port.containerPort ?? 0,
          hostPort: port.hostPort ?? 0,
          hostIp: port.hostIP ?? "",
        })),
      labels: labelsOf(pod),
      annotations: { ...pod.metadata?.annotations },
      linux: {
        cgroupParent: this.#cgroup,
        sysctls,
        securityContext: {
          namespaceOptions: namespaceOptions(pod),
          privileged: containers.some((c) => c.securityContext?.privileged === true),
        },
      },
    };
  }

  async #start(container: Container, restartCount: number): Promise<boolean> {
    const name = container.name ?? "";
    const sandbox = this.#runtime.sandbox;
    if (sandbox === undefined) return true;
    const left = (this.#retryAt.get(name) ?? 0) - this.#clock.now();
    if (left > 0) {
      this.#wakeAfter(left); // what woke us is news of the pod, such as the status that tells of the failure
      return false;
    }
    const wait = (reason: string, message: string, ms: number): false => {
      this.#waiting.set(name, { reason, message });
      if (reason === "CreateContainerError") this.#retryAt.set(name, this.#clock.now() + ms);
      this.#wakeAfter(ms);
      return false;
    };
    const image = await this.#pull(container, wait);
    if (image === undefined) return false;
    try {
      const sources = this.#context.sourcesOf(this.#pod, this.#podIps);
      const volumes = await prepareVolumes(this.#pod, sources, this.#volumeDeps);
      const env = await environmentOf(this.#pod, container, sources);
      const mounts = [
        ...(await volumeMounts(container, volumes, env)),
        await this.#hostsMount(),
        ...(await this.#messageMount(container, restartCount)),
      ];
      const sandboxConfig = await this.#sandboxConfig(sandbox.attempt);
      const config = containerConfig({
        pod: this.#pod,
        container,
        env,
        mounts,
        imageRef: image,
        restartCount,
        sandboxConfig,
      });
      const { containerId = "" } = await this.#cri.runtime.CreateContainer({
        podSandboxId: sandbox.id,
        config,
        sandboxConfig,
      });
      this.#context.event(this.#pod, "Normal", "Created", `Container created`, name);
      this.#waiting.delete(name);
      if (!(await this.#run(container, containerId))) return true;
      this.#context.event(this.#pod, "Normal", "Started", `Container started`, name);
      await this.#postStart(container, containerId);
      await this.#removeOld(name);
      return true;
    } catch (error) {
      const isConfig = codeOf(error) === "config" || codeOf(error) === "volume";
      const reason = isConfig ? "CreateContainerConfigError" : "CreateContainerError";
      this.#context.event(this.#pod, "Warning", "Failed", `Error: ${messageOf(error)}`, name);
      return wait(reason, messageOf(error), isConfig ? 2000 : RETRY_MS);
    }
  }

  /** @returns false when the runtime refuses: the container has ended, and its restart policy decides what follows. */
  async #run({ name = "" }: Container, containerId: string): Promise<boolean> {
    try {
      await this.#cri.runtime.StartContainer({ containerId });
      return true;
    } catch (error) {
      this.#context.event(this.#pod, "Warning", "Failed", `Error: ${messageOf(error)}`, name);
      return false;
    }
  }

  get #podIps(): readonly string[] {
    return this.#pod.spec?.hostNetwork === true ? this.#context.options.addresses : (this.#runtime.sandbox?.ips ?? []);
  }

  /** @returns the image's reference; undefined when the container has to wait for it. */
  async #pull(
    container: Container,
    wait: (reason: string, message: string, ms: number) => false,
  ): Promise<string | undefined> {
    const name = container.image ?? "";
    const spec: ImageSpec = { image: name };
    const policy = container.imagePullPolicy ?? "IfNotPresent";
    const present = (await this.#cri.images.ImageStatus({ image: spec })).image?.id ?? "";
    if (present !== "" && policy !== "Always") return present;
    const isOurs = name.startsWith("tsukube.local/") || (present !== "" && policy === "Always" && isLocalOnly(name));
    if (present !== "" && isOurs) return present;
    if (policy === "Never") {
      wait("ErrImageNeverPull", `Container image "${name}" is not present with pull policy of Never`, RETRY_MS);
      return undefined;
    }
    const { pullBackoff } = this.#context;
    const backing = pullBackoff.waiting(name);
    if (backing !== undefined) {
      if (this.#waiting.get(container.name ?? "")?.reason !== "ImagePullBackOff") {
        this.#context.event(this.#pod, "Normal", "BackOff", `Back-off pulling image "${name}"`, container.name);
        this.#context.event(this.#pod, "Warning", "Failed", "Error: ImagePullBackOff", container.name);
      }
      wait("ImagePullBackOff", `Back-off pulling image "${name}": ${backing.message}`, backing.ms);
      return undefined;
    }
    try {
      this.#context.event(this.#pod, "Normal", "Pulling", `Pulling image "${name}"`, container.name);
      const auth = await this.#context.pullSecrets(this.#pod, name);
      const { imageRef = "" } = await this.#cri.images.PullImage({ image: spec, ...(auth !== undefined && { auth }) });
      pullBackoff.succeeded(name);
      this.#context.event(this.#pod, "Normal", "Pulled", `Successfully pulled image "${name}"`, container.name);
      return imageRef;
    } catch (error) {
      if (present !== "") return present; // a registry that is away must not keep an image that is here from running
      const message = messageOf(error);
      pullBackoff.failed(name, message);
      this.#context.event(this.#pod, "Warning", "Failed", `Failed to pull image "${name}": ${message}`, container.name);
      this.#context.event(this.#pod, "Warning", "Failed", "Error: ErrImagePull", container.name);
      wait("ErrImagePull", message, pullBackoff.waiting(name)?.ms ?? RETRY_MS);
      return undefined;
    }
  }

  async #hostsMount() {
    const path = join(this.#folder, "etc-hosts");
    const { options } = this.#context;
    const text =
      this.#pod.spec?.hostNetwork === true
        ? await readFile("/etc/hosts", "utf8")
        : hostsFile(this.#pod, this.#podIps, options.clusterDomain);
    await writeFile(path, text);
    return { hostPath: path, containerPath: "/etc/hosts", readonly: false };
  }

  async #messageMount(container: Container, restartCount: number) {
    const containerPath = container.terminationMessagePath ?? "";
    if (containerPath === "") return [];
    const hostPath = this.#messagePath(container.name ?? "", restartCount);
    await mkdir(join(hostPath, ".."), { recursive: true });
    await writeFile(hostPath, "", { mode: 0o666 });
    return [{ hostPath, containerPath, readonly: false }];
  }

  #messagePath(name: string, restartCount: number): string {
    return join(this.#folder, "containers", name, `${restartCount}.message`);
  }

  async #postStart(container: Container, containerId: string): Promise<void> {
    const hook = container.lifecycle?.postStart;
    if (hook === undefined) return;
    const { ok, message } = await this.#runHook(hook, container, containerId);
    if (ok) return;
    this.#context.event(
      this.#pod,
      "Warning",
      "FailedPostStartHook",
      `PostStartHook failed: ${message}`,
      container.name,
    );
    await this.#cri.runtime.StopContainer({ containerId, timeout: this.#grace() });
  }

  async #runHook(
    hook: NonNullable<NonNullable<Container["lifecycle"]>["postStart"]>,
    container: Container,
    containerId: string,
  ) {
    const target: ProbeTarget = { pod: this.#pod, container, containerId, podIp: this.#podIps[0] ?? "" };
    if (hook.sleep !== undefined) {
      await this.#clock.sleep((hook.sleep.seconds ?? 0) * 1000);
      return { ok: true, message: "" };
    }
    const { exec, httpGet, tcpSocket } = hook;
    const probe = {
      timeoutSeconds: 3600,
      ...(exec !== undefined && { exec }),
      ...(httpGet !== undefined && { httpGet }),
      ...(tcpSocket !== undefined && { tcpSocket }),
    };
    return runProbe(probe, target, this.#cri, this.#clock);
  }

  /** Keeps the last container that ended, for its log and exit code. */
  async #removeOld(name: string): Promise<void> {
    const ended = this.#runtime.containers.filter(
      (container) => container.name === name && container.state === "exited",
    );
    for (const { id } of ended.slice(0, -1)) {
      await this.#cri.runtime.RemoveContainer({ containerId: id }).catch(() => {});
    }
  }

  #backoffUntil(container: Container, last: RuntimeContainer): number {
    const crashes = last.finishedAt - last.startedAt >= CALM_MS ? 0 : last.restartCount;
    const delay = crashes === 0 ? 0 : Math.min(FIRST_RESTART_MS * 2 ** (crashes - 1), MAX_RESTART_MS);
    const until = last.finishedAt + delay;
    const name = container.name ?? "";
    if (until > this.#clock.now()) {
      const { name: podName, namespace } = this.#pod.metadata ?? {};
      const message = `back-off ${formatSeconds(delay)} restarting failed container=${name} pod=${podName}_${namespace}(${this.uid})`;
      if (!this.#waiting.has(name)) this.#context.event(this.#pod, "Warning", "BackOff", message, name);
      this.#waiting.set(name, { reason: "CrashLoopBackOff", message });
    }
    return until;
  }

  #watchProbes(): void {
    for (const container of [...(this.#pod.spec?.containers ?? []), ...(this.#pod.spec?.initContainers ?? [])]) {
      const last = newest(this.#runtime, container.name ?? "");
      if (last?.state === "running")
        this.#context.prober.watch(this.#pod, container, last.id, this.#podIps[0] ?? "", last.startedAt);
    }
    for (const container of this.#runtime.containers)
      if (container.state !== "running") this.#context.prober.forget(container.id);
  }

  #grace(): number {
    return this.#pod.metadata?.deletionGracePeriodSeconds ?? this.#pod.spec?.terminationGracePeriodSeconds ?? 30;
  }

  async #stop(container: RuntimeContainer, grace: number, why: string): Promise<void> {
    if (container.state === "running") {
      const spec = [...(this.#pod.spec?.containers ?? []), ...(this.#pod.spec?.initContainers ?? [])].find(
        ({ name }) => name === container.name,
      );
      const verb =
        why === "Unhealthy"
          ? `Container ${container.name} failed liveness probe, will be restarted`
          : `Stopping container ${container.name}`;
      this.#context.event(this.#pod, "Normal", "Killing", verb, container.name);
      const hook = spec?.lifecycle?.preStop;
      const began = this.#clock.now();
      if (hook !== undefined && grace > 0 && spec !== undefined) {
        await Promise.race([this.#runHook(hook, spec, container.id), this.#clock.sleep(grace * 1000)]);
      }
      const left = Math.max(grace - Math.floor((this.#clock.now() - began) / 1000), grace > 0 ? 2 : 0);
      await this.#cri.runtime.StopContainer({ containerId: container.id, timeout: left });
    }
    this.#context.prober.forget(container.id);
  }

  /** Deleted in the API: stop with grace, tell how it ended, then let the object go. */
  async #terminate(): Promise<boolean> {
    return this.#end(this.#grace());
  }

  /** Ends everything of the pod; sidecars after the others. */
  async #end(grace: number, reason = ""): Promise<boolean> {
    const sidecars = new Set(
      (this.#pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === "Always").map((c) => c.name),
    );
    const running = this.#runtime.containers.filter(
      (container) => container.state === "running" || container.state === "created",
    );
    await this.#report();
    await Promise.all(
      running.filter(({ name }) => !sidecars.has(name)).map((container) => this.#stop(container, grace, "Deleted")),
    );
    for (const container of running.filter(({ name }) => sidecars.has(name)).reverse())
      await this.#stop(container, grace, "Deleted");
    this.#runtime = await runtimePodOf(this.#cri, this.uid);
    if (reason !== "") {
      await this.#report({
        phase: "Failed",
        reason,
        message: "Pod was active on the node longer than the specified deadline",
      });
      return false;
    }
    if (!this.#isGone) await this.#report();
    await this.#cleanUp();
    if (!this.#isGone) await this.#context.deleteObject(this.#pod);
    this.#closed = true;
    this.#context.finished(this.uid);
    return false;
  }

  async #stopSandbox(): Promise<void> {
    const { sandbox } = this.#runtime;
    if (sandbox?.ready === true) await this.#cri.runtime.StopPodSandbox({ podSandboxId: sandbox.id });
  }

  async #cleanUp(): Promise<void> {
    const { items = [] } = await this.#cri.runtime.ListPodSandbox({ filter: { labelSelector: labelsOf(this.#pod) } });
    for (const { id: podSandboxId = "" } of items) {
      await this.#cri.runtime.StopPodSandbox({ podSandboxId });
      await this.#cri.runtime.RemovePodSandbox({ podSandboxId });
    }
    await removePodFolder(this.#folder, this.#context.options.mounts);
    await this.#context.options.cgroups
      .remove(this.#cgroup)
      .catch((error: unknown) => this.#log.debug("the pod's cgroup is busy", { error: messageOf(error) }));
    await removePodFolder(this.#logFolder, this.#context.options.mounts);
  }

  async #refreshVolumes(): Promise<void> {
    if (this.#runtime.sandbox?.ready !== true || !this.#volumesAreStale) return;
    this.#volumesAreStale = false;
    await prepareVolumes(this.#pod, this.#context.sourcesOf(this.#pod, this.#podIps), this.#volumeDeps).catch(
      (error: unknown) => this.#log.debug("cannot refresh volumes", { error: messageOf(error) }),
    );
  }

  async #report(more: object = {}): Promise<void> {
    if (this.#isGone) return;
    await this.#readMessages();
    const { prober, options } = this.#context;
    const status = podStatusOf({
      pod: this.#pod,
      runtime: this.#runtime,
      now: this.#clock.now(),
      hostIps: options.addresses,
      notes: {
        waiting: (name) => (newest(this.#runtime, name)?.state === "running" ? undefined : this.#waiting.get(name)),
        ready: (container) => prober.ready(container.id) && this.#pod.metadata?.deletionTimestamp === undefined,
        started: (container) => prober.started(container.id),
        terminationMessage: (container) => this.#messages.get(container.id) ?? "",
      },
    });
    const text = JSON.stringify({ ...status, ...more });
    if (text === this.#reported) return;
    await this.#context.writeStatus(this.#pod, { ...status, ...more });
    this.#reported = text;
  }

  /** What containers left at their terminationMessagePath, or the end of their log. */
  async #readMessages(): Promise<void> {
    for (const container of this.#runtime.containers) {
      if (container.state !== "exited" || this.#messages.has(container.id)) continue;
      const spec = [...(this.#pod.spec?.containers ?? []), ...(this.#pod.spec?.initContainers ?? [])].find(
        ({ name }) => name === container.name,
      );
      let message = await readFile(this.#messagePath(container.name, container.restartCount), "utf8").catch(() => "");
      if (message === "" && spec?.terminationMessagePolicy === "FallbackToLogsOnError" && container.exitCode !== 0) {
        const log = await readFile(container.logPath, "utf8").catch(() => "");
        message = log
          .split("\n")
          .slice(-81)
          .map((line) => line.split(" ").slice(3).join(" "))
          .join("\n")
          .trimEnd();
      }
      this.#messages.set(container.id, message.slice(-MESSAGE_BYTES));
    }
  }
}

/** An image that was built here has no registry to come from. */
function isLocalOnly(name: string): boolean {
  return !/[.:]/.test(name.split("/")[0] ?? "") && name.includes("/");
}

function formatSeconds(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds >= 60 ? `${Math.floor(seconds / 60)}m${seconds % 60}s` : `${seconds}s`;
}
