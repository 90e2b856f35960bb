import { readFile } from "node:fs/promises";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { DNSConfig } from "@tsukube/node-contracts/cri";

/** The cluster's name servers and the domain below which its names lie. */
export interface ClusterDns {
  readonly address: string;
  readonly domain: string;
}

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
    servers: unique([...base.servers, ...(own?.nameservers ?? [])]),
    searches: unique([...base.searches, ...(own?.searches ?? [])]),
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

/** What the pod calls itself: spec.hostname, or its name cut to 63 characters. */
export function hostnameOf(pod: Pod): string {
  return (pod.spec?.hostname || (pod.metadata?.name ?? "")).slice(0, 63).replace(/[-.]+$/, "");
}

/** /etc/hosts: loopback, the pod's own name, hostAliases. */
export function hostsFile(pod: Pod, ips: readonly string[], domain: string): string {
  const hostname = hostnameOf(pod);
  const subdomain = pod.spec?.subdomain ?? "";
  const names =
    subdomain === "" ? hostname : `${hostname}.${subdomain}.${pod.metadata?.namespace}.svc.${domain}\t${hostname}`;
  const lines = [
    "# Kubernetes-managed hosts file.",
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::0\tip6-localnet",
    "fe00::0\tip6-mcastprefix",
    "fe00::1\tip6-allnodes",
    "fe00::2\tip6-allrouters",
    ...ips.map((ip) => `${ip}\t${names}`),
    ...(pod.spec?.hostAliases ?? []).map(({ ip, hostnames }) => `${ip}\t${(hostnames ?? []).join("\t")}`),
  ];
  return `${lines.join("\n")}\n`;
}
