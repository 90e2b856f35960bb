import type { Service } from "@tsukube/api/types/core-v1";
import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";

/** The objects that cluster names are made of; over informers in production. */
export interface ClusterView {
  service(namespace: string, name: string): Service | undefined;
  slices(namespace: string, service: string): readonly EndpointSlice[];
  hasNamespace(namespace: string): boolean;
  /** The Service that has this cluster address. */
  serviceByAddress(address: string): Service | undefined;
  /** Slices with an endpoint of this address. */
  slicesByAddress(address: string): readonly EndpointSlice[];
}

export type ResourceRecord =
  | {
      readonly type: "A" | "AAAA" | "CNAME" | "PTR";
      readonly name: string;
      readonly ttl: number;
      readonly data: string;
    }
  | { readonly type: "TXT"; readonly name: string; readonly ttl: number; readonly data: readonly string[] }
  | {
      readonly type: "SRV";
      readonly name: string;
      readonly ttl: number;
      readonly data: {
        readonly priority: number;
        readonly weight: number;
        readonly port: number;
        readonly target: string;
      };
    };

export interface ZoneAnswer {
  /** "no-such-name" is NXDOMAIN; a name that exists without records of the type has no answers. */
  readonly result: "found" | "no-such-name";
  readonly answers: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}

const TTL = 5;
const NOTHING: ZoneAnswer = { result: "found", answers: [], additionals: [] };
const NO_SUCH_NAME: ZoneAnswer = { result: "no-such-name", answers: [], additionals: [] };

/** One address of a headless Service. */
interface Host {
  readonly name: string;
  readonly address: string;
  readonly ports: readonly { readonly name: string; readonly protocol: string; readonly port: number }[];
}

/**
 * Answers for names below the cluster's domain (Kubernetes DNS-based service discovery, version 1.1.0).
 * @param labels The name below the zone, lower case, leftmost first: ["web", "default", "svc"].
 */
export function lookup(view: ClusterView, zone: string, labels: readonly string[], type: string): ZoneAnswer {
  const name = [...labels, zone].join(".");
  const kind = labels.at(-1);
  if (labels.length === 0) return NOTHING;
  if (kind === "dns-version" && labels.length === 1) {
    return type === "TXT" ? found([{ type: "TXT", name, ttl: 28_800, data: ["1.1.0"] }]) : NOTHING;
  }
  if (kind === "svc") return lookupService(view, zone, labels.slice(0, -1), name, type);
  if (kind === "pod") return lookupPod(view, labels.slice(0, -1), name, type);
  return NO_SUCH_NAME;
}

function lookupService(
  view: ClusterView,
  zone: string,
  labels: readonly string[],
  name: string,
  type: string,
): ZoneAnswer {
  const namespace = labels.at(-1);
  if (namespace === undefined) return NOTHING;
  const serviceName = labels.at(-2);
  if (serviceName === undefined) return view.hasNamespace(namespace) ? NOTHING : NO_SUCH_NAME;
  const service = view.service(namespace, serviceName);
  if (service === undefined) return NO_SUCH_NAME;
  const rest = labels.slice(0, -2);
  const base = `${serviceName}.${namespace}.svc.${zone}`;
  if (service.spec?.type === "ExternalName") {
    return rest.length === 0
      ? found([{ type: "CNAME", name, ttl: TTL, data: service.spec.externalName ?? "" }])
      : NO_SUCH_NAME;
  }
  return isHeadless(service)
    ? lookupHeadless(hostsOf(view, service), rest, name, base, type)
    : lookupClusterIp(service, rest, name, base, type);
}

function lookupClusterIp(
  service: Service,
  rest: readonly string[],
  name: string,
  base: string,
  type: string,
): ZoneAnswer {
  const addresses = clusterAddresses(service);
  if (rest.length === 0 && type !== "SRV") return found(addressRecords(name, addresses, type));
  const ports = (service.spec?.ports ?? []).filter((port) =>
    matchesPort(rest, port.name ?? "", port.protocol ?? "TCP"),
  );
  if (ports.length === 0) return NO_SUCH_NAME;
  if (type !== "SRV") return NOTHING;
  const answers = ports.map((port): ResourceRecord => srv(name, port.port, base));
  return { result: "found", answers, additionals: allAddressRecords(base, addresses) };
}

function lookupHeadless(
  hosts: readonly Host[],
  rest: readonly string[],
  name: string,
  base: string,
  type: string,
): ZoneAnswer {
  if (rest.length === 0 && type !== "SRV") {
    return hosts.length === 0
      ? NO_SUCH_NAME
      : found(hosts.flatMap((host) => addressRecords(name, [host.address], type)));
  }
  const isPort = rest.length === 0 || (rest.length === 2 && rest[0]?.startsWith("_") === true);
  if (!isPort) {
    const named = rest.length === 1 ? hosts.filter((host) => host.name === rest[0]) : [];
    return named.length === 0
      ? NO_SUCH_NAME
      : found(named.flatMap((host) => addressRecords(name, [host.address], type)));
  }
  const matches = hosts.flatMap((host) =>
    host.ports.filter((port) => matchesPort(rest, port.name, port.protocol)).map((port) => ({ host, port: port.port })),
  );
  if (matches.length === 0) return NO_SUCH_NAME;
  if (type !== "SRV") return NOTHING;
  // a pod with addresses of two families is one target
  const targets = new Map(matches.map(({ host, port }) => [`${host.name} ${port}`, { host, port }]));
  return {
    result: "found",
    answers: [...targets.values()].map(({ host, port }) => srv(name, port, `${host.name}.${base}`)),
    additionals: matches.flatMap(({ host }) => allAddressRecords(`${host.name}.${base}`, [host.address])),
  };
}

/** "_http._tcp"; no labels at all match every port. */
function matchesPort(rest: readonly string[], portName: string, protocol: string): boolean {
  if (rest.length === 0) return true;
  return rest.length === 2 && rest[0] === `_${portName.toLowerCase()}` && rest[1] === `_${protocol.toLowerCase()}`;
}

function lookupPod(view: ClusterView, labels: readonly string[], name: string, type: string): ZoneAnswer {
  const namespace = labels.at(-1);
  if (namespace === undefined) return NOTHING;
  if (!view.hasNamespace(namespace)) return NO_SUCH_NAME;
  if (labels.length === 1) return NOTHING;
  const dashed = labels.length === 2 ? (labels[0] ?? "") : "";
  const ipv4 = dashed.replaceAll("-", ".");
  if (isIpv4(ipv4)) return found(addressRecords(name, [ipv4], type));
  const ipv6 = dashed.replaceAll("-", ":");
  return /^[0-9a-f:]+:[0-9a-f:]*$/.test(ipv6) ? found(addressRecords(name, [ipv6], type)) : NO_SUCH_NAME;
}

/** Names of an address of the cluster: its Service, or the pods behind a headless one. Undefined: not ours. */
export function reverseLookup(view: ClusterView, zone: string, address: string, name: string): ZoneAnswer | undefined {
  const pointer = (data: string): ResourceRecord => ({ type: "PTR", name, ttl: TTL, data });
  const service = view.serviceByAddress(address);
  if (service !== undefined) {
    return found([pointer(`${service.metadata?.name}.${service.metadata?.namespace}.svc.${zone}`)]);
  }
  const answers: ResourceRecord[] = [];
  for (const slice of view.slicesByAddress(address)) {
    const namespace = slice.metadata?.namespace ?? "";
    const owner = slice.metadata?.labels?.["kubernetes.io/service-name"] ?? "";
    for (const endpoint of slice.endpoints ?? []) {
      if (!(endpoint.addresses ?? []).includes(address)) continue;
      answers.push(pointer(`${endpoint.hostname ?? dashed(address)}.${owner}.${namespace}.svc.${zone}`));
    }
  }
  return answers.length === 0 ? undefined : found(answers);
}

function hostsOf(view: ClusterView, service: Service): readonly Host[] {
  const namespace = service.metadata?.namespace ?? "";
  const out = new Map<string, Host>();
  for (const slice of view.slices(namespace, service.metadata?.name ?? "")) {
    const ports = (slice.ports ?? []).map((port) => ({
      name: port.name ?? "",
      protocol: port.protocol ?? "TCP",
      port: port.port ?? 0,
    }));
    for (const endpoint of slice.endpoints ?? []) {
      // the slice's controller already counts endpoints of publishNotReadyAddresses as ready
      if (endpoint.conditions?.ready === false) continue;
      for (const address of endpoint.addresses ?? []) {
        out.set(`${endpoint.hostname ?? ""} ${address}`, {
          name: endpoint.hostname ?? dashed(address),
          address,
          ports,
        });
      }
    }
  }
  return [...out.values()];
}

function isHeadless(service: Service): boolean {
  return service.spec?.clusterIP === "None";
}

function clusterAddresses(service: Service): readonly string[] {
  return (service.spec?.clusterIPs ?? [service.spec?.clusterIP ?? ""]).filter(
    (address) => address !== "" && address !== "None",
  );
}

function addressRecords(name: string, addresses: readonly string[], type: string): ResourceRecord[] {
  if (type !== "A" && type !== "AAAA") return [];
  const wanted = addresses.filter((address) => isIpv4(address) === (type === "A"));
  return wanted.map((data) => ({ type, name, ttl: TTL, data }));
}

function allAddressRecords(name: string, addresses: readonly string[]): ResourceRecord[] {
  return [...addressRecords(name, addresses, "A"), ...addressRecords(name, addresses, "AAAA")];
}

function srv(name: string, port: number, target: string): ResourceRecord {
  return { type: "SRV", name, ttl: TTL, data: { priority: 0, weight: 100, port, target } };
}

function found(answers: readonly ResourceRecord[]): ZoneAnswer {
  return { result: "found", answers, additionals: [] };
}

function dashed(address: string): string {
  return address.replaceAll(/[.:]/g, "-");
}

function isIpv4(address: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(address) && address.split(".").every((part) => Number(part) <= 255);
}
