import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { ApiError } from "@tsukube/api";
import type { Pod, Service } from "@tsukube/api/types/core-v1";
import type { ApiResponse } from "@tsukube/client";
import { messageOf, type Random } from "@tsukube/foundation";
import type { UpgradeRequest } from "@tsukube/host";
import type { RequestContext, RequestInfo } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { forwardUpgrade } from "./forward-upgrade.ts";
import { forwarded } from "./forwarded.ts";
import type { KubeletAddress, KubeletConnection } from "./kubelet-connection.ts";
import { throughProxy } from "./proxied-page.ts";
import { serviceEndpoints } from "./service-endpoints.ts";

interface Target {
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
}

/** pods, services and nodes /proxy: forwards HTTP with the path that follows; links to the root of a server lead through the proxy. */
export class HttpProxy {
  readonly #cache: WatchCache;
  readonly #kubelets: KubeletConnection;
  readonly #random: Random;

  constructor(cache: WatchCache, kubelets: KubeletConnection, random: Random) {
    this.#cache = cache;
    this.#kubelets = kubelets;
    this.#random = random;
  }

  async handle(context: RequestContext): Promise<ApiResponse> {
    const { info, request, signal } = context;
    if (info.rest === "" && (request.method === "GET" || request.method === "HEAD")) {
      // relative links of the page must lead below the proxy
      const query = info.query.size > 0 ? `?${info.query}` : "";
      return { status: 301, headers: { location: `${info.path}/${query}` }, body: new Uint8Array(0) };
    }
    const path = pathOf(info);
    const body = request.body ?? new Uint8Array(0);
    const headers = { ...forwarded(request.headers), ...forwardedFrom(info) };
    if (info.resource === "nodes")
      return this.#kubelets.request(this.#node(info.name), request.method, path, headers, body, signal);
    const target = this.#target(info);
    const answer = await forward(target, request.method, path, headers, body, signal);
    return throughProxy(answer, {
      prefix: info.rest === "" ? info.path : info.path.slice(0, -info.rest.length),
      serverHost: `${target.host}:${target.port}`,
      requestHost: request.headers["host"] ?? "",
    });
  }

  /** Joins an upgraded connection to the server's. @returns the server's answer when it does not agree. @throws {ApiError} */
  async upgrade({ info }: RequestContext, request: UpgradeRequest): Promise<ApiResponse | undefined> {
    if (info.resource === "nodes") return this.#kubelets.upgrade(this.#node(info.name), pathOf(info), request);
    const { scheme, host, port } = this.#target(info);
    const options = { host, port, path: pathOf(info), ...UNCHECKED };
    try {
      return await forwardUpgrade(request, { scheme, options, headers: forwardedFrom(info) });
    } catch (error) {
      throw unreachable(error);
    }
  }

  #node(spec: string): KubeletAddress {
    return this.#kubelets.locate(spec.split(":")[0] ?? "");
  }

  #target({ resource, namespace, name }: RequestInfo): Target {
    return resource === "pods" ? this.#pod(namespace, name) : this.#service(namespace, name);
  }

  #pod(namespace: string, spec: string): Target {
    const { scheme, name, port } = parse(spec);
    const pod = this.#cache.get(`/registry/pods/${namespace}/${name}`)?.object as Pod | undefined;
    if (pod === undefined) throw ApiError.notFound({ group: "", resource: "pods" }, name);
    const host = pod.status?.podIP ?? "";
    if (host === "") throw ApiError.badRequest("address not allowed");
    const ports = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
    const number =
      port === ""
        ? (ports[0]?.containerPort ?? 80)
        : (ports.find((candidate) => candidate.name === port)?.containerPort ?? Number(port));
    return { scheme, host, port: number };
  }

  #service(namespace: string, spec: string): Target {
    const { scheme, name, port } = parse(spec);
    const service = this.#cache.get(`/registry/services/specs/${namespace}/${name}`)?.object as Service | undefined;
    if (service === undefined) throw ApiError.notFound({ group: "", resource: "services" }, name);
    const ports = service.spec?.ports ?? [];
    const wanted =
      port === "" && ports.length === 1
        ? ports[0]
        : ports.find((candidate) => candidate.name === port || String(candidate.port) === port);
    const none = (): ApiError =>
      ApiError.serviceUnavailable(`no endpoints available for service ${JSON.stringify(name)}`);
    if (wanted === undefined)
      throw ApiError.serviceUnavailable(
        `no service port ${JSON.stringify(port)} found for service ${JSON.stringify(name)}`,
      );
    const found = serviceEndpoints(this.#cache, namespace, name, wanted.name ?? "");
    const chosen = found[Math.floor(this.#random.float() * found.length)];
    if (chosen === undefined) throw none();
    return { scheme, ...chosen };
  }
}

/** A pod's certificate is its own affair: upstream does not check it either. */
const UNCHECKED = { rejectUnauthorized: false };

function pathOf({ rest, query }: RequestInfo): string {
  return `${rest === "" ? "/" : rest}${query.size > 0 ? `?${query}` : ""}`;
}

function forwardedFrom({ path }: RequestInfo): Record<string, string> {
  return { "x-forwarded-uri": path, "x-forwarded-proto": "https" };
}

function unreachable(error: unknown): ApiError {
  return ApiError.serviceUnavailable(`error trying to reach service: ${messageOf(error)}`);
}

/** "[scheme:]name[:port]". */
function parse(spec: string): { readonly scheme: "http" | "https"; readonly name: string; readonly port: string } {
  const parts = spec.split(":");
  if (parts.length === 3)
    return { scheme: parts[0] === "https" ? "https" : "http", name: parts[1] ?? "", port: parts[2] ?? "" };
  return { scheme: "http", name: parts[0] ?? "", port: parts[1] ?? "" };
}

function forward(
  target: Target,
  method: string,
  path: string,
  headers: Record<string, string>,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<ApiResponse> {
  const send = target.scheme === "https" ? httpsRequest : httpRequest;
  const tls = target.scheme === "https" ? UNCHECKED : {};
  return new Promise((resolve, reject) => {
    const request = send(
      { host: target.host, port: target.port, method, path, headers, signal, agent: false, ...tls },
      (response) =>
        resolve({
          status: response.statusCode ?? 502,
          headers: forwarded(response.headers as Record<string, string>),
          body: response,
        }),
    );
    request.on("error", (error) => reject(unreachable(error)));
    request.end(body);
  });
}
