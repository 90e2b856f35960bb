import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Container, Pod } from "@tsukube/api/types/core-v1";
import { codeOf, messageOf } from "@tsukube/foundation";
import type { Image, Mount, PodSandboxConfig } from "@tsukube/node-contracts/cri";
import { containerConfig } from "../containers/container-config.ts";
import { environmentOf } from "../containers/environment.ts";
import { unifiedLimits } from "../containers/resources.ts";
import {
  type PreparedVolumes,
  prepareVolumes,
  type VolumeDeps,
  volumeDevices,
  volumeMounts,
} from "../volumes/volumes.ts";
import { ensureImages, imagesOf, type Waiting } from "./image-puller.ts";
import { runHook } from "./lifecycle-hooks.ts";
import { newest } from "./plan.ts";
import { containerNamed } from "./pod-containers.ts";
import type { PodContext } from "./pod-context.ts";
import { dnsConfigOf, hostNetworkHostsFile, hostsFile } from "./pod-files.ts";
import { podIpsOf, type RuntimePod } from "./runtime-state.ts";
import { sandboxConfigOf } from "./sandbox-config.ts";

const RETRY_MS = 5000;
/** What is missing (a ConfigMap, a key) may be there soon. */
const CONFIG_RETRY_MS = 2000;
const HOSTS = "/etc/hosts";
const LEAVING = { waiting: { reason: "ContainerCreating", message: "", retryMs: RETRY_MS } } as const;

export interface StartRequest {
  readonly pod: Pod;
  readonly runtime: RuntimePod;
  readonly container: Container;
  readonly restartCount: number;
  /** What it is shown to wait for: "ErrImagePull". */
  readonly waitsFor?: string;
  /** Ends the wait for a hook: the pod is to go. */
  readonly signal: AbortSignal;
}

/** `isRefused`: the runtime did not run it. `failed`: it ran, its postStart hook failed, and it has to be stopped. */
export type StartOutcome =
  | { readonly waiting: Waiting }
  | { readonly containerId: string; readonly isRefused?: boolean; readonly failed?: string };

/** Makes pods' sandboxes and starts their containers: image, volumes, environment, hook. */
export class ContainerStarter {
  readonly #context: PodContext;
  /** Folders behind the pod's claims, as far as they are measured. */
  claims: ReadonlyMap<string, string> = new Map();

  constructor(context: PodContext) {
    this.#context = context;
  }

  /** @throws {TsukubeError} `volume` when a volume cannot be had. */
  async createSandbox(pod: Pod, attempt: number, signal: AbortSignal): Promise<void> {
    const { options, cri } = this.#context;
    const places = this.#context.placesOf(pod);
    await mkdir(places.folder, { recursive: true, mode: 0o750 });
    await mkdir(places.logs, { recursive: true });
    await options.cgroups.create(places.cgroup, this.#context.cgroupLimits(pod));
    await this.prepareVolumes(pod, [], signal);
    const runtimeHandler = await this.#context.runtimeHandler(pod);
    await cri.runtime.RunPodSandbox({ config: await this.#sandboxConfig(pod, attempt), runtimeHandler });
  }

  async prepareVolumes(pod: Pod, podIps: readonly string[], signal: AbortSignal): Promise<PreparedVolumes> {
    const { mounts, random } = this.#context.options;
    const podFolder = this.#context.placesOf(pod).folder;
    const deps: VolumeDeps = {
      ...{ podFolder, mounts, random, signal },
      measured: (volume, work) => this.#context.metrics.mounted(volume, work),
    };
    const prepared = await prepareVolumes(pod, this.#context.sourcesOf(pod, podIps), deps);
    const volumes = [...prepared.volumes.values()];
    this.claims = new Map(volumes.flatMap(({ claim, path }) => (claim === undefined ? [] : [[claim, path]])));
    return prepared;
  }

  async start(request: StartRequest): Promise<StartOutcome> {
    const { pod, container, signal, waitsFor } = request;
    const pulling = ensureImages(this.#context, pod, imagesOf(pod, container), waitsFor);
    const pulled = await Promise.race([pulling, interrupted(signal).then(() => LEAVING)]);
    if ("waiting" in pulled) return pulled;
    try {
      const containerId = await this.#create(request, pulled.image);
      if (!(await this.#run(request, containerId))) return { containerId, isRefused: true };
      const failed = await this.#postStart(request, containerId, signal);
      return failed === undefined ? { containerId } : { containerId, failed };
    } catch (error) {
      return { waiting: this.#waitingAfter(error, request) };
    }
  }

  #waitingAfter(error: unknown, { pod, container }: StartRequest): Waiting {
    const isConfig = codeOf(error) === "config" || codeOf(error) === "volume";
    const reason = isConfig ? "CreateContainerConfigError" : "CreateContainerError";
    const message = messageOf(error);
    this.#context.event(pod, "Warning", "Failed", `Error: ${message}`, container.name);
    return { reason, message, retryMs: isConfig ? CONFIG_RETRY_MS : RETRY_MS };
  }

  async #create({ pod, runtime, container, restartCount, signal }: StartRequest, image: Image): Promise<string> {
    const { cri } = this.#context;
    const ips = podIpsOf(pod, runtime, this.#context.options.addresses);
    const sources = this.#context.sourcesOf(pod, ips);
    const volumes = await this.prepareVolumes(pod, ips, signal);
    const env = await environmentOf(pod, container, sources, (name) => volumes.volumes.get(name)?.path);
    const mounts = [
      ...(await volumeMounts(container, volumes, env)),
      ...(await this.#hostsMount(pod, container, ips)),
      ...(await this.#messageMount(pod, container, restartCount)),
    ];
    const sandboxConfig = await this.#sandboxConfig(pod, runtime.sandbox?.attempt ?? 0);
    const target = pod.spec?.ephemeralContainers?.find(({ name }) => name === container.name)?.targetContainerName;
    const targetId = target === undefined ? undefined : newest(runtime, target)?.id;
    const users = await this.#context.usersOf(pod);
    const allocated = this.#context.allocated(pod);
    const config = containerConfig({
      pod: allocated,
      container: containerNamed(allocated, container.name) ?? container,
      env,
      mounts,
      devices: volumeDevices(container, volumes),
      image,
      restartCount,
      ...(users !== undefined && { users }),
      hugepageSizes: this.#context.options.cgroups.hugepageSizes,
      unified: unifiedLimits(this.#context.options.cgroups, this.#context.placesOf(pod).cgroup),
      ...(targetId !== undefined && { targetId }),
    });
    const podSandboxId = runtime.sandbox?.id ?? "";
    const { containerId = "" } = await cri.runtime.CreateContainer({ podSandboxId, config, sandboxConfig });
    this.#context.event(pod, "Normal", "Created", "Container created", container.name);
    return containerId;
  }

  /** @returns false when the runtime refuses: the container has ended, and its restart policy decides what follows. */
  async #run({ pod, container }: StartRequest, containerId: string): Promise<boolean> {
    try {
      await this.#context.cri.runtime.StartContainer({ containerId });
      this.#context.event(pod, "Normal", "Started", "Container started", container.name);
      return true;
    } catch (error) {
      this.#context.event(pod, "Warning", "Failed", `Error: ${messageOf(error)}`, container.name);
      return false;
    }
  }

  async #sandboxConfig(pod: Pod, attempt: number): Promise<PodSandboxConfig> {
    const { clusterDns, clusterDomain } = this.#context.options;
    const dns = await dnsConfigOf(pod, { address: clusterDns, domain: clusterDomain });
    const users = await this.#context.usersOf(pod);
    const places = this.#context.placesOf(pod);
    return sandboxConfigOf({ pod, attempt, places, dns, clusterDomain, ...(users !== undefined && { users }) });
  }

  async #hostsMount(pod: Pod, container: Container, ips: readonly string[]): Promise<readonly Mount[]> {
    if ((container.volumeMounts ?? []).some(({ mountPath }) => mountPath === HOSTS)) return [];
    const hostPath = join(this.#context.placesOf(pod).folder, "etc-hosts");
    const { clusterDomain } = this.#context.options;
    const text =
      pod.spec?.hostNetwork === true
        ? hostNetworkHostsFile(pod, await readFile(HOSTS, "utf8").catch(() => ""))
        : hostsFile(pod, ips, clusterDomain);
    await writeFile(hostPath, text);
    return [{ hostPath, containerPath: HOSTS, readonly: false }];
  }

  async #messageMount(pod: Pod, container: Container, restartCount: number): Promise<readonly Mount[]> {
    const containerPath = container.terminationMessagePath ?? "";
    if (containerPath === "") return [];
    const hostPath = this.#context.placesOf(pod).message(container.name, restartCount);
    await mkdir(dirname(hostPath), { recursive: true });
    await writeFile(hostPath, "");
    await chmod(hostPath, 0o666); // whoever the container runs as
    return [{ hostPath, containerPath, readonly: false }];
  }

  /** @returns why the hook failed. */
  async #postStart(request: StartRequest, containerId: string, signal: AbortSignal): Promise<string | undefined> {
    const { pod, container, runtime } = request;
    const hook = container.lifecycle?.postStart;
    if (hook === undefined) return undefined;
    const { cri, options } = this.#context;
    const podIp = podIpsOf(pod, runtime, options.addresses)[0] ?? "";
    const work = runHook(hook, { pod, container, containerId, podIp }, { cri, clock: options.clock }, signal);
    const { ok, message } = await Promise.race([work, interrupted(signal).then(() => ({ ok: true, message: "" }))]);
    if (ok) return undefined;
    this.#context.event(pod, "Warning", "FailedPostStartHook", `PostStartHook failed`, container.name);
    return message;
  }
}

function interrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
