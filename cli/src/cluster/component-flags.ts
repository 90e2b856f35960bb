import { formatDuration } from "@tsukube/api";
import type { ComponentName } from "../component-description.ts";
import { addressesOf } from "./addresses.ts";
import { encryptionFile } from "./encryption.ts";
import type { ClusterPaths } from "./paths.ts";
import type { ClusterRecord } from "./record.ts";

type Flags = Readonly<Record<string, string>>;

const HOUR_MS = 3_600_000;

/** Pure: what is in force in a cluster, as kube-apiserver's flags. */
export function apiServerFlags(record: ClusterRecord, paths: ClusterPaths, advertised: string): Flags {
  const { serviceCidr, nodePorts } = addressesOf(record);
  return {
    "admission-control-config-file": record.admissionControlConfigFile ?? "",
    "advertise-address": advertised,
    "allow-privileged": "true",
    "anonymous-auth": "true",
    "authentication-config": record.authenticationConfig ?? "",
    "authentication-token-webhook-config-file": record.authenticationTokenWebhookConfigFile ?? "",
    "authorization-config": record.authorizationConfig ?? "",
    "authorization-mode": record.authorizationConfig === undefined ? "[Node,RBAC]" : "[]",
    "disable-admission-plugins": `[${record.disableAdmissionPlugins ?? ""}]`,
    "enable-admission-plugins": `[${record.enableAdmissionPlugins ?? "NodeRestriction"}]`,
    "enable-bootstrap-token-auth": "true",
    "enable-priority-and-fairness": "true",
    "encryption-provider-config": encryptionFile(record, paths),
    "encryption-provider-config-automatic-reload": "true",
    "event-ttl": formatDuration(BigInt(record.eventTtlMs ?? HOUR_MS) * 1_000_000n),
    "max-mutating-requests-inflight": String(record.maxMutatingRequestsInflight ?? 200),
    "max-requests-inflight": String(record.maxRequestsInflight ?? 400),
    profiling: "false",
    "runtime-config": record.runtimeConfig ?? "",
    "secure-port": String(record.apiPort),
    "service-cluster-ip-range": serviceCidr,
    "service-node-port-range": `${nodePorts.first}-${nodePorts.last}`,
    ...etcdFlags(record),
    ...auditFlags(record),
  };
}

function etcdFlags({ etcd }: ClusterRecord): Flags {
  if (etcd === undefined) return {};
  const { endpoints, caFile = "", certFile = "", keyFile = "" } = etcd;
  return {
    "etcd-servers": `[${endpoints.join(",")}]`,
    "etcd-cafile": caFile,
    "etcd-certfile": certFile,
    "etcd-keyfile": keyFile,
  };
}

function auditFlags({ audit }: ClusterRecord): Flags {
  if (audit === undefined) return {};
  const { policyFile, logPath = "", logMegabytes = 100, logBackups = 0, logDays = 0, webhookConfigFile = "" } = audit;
  return {
    "audit-policy-file": policyFile,
    "audit-log-path": logPath,
    "audit-log-maxsize": String(logMegabytes),
    "audit-log-maxbackup": String(logBackups),
    "audit-log-maxage": String(logDays),
    "audit-webhook-config-file": webhookConfigFile,
  };
}

/** Pure: the same of controllers and scheduler. */
export function componentFlags(name: ComponentName, port: number, leaderElect: boolean): Flags {
  return {
    "leader-elect": String(leaderElect),
    "leader-elect-resource-lock": "leases",
    "leader-elect-resource-name": name,
    "leader-elect-resource-namespace": "kube-system",
    profiling: "false",
    "secure-port": String(port),
  };
}
