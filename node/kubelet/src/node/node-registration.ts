import { readFileSync } from "node:fs";
import { arch, release } from "node:os";
import { ApiError } from "@tsukube/api";
import { KUBERNETES_VERSION } from "@tsukube/api/kubernetes-version";
import type { Node, NodeCondition, NodeStatus } from "@tsukube/api/types/core-v1";
import { formatTime, messageOf } from "@tsukube/foundation";
import type { Cri } from "../cri/runtime.ts";
import type { KubeletOptions } from "../options.ts";
import { allocatableOf, capacityResources, type NodeCapacity, withExtendedResources } from "./node-capacity.ts";
import { renewLease } from "./node-lease.ts";
import type { PressureCondition } from "./pressure.ts";

const NODES = { group: "", version: "v1", resource: "nodes" };
const RENEW_MS = 10_000;
const STATUS_MS = 10_000;
/** An unchanged status is written this often all the same. */
const REPORT_MS = 300_000;

/** Upstream's limits of what a Node tells of its images, the largest first. */
const MOST_IMAGES = 50;
const MOST_NAMES = 5;

const PRESSURES = [
  [
    "MemoryPressure",
    "KubeletHasSufficientMemory",
    "kubelet has sufficient memory available",
    "KubeletHasInsufficientMemory",
    "kubelet has insufficient memory available",
  ],
  [
    "DiskPressure",
    "KubeletHasNoDiskPressure",
    "kubelet has no disk pressure",
    "KubeletHasDiskPressure",
    "kubelet has disk pressure",
  ],
  [
    "PIDPressure",
    "KubeletHasSufficientPID",
    "kubelet has sufficient PID available",
    "KubeletHasInsufficientPID",
    "kubelet has insufficient PID available",
  ],
] as const;

/** Makes the Node object, keeps its status true and its lease alive. */
export class NodeRegistration {
  readonly #options: KubeletOptions;
  readonly #cri: Cri;
  readonly #capacity: NodeCapacity;
  /** Which pressures the node is under. */
  readonly #has: (condition: PressureCondition) => boolean;
  readonly #stops: (() => void)[] = [];
  #written = "";
  #writtenAt = 0;

  constructor(
    options: KubeletOptions,
    cri: Cri,
    capacity: NodeCapacity,
    has: (condition: PressureCondition) => boolean,
  ) {
    this.#options = options;
    this.#cri = cri;
    this.#capacity = capacity;
    this.#has = has;
  }

  /** Resolves once the Node exists with a first status. */
  async start(): Promise<void> {
    const { clock, logger } = this.#options;
    const attempt = (what: string, work: () => Promise<void>) => (): void =>
      void work().catch((error: unknown) => logger.debug(what, { error: messageOf(error) }));
    await this.#register();
    await this.updateStatus();
    await this.#renew();
    this.#stops.push(
      clock.every(
        RENEW_MS,
        attempt("cannot renew the node's lease", () => this.#renew()),
        { background: true },
      ),
    );
    this.#stops.push(
      clock.every(
        STATUS_MS,
        attempt("cannot write the node's status", () => this.updateStatus()),
        { background: true },
      ),
    );
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  async #register(): Promise<void> {
    const { client, nodeName, podCidrs } = this.#options;
    const labels = {
      "kubernetes.io/hostname": nodeName,
      "kubernetes.io/os": "linux",
      "kubernetes.io/arch": goArch(),
      "beta.kubernetes.io/os": "linux",
      "beta.kubernetes.io/arch": goArch(),
    };
    const node: Node = {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: nodeName, labels },
      spec: { podCIDR: podCidrs[0] ?? "", podCIDRs: podCidrs },
    };
    try {
      await client.resource<Node>(NODES).create(node);
    } catch (error) {
      if (!ApiError.is(error, "AlreadyExists")) throw error;
      await client.resource<Node>(NODES).patch(nodeName, { type: "strategic", body: { metadata: { labels } } });
    }
  }

  /** Writes the status when it changed, or when it has not been written for long. */
  async updateStatus(): Promise<void> {
    const { client, nodeName, clock } = this.#options;
    const nodes = client.resource<Node>(NODES);
    const live = await nodes.get(nodeName);
    const status = await this.#status(live);
    const steady = JSON.stringify({
      ...status,
      conditions: status.conditions?.map(({ lastHeartbeatTime: _beat, ...rest }) => rest),
    });
    if (steady === this.#written && clock.now() - this.#writtenAt < REPORT_MS) return;
    await nodes.patch(nodeName, { type: "strategic", body: { status } }, { subresource: "status" });
    this.#written = steady;
    this.#writtenAt = clock.now();
  }

  async #status(live: Node): Promise<NodeStatus> {
    const { addresses, listen, nodeName } = this.#options;
    const capacity = capacityResources(this.#capacity);
    const allocatable = withExtendedResources(capacityResources(allocatableOf(this.#capacity)), live.status);
    const runtime = await this.#cri.runtime.Status({}).catch(() => undefined);
    const images = await this.#cri.images.ListImages({}).catch(() => ({ images: [] }));
    return {
      capacity,
      allocatable: allocatable as NonNullable<NodeStatus["allocatable"]>, // null in a patch takes away
      addresses: [
        ...addresses.map((address) => ({ type: "InternalIP", address })),
        { type: "Hostname", address: nodeName },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: listen?.port ?? 0 } },
      conditions: await this.#conditions(live),
      ...(runtime !== undefined && {
        runtimeHandlers: (runtime.runtimeHandlers ?? []).map(({ name = "", features }) => ({
          name,
          features: {
            recursiveReadOnlyMounts: features?.recursiveReadOnlyMounts === true,
            userNamespaces: features?.userNamespaces === true,
          },
        })),
        features: { supplementalGroupsPolicy: runtime.features?.supplementalGroupsPolicy === true },
      }),
      nodeInfo: {
        machineID: read("/etc/machine-id"),
        systemUUID: read("/etc/machine-id"),
        bootID: read("/proc/sys/kernel/random/boot_id"),
        kernelVersion: release(),
        osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(read("/etc/os-release"))?.[1] ?? "Linux",
        containerRuntimeVersion: "tsukube://0.1.0",
        kubeletVersion: KUBERNETES_VERSION,
        kubeProxyVersion: "",
        operatingSystem: "linux",
        architecture: goArch(),
      },
      images: (images.images ?? [])
        .map(({ repoDigests = [], repoTags = [], size }) => ({
          names: [...repoDigests, ...repoTags].slice(0, MOST_NAMES),
          sizeBytes: Number(size ?? 0),
        }))
        .sort((a, b) => b.sizeBytes - a.sizeBytes)
        .slice(0, MOST_IMAGES),
    };
  }

  async #conditions(live: Node): Promise<readonly NodeCondition[]> {
    const now = formatTime(this.#options.clock.now());
    const ready = await this.#runtimeProblem();
    const condition = (type: string, status: string, reason: string, message: string): NodeCondition => {
      const old = live.status?.conditions?.find((candidate) => candidate.type === type);
      const lastTransitionTime = old?.status === status ? (old.lastTransitionTime ?? now) : now;
      return { type, status, lastHeartbeatTime: now, lastTransitionTime, reason, message };
    };
    return [
      ...PRESSURES.map(([type, calm, calmly, pressed, pressingly]) =>
        this.#has(type) ? condition(type, "True", pressed, pressingly) : condition(type, "False", calm, calmly),
      ),
      ready === ""
        ? condition("Ready", "True", "KubeletReady", "kubelet is posting ready status")
        : condition("Ready", "False", "KubeletNotReady", ready),
    ];
  }

  /** Why no pod could run now; "" when all is well. */
  async #runtimeProblem(): Promise<string> {
    try {
      const { status } = await this.#cri.runtime.Status({});
      const bad = (status?.conditions ?? []).filter((condition) => condition.status !== true);
      return bad.map((condition) => `${condition.type}: ${condition.message}`).join("; ");
    } catch (error) {
      return `container runtime is down: ${messageOf(error)}`;
    }
  }

  #renew(): Promise<void> {
    const { client, nodeName, clock } = this.#options;
    return renewLease(client, clock, nodeName);
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

function goArch(): string {
  return arch() === "x64" ? "amd64" : arch();
}
