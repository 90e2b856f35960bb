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

type Check = (vitals: Vitals) => Promise<string | undefined> | string | undefined;

const well: Check = () => undefined;
const stored: Check = (vitals) => vitals.store();
const STORED = { etcd: stored, "etcd-readiness": stored, [STORAGE]: stored };
const live = ["ping", "log", "etcd", STORAGE, ...STARTED];

const NAMES: Readonly<Record<string, readonly string[]>> = {
  healthz: live,
  livez: live,
  readyz: ["ping", "log", "etcd", "etcd-readiness", "informer-sync", STORAGE, ...STARTED, "shutdown"],
};

const CHECKS: Readonly<Record<string, Check>> = {
  ...STORED,
  shutdown: (vitals) => (vitals.isClosing() ? "process is shutting down" : undefined),
};

/** Where each of them answers, and all together. */
export const CHECK_PATHS: readonly string[] = Object.entries(NAMES).flatMap(([endpoint, names]) => [
  `/${endpoint}`,
  ...names.map((name) => `/${endpoint}/${name}`),
]);

/** @returns why it fails; undefined: it is well. */
async function problemOf(name: string, vitals: Vitals): Promise<string | undefined> {
  return (CHECKS[name] ?? well)(vitals);
}

export interface Checked {
  readonly ok: boolean;
  /** One line a check, as ?verbose shows it. */
  readonly report: string;
}

/** One check by itself. @returns undefined where there is none of this name. */
export async function checkOne(endpoint: string, name: string, vitals: Vitals): Promise<Checked | undefined> {
  if (NAMES[endpoint]?.includes(name) !== true) return undefined;
  const problem = await problemOf(name, vitals);
  return problem === undefined
    ? { ok: true, report: "ok" }
    : { ok: false, report: `internal server error: ${problem}\n` };
}

/**
 * @param excluded Names of checks that are not to count.
 * @param observe Told what each that counts came to.
 */
export async function checkAll(
  endpoint: string,
  excluded: readonly string[],
  vitals: Vitals,
  observe: (name: string, isWell: boolean) => void = () => {},
): Promise<Checked> {
  const names = NAMES[endpoint] ?? [];
  const counted = names.filter((name) => !excluded.includes(name));
  const problems = await Promise.all(counted.map((name) => problemOf(name, vitals)));
  const failed = counted.filter((_name, index) => problems[index] !== undefined);
  for (const name of counted) observe(name, !failed.includes(name));
  const lines = names.map((name) => {
    if (excluded.includes(name)) return `[+]${name} excluded: ok`;
    return failed.includes(name) ? `[-]${name} failed: reason withheld` : `[+]${name} ok`;
  });
  const unknown = [...new Set(excluded)].filter((name) => !names.includes(name)).sort();
  if (unknown.length > 0) {
    const shown = unknown.map((name) => JSON.stringify(name)).join(",");
    lines.push(`warn: some health checks cannot be excluded: no matches for ${shown}`);
  }
  const ok = failed.length === 0;
  return { ok, report: [...lines, `${endpoint} check ${ok ? "passed" : "failed"}`, ""].join("\n") };
}
