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
const RELOAD = "poststarthook/start-encryption-provider-config-automatic-reload";

/** What is asked of the server at the time: undefined where it is well, else why not. */
export interface Vitals {
  store(): Promise<string | undefined>;
  /** Of what encrypts the store by a configuration that may change; absent: nothing does. */
  readonly encryption?: HealthCheck;
  /** Whether it has begun to end. */
  isClosing(): boolean;
}

const KMS = "kms-providers";

/** A plugin that is not well is no reason to start the server again. */
function namesOf(endpoint: string, { encryption }: Vitals): readonly string[] {
  const kms = encryption === undefined ? [] : [KMS];
  const started = [STORAGE, ...(encryption === undefined ? [] : [RELOAD]), ...STARTED];
  switch (endpoint) {
    case "healthz":
      return ["ping", "log", "etcd", ...kms, ...started];
    case "livez":
      return ["ping", "log", "etcd", ...started];
    case "readyz":
      return ["ping", "log", "etcd", "etcd-readiness", ...kms, "informer-sync", ...started, "shutdown"];
    default:
      return [];
  }
}

/** Where each of them answers, and all together. */
export function checkPaths(vitals: Vitals): readonly string[] {
  return ["healthz", "livez", "readyz"].flatMap((endpoint) => [
    `/${endpoint}`,
    ...namesOf(endpoint, vitals).map((name) => `/${endpoint}/${name}`),
  ]);
}

/** @param endpoint "healthz", "livez" or "readyz". */
export function checksOf(endpoint: string, vitals: Vitals): HealthChecks {
  const stored: HealthCheck = () => vitals.store();
  const checks: HealthChecks = {
    ...{ etcd: stored, "etcd-readiness": stored, [STORAGE]: stored },
    ...(vitals.encryption !== undefined && { [KMS]: vitals.encryption }),
    shutdown: () => (vitals.isClosing() ? "process is shutting down" : undefined),
  };
  const well: HealthCheck = () => undefined;
  return Object.fromEntries(namesOf(endpoint, vitals).map((name) => [name, checks[name] ?? well]));
}
