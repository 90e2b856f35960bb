import type { Node, Service } from "@tsukube/api/types/core-v1";
import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";
import type { InformerFactory } from "@tsukube/client";
import { type Clock, type Logger, type Metrics, messageOf } from "@tsukube/foundation";
import { type IpFamily, parseIpNetwork } from "@tsukube/foundation/ip-network";
import { run } from "@tsukube/kernel";
import { forgetFlows, type StaleFlow, staleFlows } from "./conntrack.ts";
import { type Frontend, frontendsOf } from "./frontends.ts";
import { ProxyHealth } from "./proxy-health.ts";
import { ProxyMetrics } from "./proxy-metrics.ts";
import { type Ruleset, rulesetOf } from "./ruleset.ts";
import { fullScript, incrementalScript, removeScript, type TableOptions } from "./script.ts";

/** What the proxy does to the kernel; a test can stand in for it. */
export interface ProxyKernel {
  /** Applies an nftables script: all of it or nothing. */
  apply(script: string): Promise<void>;
  forgetFlows(flows: readonly StaleFlow[]): Promise<void>;
}

export interface ProxyOptions extends ProxyTables {
  readonly nodeName: string;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly kernel?: ProxyKernel;
}

/** A table for each family that Services have. */
export interface ProxyTables extends Omit<TableOptions, "family"> {
  /** One network, or one of each family by comma. */
  readonly serviceCidr: string;
}

export interface ServiceProxy {
  /** Resolves when the table first holds every Service of the cluster. */
  readonly synced: Promise<void>;
  readonly health: ProxyHealth;
  /** Stops following the cluster. The table stays: Services go on without us. */
  close(): Promise<void>;
}

const systemKernel: ProxyKernel = {
  apply: async (script) => {
    await run("nft", ["-f", "-"], { input: script });
  },
  forgetFlows,
};

/** Changes that come within this time are applied together. */
const GATHER_MS = 20;
/** After a failure the whole table is written again. */
const RETRY_MS = 1000;

/** Serves every Service by nftables on this node, for as long as it is not closed. */
export function startProxy(options: ProxyOptions): ServiceProxy {
  return new NftablesProxy(options);
}

/** Removes what a proxy left in the kernel. */
export async function removeProxy(tables: ProxyTables, kernel: ProxyKernel = systemKernel): Promise<void> {
  for (const table of tablesOf(tables)) await kernel.apply(removeScript(table));
}

function tablesOf({ table, serviceCidr, bridge }: ProxyTables): readonly TableOptions[] {
  return serviceCidr.split(",").flatMap((cidr) => {
    const family = parseIpNetwork(cidr)?.family;
    return family === undefined ? [] : [{ family, table, serviceCidr: cidr, bridge }];
  });
}

class NftablesProxy implements ServiceProxy {
  readonly synced: Promise<void>;
  readonly health: ProxyHealth;
  readonly #metrics: ProxyMetrics;
  readonly #options: ProxyOptions;
  readonly #tables: readonly TableOptions[];
  readonly #kernel: ProxyKernel;
  readonly #services;
  readonly #slices;
  readonly #markSynced: () => void;
  readonly #stops: (() => void)[] = [];
  #frontends: readonly Frontend[] = [];
  /** What the kernel holds; undefined when that is not known. */
  #applied: readonly Ruleset[] | undefined;
  #scheduled = false;
  #closed = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ProxyOptions) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.synced = promise;
    this.#markSynced = resolve;
    this.#options = options;
    this.#tables = tablesOf(options);
    this.#kernel = options.kernel ?? systemKernel;
    this.#services = options.informers.informer<Service>({ group: "", version: "v1", resource: "services" });
    this.#slices = options.informers.informer<EndpointSlice>(
      { group: "discovery.k8s.io", version: "v1", resource: "endpointslices" },
      { indexes: { service: (slice) => [serviceOf(slice)] } },
    );
    const { clock, metrics, nodeName, informers } = options;
    const nodes = informers.informer<Node>(
      { group: "", version: "v1", resource: "nodes" },
      { fieldSelector: `metadata.name=${nodeName}` },
    );
    this.health = new ProxyHealth(clock, metrics, () => nodes.list()[0]);
    this.#metrics = new ProxyMetrics(metrics, clock, this.#families);
    const changed = (what: "service" | "endpoint"): void => {
      this.#metrics.changed(what);
      this.health.changed();
      this.#schedule(GATHER_MS);
    };
    const ofService = (): void => changed("service");
    const ofSlice = (slice: EndpointSlice, before?: EndpointSlice): void => {
      if (this.#slices.hasSynced) this.#metrics.triggered(slice, before);
      changed("endpoint");
    };
    this.#stops.push(
      this.#services.onChange({ added: ofService, updated: ofService, deleted: ofService }),
      this.#slices.onChange({
        added: (slice) => ofSlice(slice),
        updated: (before, slice) => ofSlice(slice, before),
        deleted: () => changed("endpoint"),
      }),
    );
    void Promise.all([this.#services.synced, this.#slices.synced]).then(() => this.#schedule(0));
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#stops) stop();
    await this.#running;
  }

  #schedule(ms: number): void {
    if (this.#scheduled || this.#closed || !this.#services.hasSynced || !this.#slices.hasSynced) return;
    this.#scheduled = true;
    this.#metrics.queued();
    const cancel = this.#options.clock.after(ms, () => {
      this.#running = this.#running.then(() => {
        this.#scheduled = false;
        return this.#sync();
      });
    });
    this.#stops.push(cancel);
    if (this.#stops.length > 64) this.#stops.splice(2, this.#stops.length - 3); // only the newest timer can be live
  }

  get #families(): readonly IpFamily[] {
    return this.#tables.map(({ family }) => family);
  }

  async #sync(): Promise<void> {
    if (this.#closed) return;
    const ended = this.#metrics.begin(this.#applied === undefined);
    this.health.begin();
    const slicesOf = (namespace: string, name: string) => this.#slices.byIndex("service", `${namespace}/${name}`);
    const frontends = frontendsOf(this.#services.list(), slicesOf, this.#options.nodeName);
    const rules = this.#tables.map(({ family }) => rulesetOf(frontends, family));
    const scripts = this.#tables.map((table, index) => {
      const before = this.#applied?.[index];
      return before === undefined ? fullScript(table, rules[index]!) : incrementalScript(table, before, rules[index]!);
    });
    const script = scripts.filter((each) => each !== undefined).join("");
    try {
      if (script !== "") await this.#kernel.apply(script);
      this.#applied = rules;
      this.health.written(this.#families);
      ended(true);
      const stale = staleFlows(this.#frontends, frontends);
      this.#frontends = frontends;
      if (stale.length > 0) await this.#kernel.forgetFlows(stale);
      this.#markSynced();
    } catch (error) {
      this.#options.logger.error("cannot write the Services to nftables; writing the whole table again", {
        error: messageOf(error),
      });
      if (this.#applied !== rules) ended(false);
      this.health.changed();
      this.#applied = undefined;
      this.#schedule(RETRY_MS);
    }
  }
}

function serviceOf(slice: EndpointSlice): string {
  return `${slice.metadata?.namespace ?? ""}/${slice.metadata?.labels?.["kubernetes.io/service-name"] ?? ""}`;
}
