import { readFile } from "node:fs/promises";
import type { Pod } from "@tsukube/api/types/core-v1";
import { TsukubeError } from "@tsukube/foundation";
import type { DNSConfig } from "@tsukube/node-contracts/cri";

/** The cluster's name servers and the domain below which its names lie. */
export interface ClusterDns {
  readonly address: string;
  readonly domain: string;
}

/** Upstream's limits; resolvers read no more. */
const MAX_SERVERS = 3;
const MAX_SEARCHES = 32;

/** resolv.conf of a pod by its dnsPolicy and dnsConfig. */
export async function dnsConfigOf(pod: Pod, dns: ClusterDns): Promise<DNSConfig> {
  const policy = pod.spec?.dnsPolicy ?? "ClusterFirst";
  const usesCluster =
    policy === "ClusterFirstWithHostNet" || (policy === "ClusterFirst" && pod.spec?.hostNetwork !== true);
  const host = await hostResolver();
  const base =
    policy === "None"
      ? { servers: [], searches: [], options: [] }
      : usesCluster
        ? {
            servers: [dns.address],
            searches: [...clusterSearches(pod, dns.domain), ...host.searches],
            options: ["ndots:5"],
          }
        : host;
  const own = pod.spec?.dnsConfig;
  const options = (own?.options ?? []).map(({ name = "", value }) => (value === undefined ? name : `${name}:${value}`));
  const replaced = new Set(options.map((option) => option.split(":")[0]));
  return {
    servers: unique([...base.servers, ...(own?.nameservers ?? [])]).slice(0, MAX_SERVERS),
    searches: unique([...base.searches, ...(own?.searches ?? [])]).slice(0, MAX_SEARCHES),
    options: [...base.options.filter((option) => !replaced.has(option.split(":")[0])), ...options],
  };
}

function clusterSearches(pod: Pod, domain: string): readonly string[] {
  return [`${pod.metadata?.namespace}.svc.${domain}`, `svc.${domain}`, domain];
}

async function hostResolver(): Promise<{
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}> {
  const text = await readFile("/etc/resolv.conf", "utf8").catch(() => "");
  const words = (key: string): string[] =>
    [...text.matchAll(new RegExp(`^\\s*${key}\\s+(.*)$`, "gm"))].flatMap((match) =>
      (match[1] ?? "").trim().split(/\s+/),
    );
  return {
    servers: words("nameserver"),
    searches: words("search").filter((name) => name !== "."),
    options: words("options"),
  };
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}

/** The kernel's limit of a host name (sethostname(2)). */
const MAX_HOSTNAME = 64;

/** What the pod calls itself: hostnameOverride, spec.hostname, or its name cut to 63 characters. */
export function hostnameOf(pod: Pod): string {
  const { hostname, hostnameOverride } = pod.spec ?? {};
  return hostnameOverride || (hostname || (pod.metadata?.name ?? "")).slice(0, 63).replace(/[-.]+$/, "");
}

/** The name under which the pod's Service knows it; "" without a subdomain. */
function qualifiedName(pod: Pod, domain: string): string {
  const { subdomain = "", hostnameOverride } = pod.spec ?? {};
  if (subdomain === "" || hostnameOverride !== undefined) return "";
  return `${hostnameOf(pod)}.${subdomain}.${pod.metadata?.namespace}.svc.${domain}`;
}

/** What `hostname` says in the pod. @throws {TsukubeError} `hostname` when it is to be qualified and too long for the kernel. */
export function sandboxHostname(pod: Pod, domain: string): string {
  const qualified = pod.spec?.setHostnameAsFQDN === true ? qualifiedName(pod, domain) : "";
  if (qualified.length > MAX_HOSTNAME)
    throw new TsukubeError(
      "hostname",
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${qualified} is too long (${MAX_HOSTNAME} characters is the max, ${qualified.length} characters requested)`,
    );
  return qualified || hostnameOf(pod);
}

/** /etc/hosts of a pod with a network of its own: loopback, its own name, hostAliases. */
export function hostsFile(pod: Pod, ips: readonly string[], domain: string): string {
  const names = [qualifiedName(pod, domain), hostnameOf(pod)].filter((name) => name !== "").join("\t");
  const lines = [
    "# Kubernetes-managed hosts file.",
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::0\tip6-localnet",
    "fe00::0\tip6-mcastprefix",
    "fe00::1\tip6-allnodes",
    "fe00::2\tip6-allrouters",
    ...ips.map((ip) => `${ip}\t${names}`),
    ...aliasLines(pod),
  ];
  return `${lines.join("\n")}\n`;
}

/** /etc/hosts of a pod on the host's network: the host's, with hostAliases. */
export function hostNetworkHostsFile(pod: Pod, ofHost: string): string {
  const lines = ["# Kubernetes-managed hosts file (host network).", ofHost.trimEnd(), ...aliasLines(pod)];
  return `${lines.join("\n")}\n`;
}

function aliasLines(pod: Pod): readonly string[] {
  const aliases = pod.spec?.hostAliases ?? [];
  if (aliases.length === 0) return [];
  const lines = aliases.map(({ ip, hostnames }) => `${ip}\t${(hostnames ?? []).join("\t")}`);
  return ["", "# Entries added by HostAliases.", ...lines];
}
