import { ApiError, fieldError, type Unstructured } from "@tsukube/api";
import type { Service, ServiceSpec } from "@tsukube/api/types/core-v1";
import type { Clock, Random } from "@tsukube/foundation";
import { formatAddress, type Ipv4Network, parseAddress } from "@tsukube/foundation/ipv4";
import type { AdmissionPlugin } from "../contracts.ts";
import type { CachedObject } from "../storage/cached-object.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { NODE_PORT_RECORD, notedPorts, type PortRange } from "./node-port-record.ts";
import type { ServiceHoldings } from "./service-holdings.ts";
import { ServiceRanges } from "./service-ranges.ts";
import { IP_ADDRESSES, isOf, portsOf, SERVICES } from "./service-values.ts";

const TRIES = 64;
/** Longer than any request. */
const RESERVED_MS = 60_000;

export interface ServiceAllocationDeps {
  readonly cache: WatchCache;
  readonly holdings: ServiceHoldings;
  /** "10.160.0.0/16". */
  readonly cidr: string;
  readonly nodePorts: PortRange;
  readonly random: Random;
  readonly clock: Clock;
}

/**
 * Gives Services their cluster addresses and node ports: such as nobody holds as far as this server knows. Whether that is still so decides
 * itself when they are stored, see {@link ServiceRecords}; what concurrent requests here were given is remembered, so that they seldom collide.
 */
export function serviceAllocation(deps: ServiceAllocationDeps): AdmissionPlugin {
  const allocator = new ServiceAllocator(deps);
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
  readonly #deps: ServiceAllocationDeps;
  readonly #ranges: ServiceRanges;
  /** Whom addresses and node ports were given to that are perhaps not stored yet. */
  readonly #given = new Map<string | number, string>();
  #noted: { readonly by: CachedObject | undefined; readonly ports: ReadonlySet<number> } = NOTHING_NOTED;

  constructor(deps: ServiceAllocationDeps) {
    this.#deps = deps;
    this.#ranges = new ServiceRanges(deps.cache, deps.cidr);
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
    const owner = `${SERVICES}${service.metadata?.namespace}/${service.metadata?.name}`;
    const kept = old?.spec?.type === "ExternalName" ? "" : (old?.spec?.clusterIP ?? "");
    const asked = spec.clusterIP ?? spec.clusterIPs?.[0] ?? "";
    const clusterIP = asked !== "" ? asked : kept !== "" ? kept : this.#anyAddress(owner);
    if (asked !== "" && asked !== "None" && asked !== kept) this.#checkAddress(asked, owner, name);
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
    const own = portsOf(old as Unstructured | undefined);
    const used = new Map<number, string>();
    const asked = [...(spec.ports ?? []).map(({ nodePort = 0 }) => nodePort), spec.healthCheckNodePort ?? 0];
    const any = (): number => this.#anyPort(owner, new Set([...asked, ...used.keys()]));
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
      if (nodePort === 0) nodePort = shared ?? any();
      else if (!own.has(nodePort)) this.#checkPort(nodePort, owner, name);
      used.set(nodePort, String(port.port));
      return { ...port, nodePort };
    });
    return { ...spec, ports, ...this.#healthCheck(spec, old, owner, any) };
  }

  #healthCheck(spec: ServiceSpec, old: Service | undefined, owner: string, any: () => number): Partial<ServiceSpec> {
    if (spec.type !== "LoadBalancer" || spec.externalTrafficPolicy !== "Local") return {};
    const { healthCheckNodePort: before } = old?.spec ?? {};
    const asked = spec.healthCheckNodePort ?? 0;
    const refused = asked > 0 && asked !== before ? this.#whyNot(asked, owner) : undefined;
    if (refused !== undefined)
      throw ApiError.internal(new Error(`failed to allocate requested HealthCheck NodePort ${asked}: ${refused}`));
    return asked > 0 ? {} : { healthCheckNodePort: before ?? any() };
  }

  #anyAddress(owner: string): string {
    for (const range of this.#ranges.all) {
      const address = this.#anyOf(range, owner);
      if (address !== undefined) return this.#give(address, owner);
    }
    throw ApiError.internal(new Error(`failed to allocate a serviceIP for "${owner}": range is full`));
  }

  #anyOf({ base, size }: Ipv4Network, owner: string): string | undefined {
    // the lower part of a range is left to those who choose (KEP-3070)
    const reserved = size <= 16 ? 1 : Math.min(256, Math.max(16, size / 16));
    for (let tries = 0; tries < TRIES && size - reserved > 1; tries += 1) {
      const offset = reserved + Math.floor(this.#deps.random.float() * (size - reserved - 1));
      const address = formatAddress(base + offset);
      if (!this.#isTaken(address, owner)) return address;
    }
    for (let offset = 1; offset < size - 1; offset += 1) {
      const address = formatAddress(base + offset);
      if (!this.#isTaken(address, owner)) return address;
    }
    return undefined;
  }

  /** By another Service, or by whoever made an IPAddress for something else. */
  #isTaken(address: string, owner: string): boolean {
    const { cache, holdings } = this.#deps;
    const object = cache.get(IP_ADDRESSES + address)?.object;
    if (object !== undefined && !isOf(object, owner)) return true;
    return holdings.isHeld(address, owner) || this.#isGiven(address, owner);
  }

  /** @throws {ApiError} 422. */
  #checkAddress(address: string, owner: string, name: string): void {
    const refuse = (why: string): never => {
      throw ApiError.invalid({ group: "", kind: "Service" }, name, [
        fieldError.invalid("spec.clusterIPs", [address], `failed to allocate IP ${address}: ${why}`),
      ]);
    };
    const value = parseAddress(address);
    if (value === undefined) return; // validation says what is wrong with it
    if (!this.#ranges.contains(value)) refuse("the provided network does not match the current range");
    if (this.#isTaken(address, owner)) refuse("provided IP is already allocated");
  }

  #anyPort(owner: string, but: ReadonlySet<number>): number {
    const isFree = (port: number): boolean => !but.has(port) && this.#isFree(port, owner);
    const { nodePorts, random } = this.#deps;
    const { first, last } = nodePorts;
    for (let tries = 0; tries < TRIES; tries += 1) {
      const port = first + Math.floor(random.float() * (last - first + 1));
      if (isFree(port)) return this.#give(port, owner);
    }
    for (let port = first; port <= last; port += 1) if (isFree(port)) return this.#give(port, owner);
    throw ApiError.internal(new Error(`failed to allocate a nodePort: range is full`));
  }

  /** @throws {ApiError} 422. */
  #checkPort(port: number, owner: string, name: string): void {
    const why = this.#whyNot(port, owner);
    if (why === undefined) return;
    throw ApiError.invalid({ group: "", kind: "Service" }, name, [
      fieldError.invalid("spec.ports[0].nodePort", port, why),
    ]);
  }

  #whyNot(port: number, owner: string): string | undefined {
    const { first, last } = this.#deps.nodePorts;
    if (port < first || port > last)
      return `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    return this.#isFree(port, owner) ? undefined : "provided port is already allocated";
  }

  #isFree(port: number, owner: string): boolean {
    const { cache, holdings } = this.#deps;
    const by = cache.get(NODE_PORT_RECORD);
    if (this.#noted.by !== by) this.#noted = { by, ports: notedPorts(by) };
    return !this.#noted.ports.has(port) && !holdings.isHeld(port, owner) && !this.#isGiven(port, owner);
  }

  #isGiven(value: string | number, owner: string): boolean {
    const to = this.#given.get(value);
    return to !== undefined && to !== owner;
  }

  #give<Value extends string | number>(value: Value, owner: string): Value {
    this.#given.set(value, owner);
    const forget = (): void => {
      if (this.#given.get(value) === owner) this.#given.delete(value);
    };
    this.#deps.clock.after(RESERVED_MS, forget, { background: true });
    return value;
  }
}

const NOTHING_NOTED = { by: undefined, ports: new Set<number>() } as const;

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
