import { ApiError, fieldError, type Unstructured } from "@tsukube/api";
import type { Service, ServicePort, ServiceSpec } from "@tsukube/api/types/core-v1";
import type { Clock, Metrics, Random } from "@tsukube/foundation";
import { addressAt, formatIp, type IpFamily, type IpNetwork, parseIp } from "@tsukube/foundation/ip-network";
import type { CachedObject } from "../storage/cached-object.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { AllocationMetrics } from "./allocation-metrics.ts";
import { hasAddress, isBalanced, needsHealthPort, needsNodePorts, withFormerValues } from "./former-values.ts";
import { NODE_PORT_RECORD, notedPorts, type PortRange } from "./node-port-record.ts";
import { withFamilies } from "./service-families.ts";
import type { ServiceHoldings } from "./service-holdings.ts";
import { ServiceRanges } from "./service-ranges.ts";
import { IP_ADDRESSES, isOf, portsOf, SERVICES } from "./service-values.ts";

const TRIES = 64;
const MOST_DRAWN = 1n << 52n;

export interface ServiceAllocationDeps {
  readonly cache: WatchCache;
  readonly holdings: ServiceHoldings;
  /** "10.160.0.0/16", or one network of each family by comma. */
  readonly cidr: string;
  readonly nodePorts: PortRange;
  readonly random: Random;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** What a Service is given something for, the same object however often it asks. */
export interface ServiceRequest {
  /** Then nothing is kept for it, nor counted. */
  readonly dryRun: boolean;
}

/**
 * Gives Services their cluster addresses and node ports: such as nobody holds as far as this server knows. Whether that is still so decides
 * itself when they are stored, see {@link ServiceRecords}; what requests under way here were given is remembered, so that they seldom collide.
 */
export class ServiceAllocator {
  readonly #deps: ServiceAllocationDeps;
  readonly #ranges: ServiceRanges;
  readonly #metrics: AllocationMetrics;
  /** For which requests addresses and node ports were given that are perhaps not stored yet. */
  readonly #given = new Map<string | number, ServiceRequest>();
  /** The same by request. */
  readonly #givenFor = new Map<ServiceRequest, Set<string | number>>();
  #noted: { readonly by: CachedObject | undefined; readonly ports: ReadonlySet<number> } = NOTHING_NOTED;

  constructor(deps: ServiceAllocationDeps) {
    this.#deps = deps;
    const ranges = new ServiceRanges(deps.cache, deps.cidr);
    this.#ranges = ranges;
    this.#metrics = new AllocationMetrics({ ...deps, ranges: () => ranges.all });
  }

  /**
   * Whatever the request was given before is free again: it asks once more because another server was faster with a part of it.
   * @param old The Service before an update. @param by To be told to {@link release}. @throws {ApiError}
   */
  allocate(asked: Unstructured, old: Service | undefined, by: ServiceRequest): Unstructured {
    const service = withFamilies(withFormerValues(asked, old), old, this.#ranges.families);
    const spec = (service as Service).spec ?? {};
    const name = service.metadata?.name ?? "";
    const key = `${SERVICES}${service.metadata?.namespace}/${name}`;
    // who makes a Service that there is has nothing of what that one holds
    const owner = old === undefined && this.#deps.cache.get(key) !== undefined ? "" : key;
    this.release(by);
    const request = { spec, old: old?.spec, name, owner, by };
    const whole = { ...spec, ...this.#address(request), ...this.#ports(request) };
    return { ...service, spec: { ...whole, ...this.#healthPort({ ...request, spec: whole }) } };
  }

  /** The request is over: what it was given is in a stored Service, or nobody's. */
  release(by: ServiceRequest): void {
    for (const value of this.#givenFor.get(by) ?? []) this.#given.delete(value);
    this.#givenFor.delete(by);
  }

  /**
   * What has an address once keeps it. New Services, and those that were names of others, get one of each of their families; a
   * family that is added gets its own.
   */
  #address(request: Allocation): Partial<ServiceSpec> {
    const { spec, old } = request;
    const { clusterIPs = [], ipFamilies = [] } = spec;
    const isNew = old === undefined || !hasAddress(old);
    const isAdded = (old?.ipFamilies ?? []).length === 1 && ipFamilies.length === 2;
    if (!hasAddress(spec) || (!isNew && !isAdded) || [spec, old].some(isHeadless)) return {};
    const asked = ipFamilies.map((_, index) => clusterIPs[index] ?? "");
    const given = ipFamilies.map((family, index) => {
      const address = asked[index] ?? "";
      if (index === 0 && !isNew) return address;
      if (address !== "") this.#checkAddress(address, asked, request);
      return address === "" ? this.#anyAddress(family, request) : address;
    });
    return { clusterIP: given[0] ?? "", clusterIPs: given };
  }

  #ports(request: Allocation): Partial<ServiceSpec> {
    const { spec, old } = request;
    if (spec.type !== "NodePort" && !isBalanced(spec)) return {};
    const isNew = old === undefined || (old.type !== "NodePort" && !isBalanced(old));
    return { ports: isNew ? this.#newPorts(request) : this.#changedPorts(request) };
  }

  /** One number may serve TCP and UDP of the same service port. */
  #newPorts(request: Allocation): readonly ServicePort[] {
    const ports = request.spec.ports ?? [];
    const given = new Map<number, number>();
    const taken = new Set(ports.map(({ nodePort = 0 }) => nodePort));
    const mine = new Set<number>();
    const wanted = requested(ports);
    return ports.map((port, index) => {
      if (!port.nodePort && !needsNodePorts(request.spec)) return port;
      const shared = given.get(port.port);
      const asked = shared === undefined ? (wanted.get(port.port) ?? 0) : port.nodePort || shared;
      const nodePort = asked || this.#anyPort(request, taken);
      if (asked && nodePort !== shared) this.#checkPort(nodePort, index, request, mine);
      taken.add(nodePort);
      mine.add(nodePort);
      if (shared === undefined) given.set(port.port, nodePort);
      return { ...port, nodePort };
    });
  }

  /** What has a number keeps it; one is not given to two of one protocol. @throws {ApiError} 422, 500 as upstream. */
  #changedPorts(request: Allocation): readonly ServicePort[] {
    const { spec, old } = request;
    const ports = spec.ports ?? [];
    const own = new Set(portsOf({ spec: old } as unknown as Unstructured));
    const taken = new Set(ports.map(({ nodePort = 0 }) => nodePort));
    const seen = new Set<string>();
    return ports.map((port, index) => {
      if (!port.nodePort && !needsNodePorts(spec)) return port;
      const nodePort = port.nodePort || this.#anyPort(request, taken);
      if (port.nodePort && !own.has(nodePort)) this.#checkPort(nodePort, index, request);
      own.add(nodePort);
      taken.add(nodePort);
      const shown = `{${port.protocol} ${nodePort}}`;
      if (seen.has(shown)) throw ApiError.unknown(`duplicate nodePort: ${shown}`);
      seen.add(shown);
      return { ...port, nodePort };
    });
  }

  #healthPort(request: Allocation): Partial<ServiceSpec> {
    const { spec, old } = request;
    if (!needsHealthPort(spec) || (old !== undefined && needsHealthPort(old))) return {};
    const asked = spec.healthCheckNodePort ?? 0;
    const others = new Set((spec.ports ?? []).map(({ nodePort = 0 }) => nodePort));
    if (asked === 0) return { healthCheckNodePort: this.#anyPort(request, others) };
    const refused = others.has(asked) ? TAKEN_PORT : this.#whyNot(asked, request);
    if (refused === undefined) return {};
    throw ApiError.internal(new Error(`failed to allocate requested HealthCheck NodePort ${asked}: ${refused}`));
  }

  #anyAddress(family: string, request: Allocation): string {
    const { clock } = this.#deps;
    for (const range of this.#ranges.of(family as IpFamily)) {
      const began = clock.monotonic();
      const address = this.#anyOf(range, request);
      if (address === undefined) this.#metricsOf(request)?.addressRefused(range, "dynamic");
      else {
        this.#metricsOf(request)?.address(range, "dynamic", (clock.monotonic() - began) / 1000);
        return this.#give(address, request);
      }
    }
    throw ApiError.internal(new Error(`failed to allocate a serviceIP for Service "${request.name}": range is full`));
  }

  #anyOf(range: IpNetwork, request: Allocation): string | undefined {
    // nobody draws from more addresses than a number holds exactly
    const size = Number(range.size < MOST_DRAWN ? range.size : MOST_DRAWN);
    const end = range.family === "IPv4" ? size - 1 : size;
    // the lower part of a range is left to those who choose (KEP-3070)
    const reserved = size <= 16 ? 1 : Math.min(256, Math.max(16, size / 16));
    for (let tries = 0; tries < TRIES && end - reserved > 0; tries += 1) {
      const address = addressAt(range, reserved + Math.floor(this.#deps.random.float() * (end - reserved)));
      if (!this.#isTaken(address, request)) return address;
    }
    for (let offset = 1; offset < end; offset += 1) {
      const address = addressAt(range, offset);
      if (!this.#isTaken(address, request)) return address;
    }
    return undefined;
  }

  /** By another Service, or by whoever made an IPAddress for something else. */
  #isTaken(address: string, { owner, by }: Allocation): boolean {
    const { cache, holdings } = this.#deps;
    const object = cache.get(IP_ADDRESSES + address)?.object;
    if (object !== undefined && !isOf(object, owner)) return true;
    return holdings.isHeld(address, owner) || this.#isGiven(address, by);
  }

  /** @throws {ApiError} 422. */
  #checkAddress(address: string, asked: readonly string[], request: Allocation): void {
    const refuse = (why: string): never => {
      throw ApiError.invalid({ group: "", kind: "Service" }, request.name, [
        fieldError.invalid("spec.clusterIPs", asked, `failed to allocate IP ${address}: ${why}`),
      ]);
    };
    const parsed = parseIp(address);
    if (parsed === undefined) return; // validation says what is wrong with it
    const began = this.#deps.clock.monotonic();
    const range = this.#ranges.containing(parsed);
    if (request.by.dryRun) {
      const [first] = this.#ranges.of(parsed.family);
      const valid = first && `${addressAt(first, 0)}/${first.bits}`;
      if (range === undefined)
        refuse(`the provided IP (${address}) is not in the valid range. The range of valid IPs is ${valid}`);
      return; // as upstream, without a look at whose it is
    }
    if (range === undefined) {
      refuse("the provided network does not match the current range");
      return;
    }
    if (this.#isTaken(formatIp(parsed), request)) {
      this.#metricsOf(request)?.addressRefused(range, "static");
      refuse("provided IP is already allocated");
    }
    this.#metricsOf(request)?.address(range, "static", (this.#deps.clock.monotonic() - began) / 1000);
  }

  #anyPort(request: Allocation, but: ReadonlySet<number>): number {
    const port = this.#freePort(request, but);
    if (port === undefined) {
      this.#metricsOf(request)?.portRefused("dynamic");
      throw ApiError.internal(new Error(`failed to allocate a nodePort: range is full`));
    }
    this.#metricsOf(request)?.port("dynamic");
    return this.#give(port, request);
  }

  #freePort(request: Allocation, but: ReadonlySet<number>): number | undefined {
    const isFree = (port: number): boolean => !but.has(port) && this.#isFree(port, request);
    const { nodePorts, random } = this.#deps;
    const { first, last } = nodePorts;
    const size = last - first + 1;
    // the lower ports are left to those who choose (KEP-3668)
    const reserved = size < 16 ? 0 : Math.min(128, Math.max(16, Math.floor(size / 32)));
    for (let tries = 0; tries < TRIES; tries += 1) {
      const port = first + reserved + Math.floor(random.float() * (size - reserved));
      if (isFree(port)) return port;
    }
    for (let port = first; port <= last; port += 1) if (isFree(port)) return port;
    return undefined;
  }

  /** @throws {ApiError} 422. */
  #checkPort(port: number, index: number, request: Allocation, mine: ReadonlySet<number> = NONE): void {
    const why = mine.has(port) ? TAKEN_PORT : this.#whyNot(port, request);
    if (why === undefined) return;
    throw ApiError.invalid({ group: "", kind: "Service" }, request.name, [
      fieldError.invalid(`spec.ports[${index}].nodePort`, port, why),
    ]);
  }

  #whyNot(port: number, request: Allocation): string | undefined {
    const why = this.#problemOf(port, request);
    if (why === undefined) this.#metricsOf(request)?.port("static");
    else this.#metricsOf(request)?.portRefused("static");
    return why;
  }

  #problemOf(port: number, request: Allocation): string | undefined {
    const { first, last } = this.#deps.nodePorts;
    if (!request.by.dryRun && (port < first || port > last))
      return `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    return this.#isFree(port, request) ? undefined : TAKEN_PORT;
  }

  #isFree(port: number, { owner, by }: Allocation): boolean {
    const { cache, holdings } = this.#deps;
    const record = cache.get(NODE_PORT_RECORD);
    if (this.#noted.by !== record) this.#noted = { by: record, ports: notedPorts(record) };
    return !this.#noted.ports.has(port) && !holdings.isHeld(port, owner) && !this.#isGiven(port, by);
  }

  #isGiven(value: string | number, by: ServiceRequest): boolean {
    const given = this.#given.get(value);
    return given !== undefined && given !== by;
  }

  #give<Value extends string | number>(value: Value, { by }: Allocation): Value {
    if (by.dryRun) return value;
    this.#given.set(value, by);
    const values = this.#givenFor.get(by) ?? new Set();
    this.#givenFor.set(by, values.add(value));
    return value;
  }

  /** Where the request is counted, undefined: nowhere. */
  #metricsOf({ by }: Allocation): AllocationMetrics | undefined {
    return by.dryRun ? undefined : this.#metrics;
  }
}

const NOTHING_NOTED = { by: undefined, ports: new Set<number>() } as const;

const NONE: ReadonlySet<number> = new Set();

const TAKEN_PORT = "provided port is already allocated";

const isHeadless = (spec: ServiceSpec | undefined): boolean => spec?.clusterIPs?.[0] === "None";

/** What a Service is given its addresses and ports by. */
interface Allocation {
  readonly spec: ServiceSpec;
  /** Before an update. */
  readonly old: ServiceSpec | undefined;
  readonly name: string;
  /** The key of the Service, whose own is free to it; "" when nothing is. */
  readonly owner: string;
  readonly by: ServiceRequest;
}

/** The node port that the first protocol of each port asks for, if any does. */
function requested(ports: readonly ServicePort[]): ReadonlyMap<number, number> {
  const wanted = new Map<number, number>();
  for (const { port, nodePort } of ports) if (nodePort && !wanted.has(port)) wanted.set(port, nodePort);
  return wanted;
}
