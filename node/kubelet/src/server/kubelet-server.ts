import { createConnection } from "node:net";
import type { SubjectAccessReview } from "@tsukube/api/types/authorization-v1";
import { messageOf } from "@tsukube/foundation";
import {
  createHttpsServer,
  type Exchange,
  type HttpsServer,
  type PeerCertificate,
  type UpgradeRequest,
} from "@tsukube/host";
import type { Cri } from "../cri/runtime.ts";
import { readLog } from "../logs/log-reader.ts";
import type { KubeletListen, KubeletOptions } from "../options.ts";
import { newest, previous } from "../pods/plan.ts";
import type { PodWorker } from "../pods/pod-worker.ts";
import type { RuntimeContainer } from "../pods/runtime-state.ts";

export interface KubeletServerDeps {
  readonly options: KubeletOptions;
  readonly listen: KubeletListen;
  readonly cri: Cri;
  workers(): readonly PodWorker[];
}

const DECISION_MS = 60_000;

/** The kubelet's HTTPS port: logs, exec, attach, port-forward for the API server; who else asks needs rights on the node. */
export class KubeletServer {
  readonly #deps: KubeletServerDeps;
  readonly #server: HttpsServer;
  readonly #decisions = new Map<string, { readonly allowed: boolean; readonly until: number }>();

  constructor(deps: KubeletServerDeps) {
    this.#deps = deps;
    const { key, cert, clientCa } = deps.listen;
    this.#server = createHttpsServer({
      key,
      cert,
      clientCa,
      handle: (exchange) =>
        void this.#handle(exchange).catch((error: unknown) => answer(exchange, 500, messageOf(error))),
      upgrade: (request) =>
        void this.#upgrade(request).catch((error: unknown) => refuse(request, 500, messageOf(error))),
    });
  }

  async start(): Promise<void> {
    for (const address of this.#deps.listen.addresses) await this.#server.listen(address, this.#deps.listen.port);
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  async #handle(exchange: Exchange): Promise<void> {
    const url = new URL(exchange.path, "https://kubelet");
    if (url.pathname === "/healthz") return answer(exchange, 200, "ok");
    const code = await this.#authorize(exchange.peer, exchange.method, url.pathname);
    if (code !== 200) return answer(exchange, code, code === 401 ? "Unauthorized" : "Forbidden");
    const log = /^\/containerLogs\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(url.pathname);
    if (log !== null) return this.#logs(exchange, url.searchParams, log[1] ?? "", log[2] ?? "", log[3] ?? "");
    if (url.pathname === "/pods") {
      const items = this.#deps.workers().map((worker) => worker.pod);
      return answer(
        exchange,
        200,
        JSON.stringify({ kind: "PodList", apiVersion: "v1", metadata: {}, items }),
        "application/json",
      );
    }
    if (url.pathname === "/metrics") return answer(exchange, 200, this.#deps.options.metrics.expose());
    return answer(exchange, 404, `the kubelet does not serve ${url.pathname}`);
  }

  async #logs(
    exchange: Exchange,
    query: URLSearchParams,
    namespace: string,
    pod: string,
    container: string,
  ): Promise<void> {
    const worker = this.#worker(namespace, pod);
    if (worker === undefined) return answer(exchange, 404, `pod "${pod}" not found`);
    const find = (): RuntimeContainer | undefined =>
      query.get("previous") === "true" ? previous(worker.runtime, container) : newest(worker.runtime, container);
    const found = find();
    if (found === undefined) {
      const why =
        query.get("previous") === "true"
          ? `previous terminated container "${container}" in pod "${pod}" not found`
          : `container "${container}" in pod "${pod}" is waiting to start: ContainerCreating`;
      return answer(exchange, 400, why);
    }
    const number = (name: string): number | undefined => (query.has(name) ? Number(query.get(name)) : undefined);
    const seconds = number("sinceSeconds");
    const now = this.#deps.options.clock.now();
    const sink = exchange.begin(200, { "content-type": "text/plain" });
    const lines = readLog(
      found.logPath,
      {
        follow: query.get("follow") === "true",
        timestamps: query.get("timestamps") === "true",
        tailLines: number("tailLines"),
        limitBytes: number("limitBytes"),
        since:
          seconds !== undefined
            ? now - seconds * 1000
            : query.has("sinceTime")
              ? Date.parse(query.get("sinceTime") ?? "")
              : undefined,
        stream: (query.get("stream") ?? "") as "",
        signal: exchange.signal,
        isRunning: () => worker.runtime.containers.some(({ id, state }) => id === found.id && state === "running"),
      },
      this.#deps.options.clock,
    );
    for await (const piece of lines) if (!sink.write(piece)) await sink.drained();
    sink.end();
  }

  /** Asks the runtime for a streaming endpoint, then passes bytes both ways. */
  async #upgrade(request: UpgradeRequest): Promise<void> {
    const url = new URL(request.path, "https://kubelet");
    const code = await this.#authorize(request.peer, "POST", url.pathname);
    if (code !== 200) return refuse(request, code, code === 401 ? "Unauthorized" : "Forbidden");
    const match = /^\/(exec|attach|portForward)\/([^/]+)\/([^/]+)(?:\/([^/]+))?$/.exec(url.pathname);
    const worker = match === null ? undefined : this.#worker(match[2] ?? "", match[3] ?? "");
    if (match === null || worker === undefined) return refuse(request, 404, `pod "${match?.[3] ?? ""}" not found`);
    const target = new URL(await this.#streamingUrl(match[1] ?? "", worker, match[4] ?? "", url.searchParams));
    const upstream = createConnection({ host: target.hostname, port: Number(target.port) });
    const { socket, head } = request;
    upstream.on("error", () => socket.destroy());
    socket.on("error", () => upstream.destroy());
    socket.on("close", () => upstream.destroy());
    upstream.on("close", () => socket.end());
    const lines = [`${request.method} ${target.pathname}${target.search} HTTP/1.1`, `Host: ${target.host}`];
    for (const [name, value] of Object.entries(request.headers)) if (name !== "host") lines.push(`${name}: ${value}`);
    upstream.write(`${lines.join("\r\n")}\r\n\r\n`);
    if (head.length > 0) upstream.write(head);
    upstream.pipe(socket);
    socket.pipe(upstream);
  }

  async #streamingUrl(kind: string, worker: PodWorker, container: string, query: URLSearchParams): Promise<string> {
    const { runtime } = this.#deps.cri;
    if (kind === "portForward") {
      const ports = [...query.getAll("port"), ...query.getAll("ports")]
        .flatMap((text) => text.split(","))
        .map(Number)
        .filter((port) => port > 0);
      return (await runtime.PortForward({ podSandboxId: worker.runtime.sandbox?.id ?? "", port: ports })).url ?? "";
    }
    const found = newest(worker.runtime, container);
    if (found?.state !== "running") throw new Error(`container not found ("${container}")`);
    const on = (name: string): boolean => query.get(name) === "1";
    const streams = {
      containerId: found.id,
      stdin: on("input"),
      stdout: on("output"),
      stderr: on("error") && !on("tty"),
      tty: on("tty"),
    };
    const answered =
      kind === "exec"
        ? await runtime.Exec({ ...streams, cmd: query.getAll("command") })
        : await runtime.Attach(streams);
    return answered.url ?? "";
  }

  #worker(namespace: string, name: string): PodWorker | undefined {
    return this.#deps.workers().find(({ pod }) => pod.metadata?.namespace === namespace && pod.metadata?.name === name);
  }

  /** 200, 401 without a certificate, 403 without the right; the API server is asked once a minute per user and right. */
  async #authorize(peer: PeerCertificate | undefined, method: string, path: string): Promise<number> {
    if (peer === undefined) return 401;
    if (peer.organizations.includes("system:masters")) return 200;
    const { client, clock, nodeName } = this.#deps.options;
    const subresource =
      path.startsWith("/containerLogs") || path.startsWith("/logs")
        ? "log"
        : path.startsWith("/metrics")
          ? "metrics"
          : path.startsWith("/stats")
            ? "stats"
            : "proxy";
    const verb = method === "GET" || method === "HEAD" ? "get" : "create";
    const key = `${peer.commonName} ${verb} ${subresource}`;
    const known = this.#decisions.get(key);
    if (known !== undefined && known.until > clock.now()) return known.allowed ? 200 : 403;
    const review: SubjectAccessReview = {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: {
        user: peer.commonName,
        groups: [...peer.organizations, "system:authenticated"],
        resourceAttributes: { verb, version: "v1", resource: "nodes", subresource, name: nodeName },
      },
    };
    const answered = await client
      .resource<SubjectAccessReview>({ group: "authorization.k8s.io", version: "v1", resource: "subjectaccessreviews" })
      .create(review);
    const allowed = answered.status?.allowed === true;
    this.#decisions.set(key, { allowed, until: clock.now() + DECISION_MS });
    return allowed ? 200 : 403;
  }
}

function answer(exchange: Exchange, code: number, text: string, contentType = "text/plain"): void {
  exchange.send(code, { "content-type": contentType }, Buffer.from(text));
}

function refuse(request: UpgradeRequest, code: number, message: string): void {
  request.socket.end(
    `HTTP/1.1 ${code} Refused\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(message)}\r\nConnection: close\r\n\r\n${message}`,
  );
}
