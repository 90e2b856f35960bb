import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Container, Pod, SecurityContext } from "@tsukube/api/types/core-v1";
import { TsukubeError } from "@tsukube/foundation";
import type {
  ContainerConfig,
  Device,
  IDMapping,
  Image,
  LinuxContainerSecurityContext,
  Mount,
  SecurityProfile,
} from "@tsukube/node-contracts/cri";
import { ANNOTATION, LABEL } from "../cri/labels.ts";
import { expand } from "./environment.ts";
import { containerResources } from "./resources.ts";

const MASKED = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];
const READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

export interface ContainerConfigInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly env: ReadonlyMap<string, string>;
  readonly mounts: readonly Mount[];
  readonly devices?: readonly Device[];
  readonly image: Image;
  readonly restartCount: number;
  /** Whose the pod's users are on the host, where it has some of its own. */
  readonly users?: readonly IDMapping[];
  /** Files of its control group (version 2) and what is written there. */
  readonly unified: Readonly<Record<string, string>>;
  /** That the machine limits. */
  readonly hugepageSizes: readonly string[];
  /** The container whose processes it sees (ephemeral containers). */
  readonly targetId?: string;
}

/** What the hash is of: one in another form, by another Tsukube, says nothing. */
export const HASH_FORM = "image:";

/** Identifies what cannot change while a container runs, its image: another hash means that it has to be made anew. */
export function hashOf({ name, image = "" }: Pick<Container, "name" | "image">): string {
  return `${HASH_FORM}${createHash("sha256")
    .update(JSON.stringify([name, image]))
    .digest("hex")
    .slice(0, 16)}`;
}

/** The CRI form of a container. @throws {TsukubeError} `config`. */
export function containerConfig(input: ContainerConfigInput): ContainerConfig {
  const { pod, container, env, restartCount, users } = input;
  const name = container.name ?? "";
  return {
    metadata: { name, attempt: restartCount },
    image: { image: input.image.id ?? "", userSpecifiedImage: container.image ?? "" },
    command: (container.command ?? []).map((word) => expand(word, env)),
    args: (container.args ?? []).map((word) => expand(word, env)),
    workingDir: container.workingDir ?? "",
    envs: [...env].map(([key, value]) => ({ key, value: Buffer.from(value) })),
    mounts: input.mounts.map((mount) =>
      users === undefined ? mount : { ...mount, uidMappings: users, gidMappings: users },
    ),
    devices: input.devices ?? [],
    labels: labelsOf(pod, name),
    annotations: {
      [ANNOTATION.hash]: hashOf(container),
      [ANNOTATION.restartCount]: String(restartCount),
      [ANNOTATION.terminationMessagePath]: container.terminationMessagePath ?? "",
      [ANNOTATION.terminationMessagePolicy]: container.terminationMessagePolicy ?? "",
    },
    logPath: join(name, `${restartCount}.log`),
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    linux: {
      resources: { ...containerResources(pod, container, input.hugepageSizes), unified: input.unified },
      securityContext: securityContext(input),
    },
  };
}

export function labelsOf(pod: Pod, container?: string): Record<string, string> {
  const { name = "", namespace = "", uid = "" } = pod.metadata ?? {};
  return {
    [LABEL.podName]: name,
    [LABEL.podNamespace]: namespace,
    [LABEL.podUid]: uid,
    ...(container !== undefined && { [LABEL.containerName]: container }),
  };
}

function securityContext({
  pod,
  container,
  image,
  targetId,
  users,
}: ContainerConfigInput): LinuxContainerSecurityContext {
  const own: SecurityContext = container.securityContext ?? {};
  const shared = pod.spec?.securityContext ?? {};
  const user = own.runAsUser ?? shared.runAsUser;
  const group = own.runAsGroup ?? shared.runAsGroup;
  if ((own.runAsNonRoot ?? shared.runAsNonRoot) === true) demandNonRoot(pod, container, user, image);
  const privileged = own.privileged === true;
  return {
    privileged,
    readonlyRootfs: own.readOnlyRootFilesystem === true,
    noNewPrivs: own.allowPrivilegeEscalation === false,
    ...(user !== undefined && { runAsUser: { value: user } }),
    ...(group !== undefined && { runAsGroup: { value: group } }),
    ...(shared.supplementalGroupsPolicy === "Strict" && { supplementalGroupsPolicy: "Strict" as const }),
    supplementalGroups: [
      ...(shared.fsGroup === undefined ? [] : [shared.fsGroup]),
      ...(shared.supplementalGroups ?? []),
    ],
    capabilities: { addCapabilities: own.capabilities?.add ?? [], dropCapabilities: own.capabilities?.drop ?? [] },
    namespaceOptions: {
      ...namespaceOptions(pod, users),
      ...(targetId !== undefined && pod.spec?.hostPID !== true && { pid: "TARGET" as const, targetId }),
    },
    seccomp: seccompProfile(own.seccompProfile ?? shared.seccompProfile, privileged),
    maskedPaths: privileged || own.procMount === "Unmasked" ? [] : MASKED,
    readonlyPaths: privileged || own.procMount === "Unmasked" ? [] : READ_ONLY,
  };
}

/** @throws {TsukubeError} `config` when the container would run as root, or as someone of whom that is not known. */
function demandNonRoot(pod: Pod, container: Container, user: number | undefined, image: Image): void {
  const { name, namespace } = pod.metadata ?? {};
  const where = `(pod: "${name}_${namespace}(${pod.metadata?.uid})", container: ${container.name})`;
  if (user === 0) throw new TsukubeError("config", `container's runAsUser breaks non-root policy ${where}`);
  if (user !== undefined) return;
  const uid = image.uid?.value;
  if (uid === undefined && (image.username ?? "") !== "")
    throw new TsukubeError(
      "config",
      `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root ${where}`,
    );
  if (Number(uid ?? 0) === 0)
    throw new TsukubeError("config", `container has runAsNonRoot and image will run as root ${where}`);
}

export function namespaceOptions(pod: Pod, users: readonly IDMapping[] | undefined) {
  const spec: Partial<NonNullable<Pod["spec"]>> = pod.spec ?? {};
  return {
    network: spec.hostNetwork === true ? ("NODE" as const) : ("POD" as const),
    pid:
      spec.hostPID === true
        ? ("NODE" as const)
        : spec.shareProcessNamespace === true
          ? ("POD" as const)
          : ("CONTAINER" as const),
    ipc: spec.hostIPC === true ? ("NODE" as const) : ("POD" as const),
    ...(users !== undefined && { usernsOptions: { mode: "POD" as const, uids: users, gids: users } }),
  };
}

function seccompProfile(profile: SecurityContext["seccompProfile"], privileged: boolean): SecurityProfile {
  switch (privileged ? "Unconfined" : profile?.type) {
    case "RuntimeDefault":
      return { profileType: "RuntimeDefault" };
    case "Localhost":
      return { profileType: "Localhost", localhostRef: `/var/lib/kubelet/seccomp/${profile?.localhostProfile}` };
    default:
      return { profileType: "Unconfined" };
  }
}
