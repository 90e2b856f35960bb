import { ApiError, fieldError, type Unstructured } from "@tsukube/api";
import type { Service, ServiceSpec } from "@tsukube/api/types/core-v1";
import type { IPAddress } from "@tsukube/api/types/networking-v1";
import type { Clock, Random } from "@tsukube/foundation";
import type { AdmissionPlugin } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { type AddressRange, ServiceRanges, toAddress, toNumber } from "./service-ranges.ts";

const PREFIX = "/registry/services/specs/";
const ADDRESSES = "/registry/ipaddresses/";
const TRIES = 64;
/** Longer than any request. */
const RESERVED_MS = 60_000;

/**
 * Gives Services their cluster addresses and node ports. What is taken is read from the Services themselves, so that nothing
 * can leak or be given twice after a crash; what concurrent requests hold until they are stored is remembered here.
 */
export function serviceAllocation(
  cache: WatchCache,
  cidr: string,
  nodePorts: { readonly first: number; readonly last: number },
  random: Random,
  clock: Clock,
): AdmissionPlugin {
  const allocator = new ServiceAllocator(cache, cidr, nodePorts, random, clock);
  return {
    name: "ServiceAllocation",
    handles: ({ operation, resource, subresource }) =>
      (operation === "CREATE" || operation === "UPDATE") &&
      subresource === "" &&
      resource.group === "" &&
      resource.resource === "services",
    mutate: async ({ object, oldObject, name }) =>
      allocator.allocate(object as Service & Unstructured, oldObject as Service | undefined, name),
  };
}

class ServiceAllocator {
  readonly #cache: WatchCache;
  readonly #ranges: ServiceRanges;
  readonly #nodePorts: { readonly first: number; readonly last: number };
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #addresses = new Map<string, string>();
  readonly #ports = new Map<string, string>();

  constructor(
    cache: WatchCache,
    cidr: string,
    nodePorts: { readonly first: number; readonly last: number },
    random: Random,
    clock: Clock,
  ) {
    this.#clock = clock;
    this.#ranges = new ServiceRanges(cache, cidr);
    this.#cache = cache;
    this.#nodePorts = nodePorts;
    this.#random = random;
    for (const [key, cached] of cache.head.range(PREFIX)) this.#hold(key, cached.object as Service);
    cache.subscribe(PREFIX, (events) => {
      for (const { key, previous, current } of events) {
        if (previous !== undefined) this.#release(key, previous.object as Service);
        if (current !== undefined) this.#hold(key, current.object as Service);
      }
    });
  }

  allocate(service: Service & Unstructured, old: Service | undefined, name: string): Unstructured {
    const spec: ServiceSpec = service.spec ?? {};
    if (spec.type === "ExternalName") {
      const { clusterIP: _ip, clusterIPs: _ips, ipFamilies: _families, ipFamilyPolicy: _policy, ...rest } = spec;
      return { ...service, spec: rest } as Unstructured;
    }
    const [given = ""] = spec.clusterIPs ?? [];
    const contradicts = given !== "" && (spec.clusterIP ?? "") !== "" && given !== spec.clusterIP;
    if (contradicts && old === undefined) return service; // validation says so
    const owner = `${PREFIX}${service.metadata?.namespace}/${service.metadata?.name}`;
    const kept = old?.spec?.type === "ExternalName" ? "" : (old?.spec?.clusterIP ?? "");
    const asked = spec.clusterIP ?? spec.clusterIPs?.[0] ?? "";
    const clusterIP = asked !== "" ? asked : kept !== "" ? kept : this.#anyAddress(owner);
    if (clusterIP !== "None" && clusterIP !== kept) this.#takeAddress(clusterIP, owner, name);
    const families = familiesOf(spec, old?.spec?.ipFamilyPolicy, clusterIP, name);
    const withIp: ServiceSpec = { ...spec, clusterIP, clusterIPs: [clusterIP], ...families };
    return { ...service, spec: this.#withPorts(withIp, old, owner, name) } as Unstructured;
  }

  #withPorts(spec: ServiceSpec, old: Service | undefined, owner: string, name: string): ServiceSpec {
    const needs =
      spec.type === "NodePort" || (spec.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false);
    const before = new Map(
      (old?.spec?.ports ?? []).map((port) => [`${port.protocol}/${port.port}`, port.nodePort ?? 0]),
    );
    const own = new Set((old?.spec?.ports ?? []).map((port) => `${port.nodePort}/${port.protocol}`));
    const used = new Map<number, string>();
    const ports = (spec.ports ?? []).map((port) => {
      if (!needs) {
        const { nodePort, ...rest } = port;
        return old !== undefined && before.get(`${port.protocol}/${port.port}`) === nodePort ? rest : port;
      }
      const protocol = port.protocol ?? "TCP";
      let nodePort = port.nodePort ?? 0;
      if (nodePort === 0) nodePort = before.get(`${protocol}/${port.port}`) ?? 0;
      // one number may serve TCP and UDP of the same service port
      const shared = [...used].find(([, key]) => key === String(port.port))?.[0];
      if (nodePort === 0 && shared !== undefined && this.#isFree(shared, protocol, owner)) nodePort = shared;
      if (nodePort === 0) nodePort = this.#anyPort(protocol, owner);
      else if (!own.has(`${nodePort}/${protocol}`)) this.#takePort(nodePort, protocol, owner, name);
      used.set(nodePort, String(port.port));
      return { ...port, nodePort };
    });
    return { ...spec, ports, ...this.#healthCheck(spec, old, owner) };
  }

  #healthCheck(spec: ServiceSpec, old: Service | undefined, owner: string): Partial<ServiceSpec> {
    if (spec.type !== "LoadBalancer" || spec.externalTrafficPolicy !== "Local" || (spec.healthCheckNodePort ?? 0) > 0)
      return {};
    return { healthCheckNodePort: old?.spec?.healthCheckNodePort ?? this.#anyPort("TCP", owner) };
  }

  #anyAddress(owner: string): string {
    for (const range of this.#ranges.all) {
      const address = this.#anyOf(range, owner);
      if (address !== undefined) return address;
    }
    throw ApiError.internal(new Error(`failed to allocate a serviceIP for "${owner}": range is full`));
  }

  #anyOf({ base, size }: AddressRange, owner: string): string | undefined {
    // the lower part of a range is left to those who choose (KEP-3070)
    const reserved = size <= 16 ? 1 : Math.min(256, Math.max(16, size / 16));
    for (let tries = 0; tries < TRIES && size - reserved > 1; tries += 1) {
      const offset = reserved + Math.floor(this.#random.float() * (size - reserved - 1));
      const address = toAddress(base + offset);
      if (!this.#isTaken(address, owner)) return address;
    }
    for (let offset = 1; offset < size - 1; offset += 1) {
      const address = toAddress(base + offset);
      if (!this.#isTaken(address, owner)) return address;
    }
    return undefined;
  }

  /** By another Service, or by whoever made an IPAddress for something else. */
  #isTaken(address: string, owner: string): boolean {
    const holder = this.#addresses.get(address);
    if (holder !== undefined) return holder !== owner;
    const object = this.#cache.get(`${ADDRESSES}${address}`)?.object as IPAddress | undefined;
    const { resource, namespace, name } = object?.spec?.parentRef ?? {};
    return object !== undefined && (resource !== "services" || `${PREFIX}${namespace}/${name}` !== owner);
  }

  #takeAddress(address: string, owner: string, name: string): void {
    const refuse = (why: string): never => {
      throw ApiError.invalid({ group: "", kind: "Service" }, name, [
        fieldError.invalid("spec.clusterIPs", [address], `failed to allocate IP ${address}: ${why}`),
      ]);
    };
    if (!/^\d+(\.\d+){3}$/.test(address)) return; // validation says what is wrong with it
    if (!this.#ranges.contains(toNumber(address))) refuse("the provided network does not match the current range");
    if (this.#isTaken(address, owner)) refuse("provided IP is already allocated");
    this.#addresses.set(address, owner);
    this.#dropUnlessStored(this.#addresses, address, owner);
  }

  #anyPort(protocol: string, owner: string): number {
    const { first, last } = this.#nodePorts;
    for (let tries = 0; tries < TRIES; tries += 1) {
      const port = first + Math.floor(this.#random.float() * (last - first + 1));
      if (this.#isFree(port, protocol, owner)) return this.#reserve(port, protocol, owner);
    }
    for (let port = first; port <= last; port += 1)
      if (this.#isFree(port, protocol, owner)) return this.#reserve(port, protocol, owner);
    throw ApiError.internal(new Error(`failed to allocate a nodePort: range is full`));
  }

  #takePort(port: number, protocol: string, owner: string, name: string): void {
    const { first, last } = this.#nodePorts;
    const refuse = (why: string): never => {
      throw ApiError.invalid({ group: "", kind: "Service" }, name, [
        fieldError.invalid("spec.ports[0].nodePort", port, why),
      ]);
    };
    if (port < first || port > last)
      refuse(`provided port is not in the valid range. The range of valid ports is ${first}-${last}`);
    if (!this.#isFree(port, protocol, owner)) refuse("provided port is already allocated");
    this.#reserve(port, protocol, owner);
  }

  #isFree(port: number, protocol: string, owner: string): boolean {
    const holder = this.#ports.get(`${port}/${protocol}`);
    return holder === undefined || holder === owner;
  }

  #reserve(port: number, protocol: string, owner: string): number {
    const key = `${port}/${protocol}`;
    this.#ports.set(key, owner);
    this.#dropUnlessStored(this.#ports, key, owner);
    return port;
  }

  /** A reservation whose request failed is given back after a while. */
  #dropUnlessStored(map: Map<string, string>, key: string, owner: string): void {
    const drop = (): void => {
      if (map.get(key) === owner && this.#cache.get(owner) === undefined) map.delete(key);
    };
    this.#clock.after(RESERVED_MS, drop, { background: true });
  }

  #hold(key: string, service: Service): void {
    for (const address of service.spec?.clusterIPs ?? []) if (address !== "None") this.#addresses.set(address, key);
    for (const port of portsOf(service)) this.#ports.set(port, key);
  }

  #release(key: string, service: Service): void {
    for (const address of service.spec?.clusterIPs ?? [])
      if (this.#addresses.get(address) === key) this.#addresses.delete(address);
    for (const port of portsOf(service)) if (this.#ports.get(port) === key) this.#ports.delete(port);
  }
}

type Families = Required<Pick<ServiceSpec, "ipFamilies" | "ipFamilyPolicy">>;

/** Addresses are IPv4 only; but endpoints that somebody else writes may be of both families. @throws {ApiError} 422. */
function familiesOf(spec: ServiceSpec, before: string | undefined, clusterIP: string, name: string): Families {
  const isForeign = clusterIP === "None" && Object.keys(spec.selector ?? {}).length === 0;
  const ipFamilyPolicy = spec.ipFamilyPolicy ?? before ?? (isForeign ? "RequireDualStack" : "SingleStack");
  const ipFamilies = (spec.ipFamilies ?? []).length === 0 ? ["IPv4"] : (spec.ipFamilies ?? []);
  if (!isForeign) checkFamilies({ ...spec, ipFamilyPolicy }, name);
  if (!isForeign || ipFamilies.length > 1 || ipFamilyPolicy === "SingleStack") return { ipFamilies, ipFamilyPolicy };
  return { ipFamilies: [...ipFamilies, ipFamilies[0] === "IPv4" ? "IPv6" : "IPv4"], ipFamilyPolicy };
}

/** @throws {ApiError} 422. */
function checkFamilies({ ipFamilies, ipFamilyPolicy }: ServiceSpec, name: string): void {
  const errors = (ipFamilies ?? []).flatMap((family, index) =>
    family === "IPv6"
      ? [fieldError.invalid(`spec.ipFamilies[${index}]`, family, "not configured on this cluster")]
      : [],
  );
  if (ipFamilyPolicy === "RequireDualStack") {
    const why = "this cluster is not configured for dual-stack services";
    errors.push(fieldError.invalid("spec.ipFamilyPolicy", ipFamilyPolicy, why));
  }
  if (errors.length > 0) throw ApiError.invalid({ group: "", kind: "Service" }, name, errors);
}

function portsOf(service: Service): readonly string[] {
  const ports = (service.spec?.ports ?? [])
    .filter((port) => (port.nodePort ?? 0) > 0)
    .map((port) => `${port.nodePort}/${port.protocol}`);
  return (service.spec?.healthCheckNodePort ?? 0) > 0 ? [...ports, `${service.spec?.healthCheckNodePort}/TCP`] : ports;
}
