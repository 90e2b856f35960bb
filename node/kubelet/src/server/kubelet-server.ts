import { FeatureGates } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import { componentPages } from "@tsukube/client";
import { codeOf, type Metrics, messageOf } from "@tsukube/foundation";
import {
  type ComponentPage,
  createHttpsServer,
  type Exchange,
  type HttpsServer,
  metricsAnswer,
  type UpgradeRequest,
} from "@tsukube/host";
import type { Cri } from "../cri/runtime.ts";
import { kubeletFlags } from "../node/kubelet-configuration.ts";
import type { KubeletListen, KubeletOptions } from "../options.ts";
import type { PodWorkers } from "../pods/pod-workers.ts";
import { cadvisorMetrics, resourceMetrics } from "../stats/resource-metrics.ts";
import type { StatsCollector } from "../stats/stats-collector.ts";
import { summaryOf } from "../stats/summary.ts";
import { KubeletAuthorizer } from "./kubelet-authorizer.ts";
import { sendLog } from "./log-handler.ts";
import { passOn, streamingUrl } from "./stream-proxy.ts";
import { sendSystemLog } from "./system-logs.ts";

export interface KubeletServerDeps {
  readonly options: KubeletOptions;
  readonly listen: KubeletListen;
  readonly cri: Cri;
  readonly workers: PodWorkers;
  readonly stats: StatsCollector;
  readonly probeMetrics: Metrics;
  /** KubeletConfiguration (kubelet.config.k8s.io/v1beta1) as it is in force. */
  readonly configuration: object;
}

/** Where it answers, but for its pages. */
const PATHS = ["/healthz", "/containerLogs", "/logs", "/checkpoint", "/metrics", "/pods", "/runningpods", "/configz"];

/** The kubelet's HTTPS port: logs, exec, attach, port-forward for the API server; who else asks needs rights on the node. */
export class KubeletServer {
  readonly #deps: KubeletServerDeps;
  readonly #server: HttpsServer;
  readonly #authorizer: KubeletAuthorizer;
  readonly #pages: Readonly<Record<string, ComponentPage>>;

  constructor(deps: KubeletServerDeps) {
    this.#deps = deps;
    this.#authorizer = new KubeletAuthorizer(deps.options);
    this.#pages = componentPages({
      component: "kubelet",
      featureGates: deps.options.featureGates ?? FeatureGates.defaults,
      clock: deps.options.clock,
      flags: kubeletFlags(deps.options),
      paths: () => [...PATHS, ...Object.keys(this.#pages)],
    });
    const { key, cert, clientCa } = deps.listen;
    this.#server = createHttpsServer({
      key,
      cert,
      clientCa,
      handle: (exchange) =>
        void this.#handle(exchange).catch((error: unknown) => answer(exchange, statusOf(error), messageOf(error))),
      upgrade: (request) =>
        void this.#upgrade(request).catch((error: unknown) => refuse(request, statusOf(error), messageOf(error))),
    });
  }

  async start(): Promise<void> {
    for (const address of this.#deps.listen.addresses) await this.#server.listen(address, this.#deps.listen.port);
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  async #handle(exchange: Exchange): Promise<void> {
    const { pathname: path, searchParams: query } = new URL(exchange.path, "https://kubelet");
    const code = await this.#authorizer.authorize({ ...ofExchange(exchange), path });
    if (code !== 200) return answer(exchange, code, code === 401 ? "Unauthorized" : "Forbidden");
    const [, kind = "", ...rest] = path.split("/").map(decodeURIComponent);
    switch (kind) {
      case "healthz":
        return answer(exchange, 200, "ok");
      case "containerLogs":
        return this.#logs(exchange, query, rest);
      case "logs":
        return sendSystemLog(exchange, rest);
      case "checkpoint":
        return this.#checkpoint(exchange, rest);
      case "metrics":
        return this.#sendMetrics(exchange, rest[0] ?? "");
      default: {
        const page = this.#pages[path]?.(exchange.headers, query);
        if (page !== undefined) return exchange.send(page.status, page.headers, page.body);
        const body = await this.#document(path, query);
        if (body === undefined) return answer(exchange, 404, `the kubelet does not serve ${path}`);
        return answer(exchange, 200, JSON.stringify(body), "application/json");
      }
    }
  }

  async #document(path: string, query: URLSearchParams): Promise<object | undefined> {
    const { workers, stats, options } = this.#deps;
    switch (path) {
      case "/pods":
        return podList(workers.all.map(({ pod }) => pod));
      case "/runningpods":
      case "/runningpods/":
        return podList(
          workers.all
            .filter(({ runtime }) => runtime.containers.some(({ state }) => state === "running"))
            .map(({ pod: { metadata, spec } }) => ({ metadata: metadata ?? {}, spec: spec ?? { containers: [] } })),
        );
      case "/configz":
        return { kubeletconfig: this.#deps.configuration };
      case "/stats/summary":
        return summaryOf(await stats.collect(), options.nodeName, query.get("only_cpu_and_memory") === "true");
      default:
        return undefined;
    }
  }

  async #sendMetrics(exchange: Exchange, kind: string): Promise<void> {
    const { headers, body } = await metricsAnswer(await this.#metrics(kind), exchange.headers);
    exchange.send(200, headers, body);
  }

  async #metrics(kind: string): Promise<Metrics> {
    const { stats, options, probeMetrics } = this.#deps;
    switch (kind) {
      case "resource":
        return resourceMetrics(await stats.collect());
      case "cadvisor":
        return cadvisorMetrics(await stats.collect(), await stats.details());
      case "probes":
        return probeMetrics;
      default:
        return options.metrics;
    }
  }

  #logs(exchange: Exchange, query: URLSearchParams, [namespace = "", pod = "", container = ""]: readonly string[]) {
    const worker = this.#deps.workers.named(namespace, pod);
    if (worker === undefined) return Promise.resolve(answer(exchange, 404, `pod "${pod}" not found`));
    return sendLog(exchange, query, worker, container, this.#deps.options.clock);
  }

  #checkpoint(exchange: Exchange, [namespace = "", pod = ""]: readonly string[]): void {
    if (exchange.method !== "POST") answer(exchange, 405, "checkpoints are made with POST");
    else if (this.#deps.workers.named(namespace, pod) === undefined) answer(exchange, 404, `pod "${pod}" not found`);
    else answer(exchange, 501, "checkpointing is not supported by this node's container runtime");
  }

  async #upgrade(request: UpgradeRequest): Promise<void> {
    const { pathname: path, searchParams: query } = new URL(request.path, "https://kubelet");
    const code = await this.#authorizer.authorize({ ...ofExchange(request), method: "POST", path });
    if (code !== 200) return refuse(request, code, code === 401 ? "Unauthorized" : "Forbidden");
    const [, kind = "", namespace = "", pod = "", container = ""] = path.split("/").map(decodeURIComponent);
    const worker = this.#deps.workers.named(namespace, pod);
    const isStream = ["exec", "attach", "portForward"].includes(kind);
    if (!isStream || worker === undefined) return refuse(request, 404, `pod "${pod}" not found`);
    passOn(request, await streamingUrl(this.#deps.cri, kind, worker, container, query));
  }
}

function ofExchange({ peer, headers, method }: Exchange | UpgradeRequest) {
  return { peer, headers, method };
}

function podList(items: readonly Pod[]): object {
  return { kind: "PodList", apiVersion: "v1", metadata: {}, items };
}

function statusOf(error: unknown): number {
  const code = codeOf(error);
  return code === "bad-request" ? 400 : code === "not-found" ? 404 : 500;
}

function answer(exchange: Exchange, code: number, text: string, contentType = "text/plain"): void {
  exchange.send(code, { "content-type": contentType }, Buffer.from(text));
}

function refuse(request: UpgradeRequest, code: number, message: string): void {
  const head = [
    `HTTP/1.1 ${code} Refused`,
    "Content-Type: text/plain",
    `Content-Length: ${Buffer.byteLength(message)}`,
  ];
  request.socket.end(`${head.join("\r\n")}\r\nConnection: close\r\n\r\n${message}`);
}
