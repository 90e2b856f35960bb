import { LOG_BYTES, LOG_FILES } from "../logs/log-files.ts";
import type { KubeletOptions } from "../options.ts";

/** What /configz tells: settings that are in force, as fields of KubeletConfiguration (kubelet.config.k8s.io/v1beta1). */
export function kubeletConfiguration(options: KubeletOptions): object {
  return {
    kind: "KubeletConfiguration",
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    ...(options.listen !== undefined && { address: options.listen.addresses[0], port: options.listen.port }),
    ...(options.healthz !== undefined && {
      healthzBindAddress: options.healthz.address,
      healthzPort: options.healthz.port,
    }),
    authentication: { x509: {}, webhook: { enabled: true, cacheTTL: "1m0s" }, anonymous: { enabled: false } },
    authorization: { mode: "Webhook", webhook: { cacheAuthorizedTTL: "1m0s", cacheUnauthorizedTTL: "1m0s" } },
    clusterDomain: options.clusterDomain,
    clusterDNS: [options.clusterDns],
    cgroupRoot: options.cgroupRoot,
    cgroupDriver: "cgroupfs",
    containerRuntimeEndpoint: options.criAddress,
    podLogsDir: options.podLogsDirectory,
    containerLogMaxSize: `${LOG_BYTES / (1 << 20)}Mi`,
    containerLogMaxFiles: LOG_FILES,
    maxPods: 110,
    nodeStatusUpdateFrequency: "10s",
    nodeStatusReportFrequency: "5m0s",
    nodeLeaseDurationSeconds: 40,
    failSwapOn: false,
    serializeImagePulls: false,
    ...(options.featureGates !== undefined && { featureGates: options.featureGates.named }),
  };
}

/** What /flagz tells: settings that are in force, as the kubelet's flags. */
export function kubeletFlags(options: KubeletOptions): Readonly<Record<string, string>> {
  return {
    "anonymous-auth": "false",
    "authentication-token-webhook": "true",
    "authorization-mode": "Webhook",
    "cgroup-driver": "cgroupfs",
    "cgroup-root": options.cgroupRoot,
    "cluster-dns": `[${options.clusterDns}]`,
    "cluster-domain": options.clusterDomain,
    "container-runtime-endpoint": options.criAddress,
    "fail-swap-on": "false",
    "hostname-override": options.nodeName,
    "pod-manifest-path": options.staticPodDirectory ?? "",
    "root-dir": options.rootDirectory,
    ...(options.listen !== undefined && { port: String(options.listen.port) }),
    ...(options.healthz !== undefined && {
      "healthz-bind-address": options.healthz.address,
      "healthz-port": String(options.healthz.port),
    }),
  };
}
