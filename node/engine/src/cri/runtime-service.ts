import type { Socket } from "node:net";
import { availableParallelism } from "node:os";
import { type Clock, messageOf, type Random, TsukubeError } from "@tsukube/foundation";
import { type GrpcHandlers, grpcError } from "@tsukube/host/grpc";
import type { Cgroups } from "@tsukube/kernel";
import type { PodNetwork } from "@tsukube/node-contracts";
import type {
  ContainerConfig,
  ContainerEventResponse,
  ContainerState,
  ContainerStats,
  ContainerStatus,
  PodSandboxConfig,
  PodSandboxStatus,
  RuntimeService,
} from "@tsukube/node-contracts/cri";
import type { ContainerRecord, Containers } from "../containers/containers.ts";
import type { ImageRecord, ImageStore } from "../images/image-store.ts";
import type { SandboxRecord } from "../sandboxes/sandbox-record.ts";
import type { Sandboxes } from "../sandboxes/sandboxes.ts";
import type { StreamingServer } from "../streaming/streaming-server.ts";
import { Gate, type Leave } from "./gate.ts";
import { nanoseconds } from "./image-service.ts";

interface Deps {
  readonly containers: Containers;
  readonly streaming: StreamingServer;
  readonly sandboxes: Sandboxes;
  readonly images: ImageStore;
  readonly findImage: (name: string) => Promise<ImageRecord | undefined>;
  readonly network: PodNetwork;
  /** Connects to a port on the loopback of a sandbox. */
  readonly dial: (sandbox: SandboxRecord, port: number) => Socket;
  readonly cgroups: Cgroups;
  /** Name by which a RuntimeClass may ask for the OCI runtime in use. */
  readonly handler: string;
  readonly random: Random;
  readonly now: () => number;
  readonly clock: Clock;
  /** Whether sandboxes may have users of their own. */
  readonly mapsUsers: () => Promise<boolean>;
  readonly events: (signal: AbortSignal) => AsyncIterable<ContainerEventResponse>;
}

type Labels = Readonly<Record<string, string>>;
const selects = (wanted: Labels | undefined, labels: Labels | undefined): boolean =>
  Object.entries(wanted ?? {}).every(([key, value]) => labels?.[key] === value);

/** How long a sandbox without a running container counts as one that begins. */
const STARTING_MS = 1000;

/** CRI's RuntimeService. What is absent answers UNIMPLEMENTED. */
export function runtimeService(deps: Deps): GrpcHandlers<RuntimeService> {
  const { containers, sandboxes } = deps;
  // of many pods that begin at once the first are to run soon, not all of them late: each has its place until its first
  // container runs, or for a second where that takes long, as for a pull
  const starts = new Gate(2 * availableParallelism(), STARTING_MS, deps.clock);
  const starting = new Map<string, Leave>();
  const started = (sandboxId: string): void => {
    starting.get(sandboxId)?.();
    starting.delete(sandboxId);
  };
  const newId = (): string => Buffer.from(deps.random.bytes(32)).toString("hex");
  const inSandbox = (id: string): readonly ContainerRecord[] =>
    containers.all.filter((container) => container.sandboxId === id);
  const shown = (): readonly ContainerRecord[] => containers.all.filter(({ isHolder }) => isHolder !== true);
  const status = (record: SandboxRecord): PodSandboxStatus => sandboxStatus(record, containers);
  const running = (id: string): ContainerRecord => {
    const record = containers.get(id);
    if (containerState(record) === "CONTAINER_RUNNING") return record;
    throw new TsukubeError(
      "wrong-state",
      `Cannot stream to container "${record.id}": ${containerState(record)}, expected CONTAINER_RUNNING`,
    );
  };
  const stopSandbox = async (id: string): Promise<void> => {
    await Promise.all(inSandbox(id).map((container) => containers.stop(container.id, 0)));
    await sandboxes.stop(id);
  };
  const removeSandbox = async (id: string): Promise<void> => {
    started(id);
    await stopSandbox(id);
    for (const container of inSandbox(id)) await containers.remove(container.id);
    await sandboxes.remove(id);
  };
  return {
    async Version() {
      return { version: "0.1.0", runtimeName: "tsukube", runtimeVersion: "0.1.0", runtimeApiVersion: "v1" };
    },
    async Status() {
      const reason = await deps.network.status().then(() => "", messageOf);
      const network = {
        type: "NetworkReady",
        status: reason === "",
        reason: reason === "" ? "" : "NetworkPluginNotReady",
        message: reason,
      };
      const features = { recursiveReadOnlyMounts: false, userNamespaces: await deps.mapsUsers() };
      return {
        status: { conditions: [{ type: "RuntimeReady", status: true }, network] },
        runtimeHandlers: ["", deps.handler].map((name) => ({ name, features })),
        features: { supplementalGroupsPolicy: true },
      };
    },
    RuntimeConfig: async () => ({ linux: { cgroupDriver: "CGROUPFS" } }),
    UpdateRuntimeConfig: async () => ({}),
    async RunPodSandbox({ config, runtimeHandler }) {
      if (!["", deps.handler].includes(runtimeHandler ?? ""))
        throw grpcError(
          "INVALID_ARGUMENT",
          `Cannot run sandbox: no runtime handler "${runtimeHandler}", expected "${deps.handler}" or the default one`,
        );
      const id = newId();
      starting.set(id, await starts.enter());
      try {
        await holdPidNamespace(await sandboxes.run(id, config ?? {}), deps, newId);
      } catch (error) {
        started(id);
        await removeSandbox(id);
        throw error;
      }
      return { podSandboxId: id };
    },
    async StopPodSandbox({ podSandboxId = "" }) {
      const record = sandboxes.find(podSandboxId);
      if (record !== undefined) await stopSandbox(record.id);
      return {};
    },
    async RemovePodSandbox({ podSandboxId = "" }) {
      const record = sandboxes.find(podSandboxId);
      if (record !== undefined) await removeSandbox(record.id);
      return {};
    },
    async PodSandboxStatus({ podSandboxId = "" }) {
      const record = sandboxes.get(podSandboxId);
      const own = shown().filter((container) => container.sandboxId === record.id);
      const containersStatuses = own.map((container) => containerStatus(container, deps.images));
      return { status: status(record), containersStatuses, timestamp: nanoseconds(deps.now()) };
    },
    async ListPodSandbox({ filter }) {
      const items = sandboxes.all.filter(
        (record) =>
          record.id.startsWith(filter?.id ?? "") &&
          (filter?.state == null || status(record).state === filter.state.state) &&
          selects(filter?.labelSelector, record.config.labels),
      );
      return { items: items.map(status) };
    },
    async CreateContainer({ podSandboxId = "", config }) {
      const sandbox = sandboxes.get(podSandboxId);
      const name = config?.image?.image ?? "";
      const image = await deps.findImage(name);
      if (image === undefined)
        throw new TsukubeError("not-found", `Cannot create container: image "${name}" is not on this machine`);
      return { containerId: (await containers.create(newId(), config ?? {}, sandbox, image)).id };
    },
    async StartContainer({ containerId = "" }) {
      await containers.start(containerId).finally(() => started(containers.find(containerId)?.sandboxId ?? ""));
      return {};
    },
    async StopContainer({ containerId = "", timeout = 0 }) {
      await containers.stop(containerId, Number(timeout) * 1000);
      return {};
    },
    async RemoveContainer({ containerId = "" }) {
      await containers.remove(containerId);
      return {};
    },
    async ListContainers({ filter }) {
      const found = shown().filter(
        (record) =>
          record.id.startsWith(filter?.id ?? "") &&
          record.sandboxId.startsWith(filter?.podSandboxId ?? "") &&
          (filter?.state == null || containerState(record) === filter.state.state) &&
          selects(filter?.labelSelector, record.config.labels),
      );
      return {
        containers: found.map((record) => ({
          ...containerStatus(record, deps.images),
          podSandboxId: record.sandboxId,
        })),
      };
    },
    ContainerStatus: async ({ containerId = "" }) => ({
      status: containerStatus(containers.get(containerId), deps.images),
    }),
    async ExecSync({ containerId = "", cmd = [], timeout = 0 }) {
      return containers.execSync(containerId, cmd, Number(timeout) * 1000);
    },
    async Exec({ containerId = "", cmd = [], tty = false, stdin = false, stdout = false, stderr = false }) {
      const { id } = running(containerId);
      const wanted = { stdin, stdout, stderr, tty };
      return { url: deps.streaming.offer(() => containers.exec(id, cmd, { terminal: tty, stdin }), wanted) };
    },
    async Attach({ containerId = "", tty = false, stdin = false, stdout = false, stderr = false }) {
      const { id } = running(containerId);
      const wanted = { stdin, stdout, stderr, tty };
      return { url: deps.streaming.offer(async () => containers.attach(id, wanted), wanted, "attach") };
    },
    async PortForward({ podSandboxId = "", port = [] }) {
      const sandbox = sandboxes.get(podSandboxId);
      if (!sandbox.ready)
        throw new TsukubeError(
          "wrong-state",
          `Cannot forward ports of sandbox "${sandbox.id}": not ready, expected a running one`,
        );
      return { url: deps.streaming.offerPortForward((wanted) => deps.dial(sandbox, wanted), port) };
    },
    async UpdateContainerResources({ containerId = "", linux }) {
      await containers.update(containerId, linux ?? {});
      return {};
    },
    async ReopenContainerLog({ containerId = "" }) {
      await containers.reopenLog(containerId);
      return {};
    },
    async ContainerStats({ containerId = "" }) {
      const stats = await statsOf(containers.get(containerId), deps);
      // only when one is asked about: each file is looked at
      const usedBytes = { value: await containers.writtenBytes(containerId) };
      return { stats: { ...stats, writableLayer: { timestamp: nanoseconds(deps.now()), usedBytes } } };
    },
    async ListContainerStats({ filter }) {
      const found = shown().filter(
        (record) =>
          record.exit === undefined &&
          record.id.startsWith(filter?.id ?? "") &&
          record.sandboxId.startsWith(filter?.podSandboxId ?? "") &&
          selects(filter?.labelSelector, record.config.labels),
      );
      return { stats: await Promise.all(found.map((record) => statsOf(record, deps))) };
    },
    GetContainerEvents: (_, signal) => deps.events(signal),
  };
}

/** Holds the pid namespace that containers share: reaps who lost its parent, and does nothing else. */
const HOLD = "trap 'exit 0' TERM INT; while :; do sleep 2147483647 & wait $!; done";
const NOBODY = 65_534;

async function holdPidNamespace(sandbox: SandboxRecord, deps: Deps, newId: () => string): Promise<void> {
  const security = sandbox.config.linux?.securityContext;
  if (security?.namespaceOptions?.pid !== "POD") return;
  const image = await deps.findImage("tsukube.local/busybox");
  if (image === undefined) throw new TsukubeError("not-found", "Cannot share a process namespace: no built-in busybox");
  const config: ContainerConfig = {
    metadata: { name: "POD", attempt: 0 },
    command: ["sh", "-c", HOLD],
    logPath: "",
    linux: {
      securityContext: {
        readonlyRootfs: true,
        noNewPrivs: true,
        runAsUser: { value: NOBODY },
        runAsGroup: { value: NOBODY },
        capabilities: { dropCapabilities: ["ALL"] },
        seccomp: { profileType: "RuntimeDefault" },
      },
    },
  };
  const { id } = await deps.containers.create(newId(), config, { ...sandbox, config: withoutLog(sandbox) }, image, {
    isHolder: true,
  });
  await deps.containers.start(id);
}

/** What nobody asked for leaves no file among the pod's logs. */
function withoutLog({ config }: SandboxRecord): PodSandboxConfig {
  return { ...config, logDirectory: "" };
}

/** A sandbox is only ready while the namespaces are there that its containers share. */
function stateOf(record: SandboxRecord, containers: Containers): "SANDBOX_READY" | "SANDBOX_NOTREADY" {
  return record.ready && containers.holderOf(record.id)?.exit === undefined ? "SANDBOX_READY" : "SANDBOX_NOTREADY";
}

export function sandboxStatus(record: SandboxRecord, containers: Containers): PodSandboxStatus {
  const { metadata, labels, annotations, linux } = record.config;
  const [ip = "", ...others] = record.ips;
  return {
    id: record.id,
    metadata: metadata ?? {},
    state: stateOf(record, containers),
    createdAt: nanoseconds(record.createdAt),
    network: { ip, additionalIps: others.map((other) => ({ ip: other })) },
    linux: { namespaces: { options: linux?.securityContext?.namespaceOptions ?? {} } },
    labels: labels ?? {},
    annotations: annotations ?? {},
  };
}

function containerState(record: ContainerRecord): ContainerState {
  if (record.exit !== undefined) return "CONTAINER_EXITED";
  return record.startedAt === undefined ? "CONTAINER_CREATED" : "CONTAINER_RUNNING";
}

export function containerStatus(record: ContainerRecord, images: ImageStore): ContainerStatus {
  const { config, exit, user } = record;
  const image = images.find(record.imageId);
  return {
    id: record.id,
    metadata: config.metadata ?? {},
    state: containerState(record),
    createdAt: nanoseconds(record.createdAt),
    startedAt: nanoseconds(record.startedAt ?? 0),
    finishedAt: nanoseconds(exit?.at ?? 0),
    exitCode: exit?.code ?? 0,
    reason: exit?.reason ?? "",
    message: exit?.message ?? "",
    image: { image: config.image?.userSpecifiedImage || config.image?.image || "" },
    imageRef: image?.digests[0] ?? record.imageId,
    imageId: record.imageId,
    labels: config.labels ?? {},
    annotations: config.annotations ?? {},
    mounts: config.mounts ?? [],
    logPath: record.logPath,
    resources: { linux: config.linux?.resources ?? {} },
    ...(user !== undefined && {
      user: { linux: { uid: user.uid, gid: user.gid, supplementalGroups: user.groups } },
    }),
  };
}

async function statsOf(record: ContainerRecord, deps: Deps): Promise<ContainerStats> {
  const usage = await deps.cgroups.usage(record.cgroupPath);
  const timestamp = nanoseconds(deps.now());
  const { metadata, labels, annotations } = record.config;
  const attributes = { id: record.id, metadata: metadata ?? {}, labels: labels ?? {}, annotations: annotations ?? {} };
  if (usage === undefined) return { attributes };
  return {
    attributes,
    cpu: { timestamp, usageCoreNanoSeconds: { value: usage.cpuNanoseconds } },
    memory: {
      timestamp,
      workingSetBytes: { value: usage.workingSetBytes },
      usageBytes: { value: usage.memoryBytes },
      rssBytes: { value: usage.rssBytes },
      pageFaults: { value: usage.pageFaults },
      majorPageFaults: { value: usage.majorPageFaults },
    },
  };
}
