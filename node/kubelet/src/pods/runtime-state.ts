import type { ContainerUser, Pod } from "@tsukube/api/types/core-v1";
import type { LinuxContainerResources, LinuxContainerUser } from "@tsukube/node-contracts/cri";
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

/** Asks the runtime about one pod. */
export async function runtimePodOf(cri: Cri, uid: string): Promise<RuntimePod> {
  const labelSelector = { [LABEL.podUid]: uid };
  const [{ items = [] }, { containers = [] }] = await Promise.all([
    cri.runtime.ListPodSandbox({ filter: { labelSelector } }),
    cri.runtime.ListContainers({ filter: { labelSelector } }),
  ]);
  const newest = [...items].sort((a, b) => millis(b.createdAt) - millis(a.createdAt))[0];
  const [sandbox, details] = await Promise.all([
    newest === undefined ? undefined : sandboxOf(cri, newest.id ?? ""),
    Promise.all(containers.map(({ id = "" }) => containerOf(cri, id))),
  ]);
  const known = details.filter((container) => container !== undefined);
  return { sandbox, containers: known.sort((a, b) => a.createdAt - b.createdAt) };
}

async function sandboxOf(cri: Cri, podSandboxId: string): Promise<RuntimePod["sandbox"]> {
  const { status } = await cri.runtime.PodSandboxStatus({ podSandboxId });
  if (status == null) return undefined;
  const { ip = "", additionalIps } = status.network ?? {};
  const ips = [ip, ...(additionalIps ?? []).map((entry) => entry.ip ?? "")].filter((address) => address !== "");
  return {
    id: podSandboxId,
    ready: status.state === "SANDBOX_READY",
    ips,
    createdAt: millis(status.createdAt),
    attempt: status.metadata?.attempt ?? 0,
  };
}

const STATES: Readonly<Record<string, RuntimeContainer["state"]>> = {
  CONTAINER_CREATED: "created",
  CONTAINER_RUNNING: "running",
  CONTAINER_EXITED: "exited",
};

async function containerOf(cri: Cri, containerId: string): Promise<RuntimeContainer | undefined> {
  const { status } = await cri.runtime.ContainerStatus({ containerId }).catch(() => ({ status: undefined }));
  if (status == null) return undefined; // removed in between
  const annotations = status.annotations ?? {};
  const hash = annotations[ANNOTATION.hash] ?? "";
  return {
    id: containerId,
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
