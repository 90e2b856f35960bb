import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Container, Pod, SecurityContext } from "@tsukube/api/types/core-v1";
import { TsukubeError } from "@tsukube/foundation";
import type {
  ContainerConfig,
  LinuxContainerSecurityContext,
  Mount,
  PodSandboxConfig,
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
  readonly imageRef: string;
  readonly restartCount: number;
  readonly sandboxConfig: PodSandboxConfig;
}

/** Identifies the container's spec: another hash means that it has to be made anew. In-place changes are left out. */
export function hashOf(container: Container): string {
  const { resources: _resources, ...rest } = container;
  return createHash("sha256").update(JSON.stringify(rest)).digest("hex").slice(0, 16);
}

/** The CRI form of a container. @throws {TsukubeError} `config`. */
export function containerConfig(input: ContainerConfigInput): ContainerConfig {
  const { pod, container, env, restartCount } = input;
  const name = container.name ?? "";
  return {
    metadata: { name, attempt: restartCount },
    image: { image: input.imageRef, userSpecifiedImage: container.image ?? "" },
    command: (container.command ?? []).map((word) => expand(word, env)),
    args: (container.args ?? []).map((word) => expand(word, env)),
    workingDir: container.workingDir ?? "",
    envs: [...env].map(([key, value]) => ({ key, value: Buffer.from(value) })),
    mounts: input.mounts,
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
    linux: { resources: containerResources(pod, container), securityContext: securityContext(pod, container) },
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

function securityContext(pod: Pod, container: Container): LinuxContainerSecurityContext {
  const own: SecurityContext = container.securityContext ?? {};
  const shared = pod.spec?.securityContext ?? {};
  const user = own.runAsUser ?? shared.runAsUser;
  const group = own.runAsGroup ?? shared.runAsGroup;
  if ((own.runAsNonRoot ?? shared.runAsNonRoot) === true && user === 0) {
    throw new TsukubeError(
      "config",
      `container's runAsUser breaks non-root policy (pod: "${pod.metadata?.name}_${pod.metadata?.namespace}", container: ${container.name})`,
    );
  }
  const privileged = own.privileged === true;
  return {
    privileged,
    readonlyRootfs: own.readOnlyRootFilesystem === true,
    noNewPrivs: own.allowPrivilegeEscalation === false,
    ...(user !== undefined && { runAsUser: { value: user } }),
    ...(group !== undefined && { runAsGroup: { value: group } }),
    supplementalGroups: [
      ...(shared.fsGroup === undefined ? [] : [shared.fsGroup]),
      ...(shared.supplementalGroups ?? []),
    ],
    capabilities: { addCapabilities: own.capabilities?.add ?? [], dropCapabilities: own.capabilities?.drop ?? [] },
    namespaceOptions: namespaceOptions(pod),
    seccomp: seccompProfile(own.seccompProfile ?? shared.seccompProfile, privileged),
    maskedPaths: privileged || own.procMount === "Unmasked" ? [] : MASKED,
    readonlyPaths: privileged || own.procMount === "Unmasked" ? [] : READ_ONLY,
  };
}

export function namespaceOptions(pod: Pod) {
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
