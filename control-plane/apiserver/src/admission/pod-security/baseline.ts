import type { LifecycleHandler, Probe } from "@tsukube/api/types/core-v1";
import {
  type Check,
  containersOf,
  contextsOf,
  hasOwnUsers,
  type NamedCheck,
  named,
  plural,
  quoted,
  settersOf,
  sorted,
} from "./check.ts";

const appArmorProfile: Check = (pod) => {
  const isBad = (type: string | undefined): boolean =>
    type !== undefined && type !== "RuntimeDefault" && type !== "Localhost";
  const setters = settersOf(pod, ({ appArmorProfile: profile }) => isBad(profile?.type));
  const types = sorted(
    contextsOf(pod).flatMap(({ appArmorProfile: profile }) => (isBad(profile?.type) ? [profile?.type ?? ""] : [])),
  );
  const annotations = Object.entries(pod.metadata?.annotations ?? {})
    .filter(([key]) => key.startsWith("container.apparmor.security.beta.kubernetes.io/"))
    .filter(([, value]) => value !== "" && value !== "runtime/default" && !value.startsWith("localhost/"))
    .map(([key, value]) => `${key}="${value}"`)
    .sort();
  const who = [setters, annotations.length > 0 ? plural(annotations.length, "annotation") : ""].filter(
    (part) => part !== "",
  );
  if (who.length === 0) return undefined;
  const values = [...types, ...annotations];
  return {
    reason: plural(values.length, "forbidden AppArmor profile"),
    detail: `${who.join(" and ")} must not set AppArmor profile type to ${quoted(values)}`,
  };
};

const DEFAULT_CAPABILITIES = new Set(
  (
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID " +
    "SYS_CHROOT"
  ).split(" "),
);

const capabilities: Check = (pod) => {
  const addedBy = (container: ReturnType<typeof containersOf>[number]): readonly string[] =>
    (container.securityContext?.capabilities?.add ?? []).filter((name) => !DEFAULT_CAPABILITIES.has(name));
  const bad = containersOf(pod).filter((container) => addedBy(container).length > 0);
  if (bad.length === 0) return undefined;
  const added = quoted(sorted(bad.flatMap(addedBy)));
  return {
    reason: "non-default capabilities",
    detail: `${named(bad)} must not include ${added} in securityContext.capabilities.add`,
  };
};

const hostNamespaces: Check = ({ spec }) => {
  const shared = (["hostNetwork", "hostPID", "hostIPC"] as const).filter((name) => spec?.[name] === true);
  if (shared.length === 0) return undefined;
  return { reason: "host namespaces", detail: shared.map((name) => `${name}=true`).join(", ") };
};

const hostPathVolumes: Check = ({ spec }) => {
  const bad = (spec?.volumes ?? []).filter(({ hostPath }) => hostPath).map(({ name }) => name);
  if (bad.length === 0) return undefined;
  return { reason: "hostPath volumes", detail: `${plural(bad.length, "volume")} ${quoted(bad)}` };
};

const hostPorts: Check = (pod) => {
  const bad = containersOf(pod).filter(({ ports }) => (ports ?? []).some(({ hostPort = 0 }) => hostPort !== 0));
  if (bad.length === 0) return undefined;
  const all = bad.flatMap(({ ports }) => (ports ?? []).map(({ hostPort = 0 }) => hostPort));
  const ports = sorted(all.filter((port) => port !== 0).map(String));
  return {
    reason: "hostPort",
    detail: `${named(bad)} ${plural(bad.length, "uses", "use")} ${plural(ports.length, "hostPort")} ${ports.join(", ")}`,
  };
};

const hostProbes: Check = (pod) => {
  const hostsOf = (handler: Probe | LifecycleHandler | undefined | null): readonly string[] =>
    [handler?.httpGet?.host, handler?.tcpSocket?.host].filter((host): host is string => Boolean(host));
  const forbidden = (container: ReturnType<typeof containersOf>[number]): readonly string[] => [
    ...[container.livenessProbe, container.readinessProbe, container.startupProbe].flatMap(hostsOf),
    ...[container.lifecycle?.postStart, container.lifecycle?.preStop].flatMap(hostsOf),
  ];
  const bad = containersOf(pod).filter((container) => forbidden(container).length > 0);
  if (bad.length === 0) return undefined;
  const hosts = sorted(bad.flatMap(forbidden));
  const who = `${plural(bad.length, "container")} ${quoted(sorted(bad.map(({ name }) => name)))}`;
  const what = plural(hosts.length, "probe or lifecycle host");
  return {
    reason: "probe or lifecycle host",
    detail: `${who} ${plural(bad.length, "uses", "use")} ${what} ${quoted(hosts)}`,
  };
};

const privileged: Check = (pod) => {
  const bad = containersOf(pod).filter(({ securityContext }) => securityContext?.privileged === true);
  if (bad.length === 0) return undefined;
  return { reason: "privileged", detail: `${named(bad)} must not set securityContext.privileged=true` };
};

/** The whole of /proc, whoever's users the pod has. */
export const unmaskedProc: Check = (pod) => {
  const typeOf = (container: ReturnType<typeof containersOf>[number]) => container.securityContext?.procMount;
  const bad = containersOf(pod).filter((container) => typeOf(container) && typeOf(container) !== "Default");
  if (bad.length === 0) return undefined;
  const types = quoted(sorted(bad.map((container) => typeOf(container) ?? "")));
  return { reason: "procMount", detail: `${named(bad)} must not set securityContext.procMount to ${types}` };
};

const procMount: Check = (pod, version) => (version >= 35 && hasOwnUsers(pod) ? undefined : unmaskedProc(pod, version));

const SELINUX_TYPES = ["", "container_t", "container_init_t", "container_kvm_t"];

const seLinuxOptions: Check = (pod, version) => {
  const allowed = version >= 31 ? [...SELINUX_TYPES, "container_engine_t"] : SELINUX_TYPES;
  const all = contextsOf(pod).flatMap(({ seLinuxOptions: options }) => (options ? [options] : []));
  const isBad = ({ type = "", user = "", role = "" }): boolean => !allowed.includes(type) || user !== "" || role !== "";
  const setters = settersOf(pod, ({ seLinuxOptions: options }) => Boolean(options && isBad(options)));
  if (setters === "") return undefined;
  const types = sorted(all.map(({ type = "" }) => type).filter((type) => !allowed.includes(type)));
  const data = [
    ...(types.length > 0 ? [`${plural(types.length, "type")} ${quoted(types)}`] : []),
    ...(all.some(({ user = "" }) => user !== "") ? ["user may not be set"] : []),
    ...(all.some(({ role = "" }) => role !== "") ? ["role may not be set"] : []),
  ];
  return {
    reason: "seLinuxOptions",
    detail: `${setters} set forbidden securityContext.seLinuxOptions: ${data.join("; ")}`,
  };
};

/** Profiles that the standards allow. */
export function isGoodSeccomp(type: string | undefined): boolean {
  return type === "RuntimeDefault" || type === "Localhost";
}

/** A profile that is set must be a good one. */
export const badSeccomp: Check = (pod) => {
  const isBad = (profile: { readonly type?: string } | null | undefined): boolean =>
    Boolean(profile) && !isGoodSeccomp(profile?.type);
  const setters = settersOf(pod, ({ seccompProfile }) => isBad(seccompProfile));
  if (setters === "") return undefined;
  const types = contextsOf(pod).flatMap(({ seccompProfile: profile }) => (isBad(profile) ? [profile?.type ?? ""] : []));
  return {
    reason: "seccompProfile",
    detail: `${setters} must not set securityContext.seccompProfile.type to ${quoted(sorted(types))}`,
  };
};

const SECCOMP_ANNOTATION = "seccomp.security.alpha.kubernetes.io/pod";

/** Before there were fields for it. */
const seccompAnnotations: Check = (pod) => {
  const keys = [
    SECCOMP_ANNOTATION,
    ...containersOf(pod).map(({ name }) => `container.seccomp.security.alpha.kubernetes.io/${name}`),
  ];
  const isGood = (value: string): boolean =>
    value === "runtime/default" || value === "docker/default" || value.startsWith("localhost/");
  const bad = sorted(
    keys.flatMap((key) => {
      const value = pod.metadata?.annotations?.[key];
      return value === undefined || isGood(value) ? [] : [`${key}="${value}"`];
    }),
  );
  if (bad.length === 0) return undefined;
  return { reason: "seccompProfile", detail: `forbidden ${plural(bad.length, "annotation")} ${bad.join(", ")}` };
};

/** Sysctls that touch the pod alone, and since which version of the standards they are known to. */
const SAFE_SYSCTLS: Readonly<Record<string, number>> = {
  "kernel.shm_rmid_forced": 0,
  "net.ipv4.ip_local_port_range": 0,
  "net.ipv4.tcp_syncookies": 0,
  "net.ipv4.ping_group_range": 0,
  "net.ipv4.ip_unprivileged_port_start": 0,
  "net.ipv4.ip_local_reserved_ports": 27,
  "net.ipv4.tcp_keepalive_time": 29,
  "net.ipv4.tcp_fin_timeout": 29,
  "net.ipv4.tcp_keepalive_intvl": 29,
  "net.ipv4.tcp_keepalive_probes": 29,
  "net.ipv4.tcp_rmem": 32,
  "net.ipv4.tcp_wmem": 32,
  "net.ipv4.tcp_slow_start_after_idle": 37,
  "net.ipv4.tcp_notsent_lowat": 37,
};

const sysctls: Check = ({ spec }, version) => {
  const names = (spec?.securityContext?.sysctls ?? []).map(({ name }) => name);
  const bad = names.filter(
    (name) => version < (SAFE_SYSCTLS[name] ?? Number.POSITIVE_INFINITY) || !(name in SAFE_SYSCTLS),
  );
  return bad.length === 0 ? undefined : { reason: "forbidden sysctls", detail: bad.join(", ") };
};

const windowsHostProcess: Check = (pod) => {
  const setters = settersOf(pod, ({ windowsOptions }) => windowsOptions?.hostProcess === true);
  if (setters === "") return undefined;
  return { reason: "hostProcess", detail: `${setters} must not set securityContext.windowsOptions.hostProcess=true` };
};

/** The level "baseline", in the order of the checks' names: that of the reasons in messages. */
export const BASELINE: readonly NamedCheck[] = [
  { id: "appArmorProfile", since: 0, check: appArmorProfile },
  { id: "capabilities_baseline", since: 0, check: capabilities },
  { id: "hostNamespaces", since: 0, check: hostNamespaces },
  { id: "hostPathVolumes", since: 0, check: hostPathVolumes },
  { id: "hostPorts", since: 0, check: hostPorts },
  { id: "hostProbesAndHostLifecycle", since: 34, check: hostProbes },
  { id: "privileged", since: 0, check: privileged },
  { id: "procMount", since: 0, check: procMount },
  { id: "seLinuxOptions", since: 0, check: seLinuxOptions },
  {
    id: "seccompProfile_baseline",
    since: 0,
    check: (pod, version) => (version >= 19 ? badSeccomp(pod, version) : seccompAnnotations(pod, version)),
  },
  { id: "sysctls", since: 0, check: sysctls },
  { id: "windowsHostProcess", since: 0, check: windowsHostProcess },
];
