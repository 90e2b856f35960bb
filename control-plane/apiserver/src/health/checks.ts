import type { HealthCheck, HealthChecks } from "@tsukube/host";

/** Named checks, as upstream lists them with ?verbose: whoever can ask finds all of it started. */
const STARTED = [
  "poststarthook/start-apiserver-admission-initializer",
  "poststarthook/generic-apiserver-start-informers",
  "poststarthook/priority-and-fairness-config-consumer",
  "poststarthook/priority-and-fairness-filter",
  "poststarthook/storage-object-count-tracker-hook",
  "poststarthook/start-apiextensions-informers",
  "poststarthook/start-apiextensions-controllers",
  "poststarthook/crd-informer-synced",
  "poststarthook/start-system-namespaces-controller",
  "poststarthook/start-cluster-authentication-info-controller",
  "poststarthook/start-kube-apiserver-identity-lease-controller",
  "poststarthook/start-kube-apiserver-identity-lease-garbage-collector",
  "poststarthook/start-legacy-token-tracking-controller",
  "poststarthook/start-service-ip-repair-controllers",
  "poststarthook/rbac/bootstrap-roles",
  "poststarthook/scheduling/bootstrap-system-priority-classes",
  "poststarthook/priority-and-fairness-config-producer",
  "poststarthook/bootstrap-controller",
  "poststarthook/start-kubernetes-service-cidr-controller",
  "poststarthook/aggregator-reload-proxy-client-cert",
  "poststarthook/start-kube-aggregator-informers",
  "poststarthook/apiservice-status-local-available-controller",
  "poststarthook/apiservice-status-remote-available-controller",
  "poststarthook/apiservice-registration-controller",
  "poststarthook/apiservice-discovery-controller",
  "poststarthook/kube-apiserver-autoregistration",
  "autoregister-completion",
  "poststarthook/apiservice-openapi-controller",
  "poststarthook/apiservice-openapiv3-controller",
] as const;

const STORAGE = "poststarthook/storage-readiness";

/** What is asked of the server at the time: undefined where it is well, else why not. */
export interface Vitals {
  store(): Promise<string | undefined>;
  /** Whether it has begun to end. */
  isClosing(): boolean;
}

const live = ["ping", "log", "etcd", STORAGE, ...STARTED];

const NAMES: Readonly<Record<string, readonly string[]>> = {
  healthz: live,
  livez: live,
  readyz: ["ping", "log", "etcd", "etcd-readiness", "informer-sync", STORAGE, ...STARTED, "shutdown"],
};

/** Where each of them answers, and all together. */
export const CHECK_PATHS: readonly string[] = Object.entries(NAMES).flatMap(([endpoint, names]) => [
  `/${endpoint}`,
  ...names.map((name) => `/${endpoint}/${name}`),
]);

/** @param endpoint "healthz", "livez" or "readyz". */
export function checksOf(endpoint: string, vitals: Vitals): HealthChecks {
  const stored: HealthCheck = () => vitals.store();
  const checks: HealthChecks = {
    ...{ etcd: stored, "etcd-readiness": stored, [STORAGE]: stored },
    shutdown: () => (vitals.isClosing() ? "process is shutting down" : undefined),
  };
  const well: HealthCheck = () => undefined;
  return Object.fromEntries((NAMES[endpoint] ?? []).map((name) => [name, checks[name] ?? well]));
}
