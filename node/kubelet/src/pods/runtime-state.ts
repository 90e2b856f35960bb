import type { ContainerUser, Pod } from "@tsukube/api/types/core-v1";
import type {
  ContainerEventResponse,
  ContainerStatus,
  LinuxContainerResources,
  LinuxContainerUser,
  PodSandboxStatusResponse,
} from "@tsukube/node-contracts/cri";
import { HASH_FORM } from "../containers/container-config.ts";
import { ANNOTATION, LABEL } from "../cri/labels.ts";
import type { Cri } from "../cri/runtime.ts";

/** One container as the runtime has it. Times are ms since the epoch, 0 when not yet. */
export interface RuntimeContainer {
  readonly id: string;
  readonly name: string;
  readonly state: "created" | "running" | "exited" | "unknown";
  readonly createdAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  readonly image: string;
  readonly imageId: string;
  /** "" when it says nothing. */
  readonly hash: string;
  readonly restartCount: number;
  readonly logPath: string;
  /** Who its first process runs as, where the runtime says so. */
  readonly user: ContainerUser | undefined;
  /** What its cgroup allows. */
  readonly resources: LinuxContainerResources;
}

/** What runs of one pod: its newest sandbox and all containers, oldest first. */
export interface RuntimePod {
  readonly sandbox:
    | {
        readonly id: string;
        readonly ready: boolean;
        readonly ips: readonly string[];
        readonly createdAt: number;
        readonly attempt: number;
      }
    | undefined;
  readonly containers: readonly RuntimeContainer[];
}

export const NOTHING_RUNS: RuntimePod = { sandbox: undefined, containers: [] };

/** Asks the runtime about one pod: the status of a sandbox brings those of its containers, where the runtime says so. */
export async function runtimePodOf(cri: Cri, uid: string): Promise<RuntimePod> {
  const { items = [] } = await cri.runtime.ListPodSandbox({ filter: { labelSelector: { [LABEL.podUid]: uid } } });
  const answers = await Promise.all(
    items.map(({ id = "" }) => cri.runtime.PodSandboxStatus({ podSandboxId: id }).catch(unlessGone)),
  );
  const present = answers.filter((answer) => answer !== undefined); // others were removed in between
  const newest = present.map(sandboxOf).sort((a, b) => b.createdAt - a.createdAt)[0];
  const isWhole = present.every(({ timestamp }) => millis(timestamp) > 0);
  const statuses = isWhole ? present.flatMap((answer) => answer.containersStatuses ?? []) : await askEach(cri, uid);
  return { sandbox: newest, containers: statuses.map(containerOf).sort((a, b) => a.createdAt - b.createdAt) };
}

/** Whether what an event tells is part of that state already. */
export function isKnown(
  { containers }: RuntimePod,
  { containerId, containerEventType }: ContainerEventResponse,
): boolean {
  const state = containers.find(({ id }) => id === containerId)?.state;
  switch (containerEventType) {
    case "CONTAINER_CREATED_EVENT":
      return state !== undefined;
    case "CONTAINER_STARTED_EVENT":
      return state === "running" || state === "exited";
    case "CONTAINER_STOPPED_EVENT":
      return state === "exited";
    case "CONTAINER_DELETED_EVENT":
      return state === undefined;
    default:
      return false;
  }
}

/** Runtimes that send no events tell of each container when asked for it (KEP-3386). */
async function askEach(cri: Cri, uid: string): Promise<readonly ContainerStatus[]> {
  const { containers = [] } = await cri.runtime.ListContainers({ filter: { labelSelector: { [LABEL.podUid]: uid } } });
  const answers = await Promise.all(
    containers.map(({ id = "" }) => cri.runtime.ContainerStatus({ containerId: id }).catch(unlessGone)),
  );
  return answers.flatMap((answer) => answer?.status ?? []);
}

/** gRPC's NOT_FOUND: removed in between. */
function unlessGone(error: unknown): undefined {
  if ((error as { readonly code?: unknown }).code !== 5) throw error;
}

function sandboxOf({ status }: PodSandboxStatusResponse): NonNullable<RuntimePod["sandbox"]> {
  const { ip = "", additionalIps } = status?.network ?? {};
  const ips = [ip, ...(additionalIps ?? []).map((entry) => entry.ip ?? "")].filter((address) => address !== "");
  return {
    id: status?.id ?? "",
    ready: status?.state === "SANDBOX_READY",
    ips,
    createdAt: millis(status?.createdAt),
    attempt: status?.metadata?.attempt ?? 0,
  };
}

const STATES: Readonly<Record<string, RuntimeContainer["state"]>> = {
  CONTAINER_CREATED: "created",
  CONTAINER_RUNNING: "running",
  CONTAINER_EXITED: "exited",
};

function containerOf(status: ContainerStatus): RuntimeContainer {
  const annotations = status.annotations ?? {};
  const hash = annotations[ANNOTATION.hash] ?? "";
  return {
    id: status.id ?? "",
    name: status.metadata?.name ?? "",
    state: STATES[status.state ?? ""] ?? "unknown",
    createdAt: millis(status.createdAt),
    startedAt: millis(status.startedAt),
    finishedAt: millis(status.finishedAt),
    exitCode: status.exitCode ?? 0,
    reason: status.reason ?? "",
    message: status.message ?? "",
    image: status.image?.userSpecifiedImage || (status.image?.image ?? ""),
    imageId: status.imageRef ?? "",
    hash: hash.startsWith(HASH_FORM) ? hash : "",
    restartCount: Number(annotations[ANNOTATION.restartCount] ?? 0),
    logPath: status.logPath ?? "",
    user: userOf(status.user?.linux),
    resources: status.resources?.linux ?? {},
  };
}

function userOf(linux: LinuxContainerUser | null | undefined): ContainerUser | undefined {
  if (linux == null) return undefined;
  const supplementalGroups = (linux.supplementalGroups ?? []).map(Number);
  return { linux: { uid: Number(linux.uid ?? 0), gid: Number(linux.gid ?? 0), supplementalGroups } };
}

/** The addresses under which a pod is reached: its sandbox's, or those of the host whose network it shares. */
export function podIpsOf(pod: Pod, { sandbox }: RuntimePod, hostIps: readonly string[]): readonly string[] {
  return pod.spec?.hostNetwork === true ? hostIps : (sandbox?.ips ?? []);
}

/** CRI times are nanoseconds. */
function millis(nanoseconds: number | string | undefined): number {
  return nanoseconds === undefined || nanoseconds === null ? 0 : Number(BigInt(nanoseconds) / 1_000_000n);
}
