import { readFile } from "node:fs/promises";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { Clock } from "@tsukube/foundation";
import type { Cgroups, CgroupUsage, CpuThrottling } from "@tsukube/kernel";
import type { Cri } from "../cri/runtime.ts";
import type { PodWorker } from "../pods/pod-worker.ts";
import type { RuntimeContainer } from "../pods/runtime-state.ts";
import {
  type FileSystemUsage,
  fileSystemUsage,
  type InterfaceUsage,
  interfacesOf,
  type NodeUsage,
  readNodeUsage,
} from "./node-usage.ts";

/** Use of processor and memory by a container, a pod or the node at a moment. */
export interface UsageSample {
  /** ms since the epoch. */
  readonly at: number;
  readonly cpuNanoseconds: number;
  /** Over the time since an earlier look; undefined at the first. */
  readonly nanoCores: number | undefined;
  readonly memory: CgroupUsage | undefined;
}

export interface ContainerSample {
  readonly container: RuntimeContainer;
  readonly usage: UsageSample;
}

export interface PodSample {
  readonly pod: Pod;
  readonly startedAt: number;
  readonly containers: readonly ContainerSample[];
  readonly usage: UsageSample | undefined;
}

export interface Stats {
  readonly at: number;
  readonly node: NodeUsage;
  readonly nodeNanoCores: number | undefined;
  readonly imageFs: FileSystemUsage;
  readonly pods: readonly PodSample[];
  readonly capacity: { readonly cpuMilli: number; readonly memoryBytes: number };
}

export interface StatsDetails {
  /** By uids of pods with a network of their own. */
  readonly interfaces: ReadonlyMap<string, readonly InterfaceUsage[]>;
  /** By IDs of containers whose processor time is limited. */
  readonly throttling: ReadonlyMap<string, CpuThrottling>;
}

export interface StatsCollectorDeps {
  readonly cri: Cri;
  readonly clock: Clock;
  readonly cgroups: Cgroups;
  readonly rootDirectory: string;
  readonly capacity: Stats["capacity"];
  workers(): readonly PodWorker[];
  cgroupOf(pod: Pod): string;
}

interface Before {
  readonly at: number;
  readonly cpuNanoseconds: number;
}

/** A rate over a shorter time says little. */
const LEAST_RATE_MS = 5000;

/** Looks at what everything on the node uses, when asked. */
export class StatsCollector {
  readonly #deps: StatsCollectorDeps;
  readonly #before = new Map<string, { old: Before; recent: Before }>();

  constructor(deps: StatsCollectorDeps) {
    this.#deps = deps;
  }

  async collect(): Promise<Stats> {
    const { clock, rootDirectory, capacity } = this.#deps;
    const workers = this.#deps.workers().filter(({ runtime }) => runtime.sandbox?.ready === true);
    const pods = await Promise.all(workers.map((worker) => this.#pod(worker)));
    const node = readNodeUsage(rootDirectory);
    const at = clock.now();
    const seen = new Set([
      "",
      ...workers.map(({ uid }) => uid),
      ...pods.flatMap((pod) => pod.containers.map((one) => one.container.id)),
    ]);
    for (const key of this.#before.keys()) if (!seen.has(key)) this.#before.delete(key);
    return {
      at,
      node,
      nodeNanoCores: this.#rate("", { at, cpuNanoseconds: node.cpuNanoseconds }),
      imageFs: fileSystemUsage(await this.imageFolder()),
      pods,
      capacity,
    };
  }

  /** What is looked at for /metrics/cadvisor alone. */
  async details(): Promise<StatsDetails> {
    const { cgroups, cgroupOf } = this.#deps;
    const interfaces = new Map<string, readonly InterfaceUsage[]>();
    const throttling = new Map<string, CpuThrottling>();
    for (const { pod, uid, runtime } of this.#deps.workers().filter(({ runtime }) => runtime.sandbox?.ready === true)) {
      const cgroup = cgroupOf(pod);
      if (pod.spec?.hostNetwork !== true) interfaces.set(uid, await interfacesOfAny(await cgroups.processes(cgroup)));
      for (const { id, state } of runtime.containers) {
        const felt = state === "running" ? await cgroups.throttling(`${cgroup}/${id}`) : undefined;
        if (felt !== undefined) throttling.set(id, felt);
      }
    }
    return { interfaces, throttling };
  }

  /** Where the runtime keeps images. */
  async imageFolder(): Promise<string> {
    const { imageFilesystems = [] } = await this.#deps.cri.images
      .ImageFsInfo({})
      .catch(() => ({ imageFilesystems: [] }));
    return imageFilesystems[0]?.fsId?.mountpoint ?? this.#deps.rootDirectory;
  }

  async #pod({ pod, uid, runtime }: PodWorker): Promise<PodSample> {
    const { cgroups, cgroupOf } = this.#deps;
    const cgroup = cgroupOf(pod);
    const running = runtime.containers.filter(({ state }) => state === "running");
    const containers = await Promise.all(
      running.map(async (container) => this.#container(container, `${cgroup}/${container.id}`)),
    );
    const usage = await cgroups.usage(cgroup);
    return {
      pod,
      startedAt: Date.parse(pod.status?.startTime ?? "") || (runtime.sandbox?.createdAt ?? 0),
      containers,
      usage: usage && this.#sample(uid, usage),
    };
  }

  async #container(container: RuntimeContainer, cgroup: string): Promise<ContainerSample> {
    const own = await this.#deps.cgroups.usage(cgroup);
    const usage = own ?? (await this.#fromRuntime(container.id));
    return { container, usage: this.#sample(container.id, usage) };
  }

  /** A runtime may put its containers where it likes. */
  async #fromRuntime(containerId: string): Promise<CgroupUsage> {
    const { stats } = await this.#deps.cri.runtime.ContainerStats({ containerId }).catch(() => ({ stats: undefined }));
    const { cpu, memory } = stats ?? {};
    return {
      cpuNanoseconds: Number(cpu?.usageCoreNanoSeconds?.value ?? 0),
      memoryBytes: Number(memory?.usageBytes?.value ?? 0),
      workingSetBytes: Number(memory?.workingSetBytes?.value ?? 0),
      rssBytes: Number(memory?.rssBytes?.value ?? 0),
      pageFaults: Number(memory?.pageFaults?.value ?? 0),
      majorPageFaults: Number(memory?.majorPageFaults?.value ?? 0),
      pids: 0,
    };
  }

  #sample(key: string, usage: CgroupUsage): UsageSample {
    const now = { at: this.#deps.clock.now(), cpuNanoseconds: usage.cpuNanoseconds };
    return { ...now, nanoCores: this.#rate(key, now), memory: usage };
  }

  #rate(key: string, now: Before): number | undefined {
    const before = this.#before.get(key);
    if (before === undefined) {
      this.#before.set(key, { old: now, recent: now });
      return undefined;
    }
    const base = now.at - before.recent.at >= LEAST_RATE_MS ? before.recent : before.old;
    if (base === before.recent) this.#before.set(key, { old: before.recent, recent: now });
    const seconds = (now.at - base.at) / 1000;
    return seconds <= 0 ? undefined : Math.max(0, Math.round((now.cpuNanoseconds - base.cpuNanoseconds) / seconds));
  }
}

/** As the first of these processes sees them that is still there. */
async function interfacesOfAny(processes: readonly number[]): Promise<readonly InterfaceUsage[]> {
  for (const pid of processes) {
    const dev = await readFile(`/proc/${pid}/net/dev`, "utf8").catch(() => undefined);
    if (dev !== undefined) return interfacesOf(dev);
  }
  return [];
}
