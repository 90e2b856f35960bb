import type { Pod } from "@tsukube/api/types/core-v1";
import type { DNSConfig, IDMapping, PodSandboxConfig, PortMapping } from "@tsukube/node-contracts/cri";
import { labelsOf, namespaceOptions } from "../containers/container-config.ts";
import { lastingContainers } from "./pod-containers.ts";
import { sandboxHostname } from "./pod-files.ts";
import type { PodPlaces } from "./pod-places.ts";

export interface SandboxConfigInput {
  readonly pod: Pod;
  readonly attempt: number;
  readonly places: PodPlaces;
  readonly dns: DNSConfig;
  readonly clusterDomain: string;
  readonly users?: readonly IDMapping[];
}

/** Pure: the CRI form of a pod. */
export function sandboxConfigOf(input: SandboxConfigInput): PodSandboxConfig {
  const { pod, attempt, places, dns, clusterDomain, users } = input;
  const { name = "", namespace = "", uid = "" } = pod.metadata ?? {};
  const sysctls = (pod.spec?.securityContext?.sysctls ?? []).map(({ name: key, value }) => [key, value] as const);
  return {
    metadata: { name, namespace, uid, attempt },
    hostname: pod.spec?.hostNetwork === true ? "" : sandboxHostname(pod, clusterDomain),
    logDirectory: places.logs,
    dnsConfig: dns,
    portMappings: portMappings(pod),
    labels: { ...pod.metadata?.labels, ...labelsOf(pod) },
    annotations: { ...pod.metadata?.annotations },
    linux: {
      cgroupParent: places.cgroup,
      sysctls: Object.fromEntries(sysctls),
      securityContext: {
        namespaceOptions: namespaceOptions(pod, users),
        privileged: lastingContainers(pod).some(({ securityContext }) => securityContext?.privileged === true),
      },
    },
  };
}

function portMappings(pod: Pod): readonly PortMapping[] {
  if (pod.spec?.hostNetwork === true) return [];
  const ports = lastingContainers(pod).flatMap((container) => container.ports ?? []);
  return ports
    .filter(({ hostPort = 0 }) => hostPort > 0)
    .map(({ protocol = "TCP", containerPort, hostPort = 0, hostIP = "" }) => ({
      protocol: protocol as "TCP" | "UDP" | "SCTP",
      containerPort,
      hostPort,
      hostIp: hostIP,
    }));
}
