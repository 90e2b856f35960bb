import type { Node } from "@tsukube/api/types/core-v1";
import type { Clock, Counter, Metrics } from "@tsukube/foundation";
import type { IpFamily } from "@tsukube/foundation/ip-network";
import type { Exchange } from "@tsukube/host";

/** As upstream's: changes that wait for longer are not served. */
const TIMEOUT_MS = 60_000;

/** Of nodes that the cluster's autoscaler is about to remove. */
const TO_BE_DELETED = "ToBeDeletedByClusterAutoscaler";

const NEVER = "0001-01-01T00:00:00Z";

/** Whether load balancers may send connections to this node: its Services are served as they are now, and it stays. */
export class ProxyHealth {
  readonly #clock: Clock;
  readonly #node: () => Node | undefined;
  readonly #asked: Readonly<Record<string, Counter>>;
  readonly #updated = new Map<IpFamily, number>();
  /** Since when changes wait, in ms since the epoch. */
  #waitingSince: number | undefined;
  /** The same of those that are not in what is being written. */
  #newSince: number | undefined;

  constructor(clock: Clock, metrics: Metrics, node: () => Node | undefined) {
    this.#clock = clock;
    this.#node = node;
    this.#asked = {
      "/healthz": metrics.counter("kubeproxy_proxy_healthz_total", "Cumulative proxy healthz HTTP status", ["code"]),
      "/livez": metrics.counter("kubeproxy_proxy_livez_total", "Cumulative proxy livez HTTP status", ["code"]),
    };
  }

  /** There is something to write to the kernel. */
  changed(): void {
    this.#newSince ??= this.#clock.now();
    this.#waitingSince ??= this.#newSince;
  }

  /** Everything that has changed so far is about to be written. */
  begin(): void {
    this.#newSince = undefined;
  }

  /** The kernel holds what there was at {@link begin}. */
  written(families: readonly IpFamily[]): void {
    this.#waitingSince = this.#newSince;
    for (const family of families) this.#updated.set(family, this.#clock.now());
  }

  /** /healthz and /livez, which does not look at the node. */
  readonly handle = (exchange: Exchange): void => {
    const path = exchange.path.replace(/\?.*/, "");
    const asked = this.#asked[path];
    if (asked === undefined) {
      exchange.send(404, PLAIN, Buffer.from("404 page not found\n"));
      return;
    }
    const status = this.#status();
    const eligibility = path === "/livez" ? {} : { nodeEligible: this.#isEligible() };
    const code = status.healthy && eligibility.nodeEligible !== false ? 200 : 503;
    asked.inc({ code: String(code) });
    const lastUpdated = code === 200 ? status.currentTime : status.lastUpdated;
    const { currentTime, healthy, status: families } = status;
    const body = { lastUpdated, currentTime, ...eligibility, healthy, status: families };
    exchange.send(code, { ...PLAIN, "content-type": "application/json" }, Buffer.from(JSON.stringify(body)));
  };

  #status() {
    const now = this.#clock.now();
    const healthy =
      this.#waitingSince === undefined || now - this.#waitingSince < TIMEOUT_MS || this.#updated.size === 0;
    const times = [...this.#updated.values()];
    const status = Object.fromEntries(
      [...this.#updated].map(([family, at]) => [family, { lastUpdated: time(at), healthy }]),
    );
    const lastUpdated = times.length === 0 ? NEVER : time(Math.max(...times));
    return { lastUpdated, currentTime: time(now), healthy, status };
  }

  #isEligible(): boolean {
    const node = this.#node();
    if (node === undefined || node.metadata?.deletionTimestamp !== undefined) return false;
    return node.spec?.taints?.some(({ key }) => key === TO_BE_DELETED) !== true;
  }
}

const PLAIN = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };

function time(ms: number): string {
  return new Date(ms).toISOString();
}
