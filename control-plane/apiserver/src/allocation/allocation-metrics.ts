import type { Counter, Histogram, Metrics } from "@tsukube/foundation";
import { formatIp, type IpNetwork } from "@tsukube/foundation/ip-network";
import type { PortRange } from "./node-port-record.ts";
import type { ServiceHoldings } from "./service-holdings.ts";

/** "static": asked for, "dynamic": any. */
type Scope = "static" | "dynamic";

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface AllocationMetricsDeps {
  readonly metrics: Metrics;
  readonly holdings: ServiceHoldings;
  readonly nodePorts: PortRange;
  /** From which Services get addresses at the time; the same array while they are the same. */
  ranges(): readonly IpNetwork[];
}

/** Addresses and node ports that Services are given and hold, under upstream's names. */
export class AllocationMetrics {
  readonly #addresses: Counter;
  readonly #addressErrors: Counter;
  readonly #addressSeconds: Histogram;
  readonly #ports: Counter;
  readonly #portErrors: Counter;

  constructor({ metrics, holdings, nodePorts, ranges }: AllocationMetricsDeps) {
    const [addresses, ports] = ["kube_apiserver_clusterip_allocator_", "kube_apiserver_nodeport_allocator_"];
    const counter = (name: string, help: string, labels: readonly string[]): Counter =>
      metrics.counter(name, help, labels);
    const scoped = ["cidr", "scope"];
    this.#addresses = counter(`${addresses}allocation_total`, "Number of Cluster IPs allocations", scoped);
    const failed = "Number of errors trying to allocate";
    this.#addressErrors = counter(`${addresses}allocation_errors_total`, `${failed} Cluster IPs`, scoped);
    this.#addressSeconds = metrics.histogram(
      `${addresses}allocation_duration_seconds`,
      "Duration in seconds to allocate a Cluster IP by ServiceCIDR",
      SECONDS,
      ["cidr"],
    );
    this.#ports = counter(`${ports}allocation_total`, "Number of NodePort allocations", ["scope"]);
    this.#portErrors = counter(`${ports}allocation_errors_total`, `${failed} NodePort`, ["scope"]);
    const ofRanges = (measure: (range: IpNetwork, held: number) => number) => () => {
      const all = ranges();
      const held = holdings.addressesIn(all);
      return all.map((range, index) => [{ cidr: textOf(range) }, measure(range, held[index]!)] as const);
    };
    metrics.collected(
      `${addresses}allocated_ips`,
      "Gauge measuring the number of allocated IPs for Services",
      ofRanges((_range, held) => held),
    );
    metrics.collected(
      `${addresses}available_ips`,
      "Gauge measuring the number of available IPs for Services",
      ofRanges((range, held) => usable(range) - held),
    );
    const help = (which: string): string => `Gauge measuring the number of ${which} NodePorts for Services`;
    metrics.collected(`${ports}allocated_ports`, help("allocated"), () => [[{}, holdings.portCount]]);
    metrics.collected(`${ports}available_ports`, help("available"), () => [
      [{}, nodePorts.last - nodePorts.first + 1 - holdings.portCount],
    ]);
  }

  /** @param seconds How long it took. */
  address(range: IpNetwork, scope: Scope, seconds: number): void {
    const cidr = textOf(range);
    this.#addresses.inc({ cidr, scope });
    this.#addressSeconds.observe(seconds, { cidr });
  }

  addressRefused(range: IpNetwork, scope: Scope): void {
    this.#addressErrors.inc({ cidr: textOf(range), scope });
  }

  port(scope: Scope): void {
    this.#ports.inc({ scope });
  }

  portRefused(scope: Scope): void {
    this.#portErrors.inc({ scope });
  }
}

function textOf({ family, base, bits }: IpNetwork): string {
  return `${formatIp({ family, value: base })}/${bits}`;
}

/** Without the network's own address and, of IPv4, the last one. */
function usable({ family, size }: IpNetwork): number {
  return Number(size) - (family === "IPv4" ? 2 : 1);
}
