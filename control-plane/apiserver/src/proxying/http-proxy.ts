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
import { forwarded, forwardedFor } from "./forwarded.ts";
import { isGlobalUnicast } from "./global-unicast.ts";
import type { KubeletConnection } from "./kubelet-connection.ts";
import { framed, type PassedBody, passedBody, sendBody } from "./passed-body.ts";
import { throughProxy } from "./proxied-page.ts";
import { isOfPod, serviceEndpoints } from "./service-endpoints.ts";

interface Target {
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
  readonly isKubelet?: boolean;
}

/** pods, services and nodes /proxy: forwards HTTP with the path that follows; links to the root of a server lead through the proxy. */
export class HttpProxy {
  readonly #cache: WatchCache;
  readonly #kubelets: KubeletConnection;
  readonly #random: Random;
  readonly #isProxied: (address: string) => boolean;

  /** @param isProxied Whether it leads to an address; by default to those that networks route. */
  constructor(cache: WatchCache, kubelets: KubeletConnection, random: Random, isProxied = isGlobalUnicast) {
    this.#cache = cache;
    this.#kubelets = kubelets;
    this.#random = random;
    this.#isProxied = isProxied;
  }

  async handle(context: RequestContext): Promise<ApiResponse> {
    const { info, request, signal } = context;
    if (info.rest === "" && (request.method === "GET" || request.method === "HEAD")) {
      // relative links of the page must lead below the proxy
      this.#target(info); // before it is led anywhere, it is looked for
      const location = `${info.path}/${queryOf(request)}`;
      return { status: 301, headers: { location }, body: new Uint8Array(0) };
    }
    const path = pathOf(context);
    const target = this.#target(info);
    const body = await passedBody(request);
    const headers = framed({ ...forwarded(request.headers), ...forwardedFrom(context) }, body);
    if (target.isKubelet === true) return this.#kubelets.request(target, request.method, path, headers, body, signal);
    const answer = await forward(target, request.method, path, headers, body, signal);
    return throughProxy(answer, {
      prefix: info.rest === "" ? info.path : info.path.slice(0, -info.rest.length),
      serverHost: `${target.host}:${target.port}`,
      requestHost: request.headers["host"] ?? "",
    });
  }

  /** Joins an upgraded connection to the server's. @returns the server's answer when it does not agree. @throws {ApiError} */
  async upgrade(context: RequestContext, request: UpgradeRequest): Promise<ApiResponse | undefined> {
    const target = this.#target(context.info);
    const path = pathOf(context);
    if (target.isKubelet === true) return this.#kubelets.upgrade(target, path, request);
    const { scheme, host, port } = target;
    const options = { host, port, path, ...UNCHECKED };
    try {
      return await forwardUpgrade(request, { scheme, options, headers: forwardedFrom(context) });
    } catch (error) {
      throw unreachable(error);
    }
  }

  /** @throws {ApiError} 400 for names that make no sense, 404, 503. */
  #target({ resource, namespace, name }: RequestInfo): Target {
    const spec = parse(name);
    if (spec === undefined) throw ApiError.badRequest(`invalid ${resource.slice(0, -1)} request "${name}"`);
    switch (resource) {
      case "nodes":
        return this.#node(spec);
      case "pods":
        return this.#pod(namespace, spec);
      default:
        return this.#service(namespace, spec);
    }
  }

  #node({ scheme, name, port }: Named): Target {
    const kubelet = this.#kubelets.locate(name);
    this.#mustBeProxied(kubelet.host);
    if (port === "" || Number(port) === kubelet.port) return { ...kubelet, scheme: "https", isKubelet: true };
    return { scheme, host: kubelet.host, port: Number(port) };
  }

  #pod(namespace: string, { scheme, name, port }: Named): Target {
    const pod = this.#cache.get(`/registry/pods/${namespace}/${name}`)?.object as Pod | undefined;
    if (pod === undefined) throw ApiError.notFound({ group: "", resource: "pods" }, name);
    const host = pod.status?.podIP ?? "";
    this.#mustBeProxied(host);
    const ports = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
    const number =
      port === ""
        ? (ports[0]?.containerPort ?? (scheme === "https" ? 443 : 80))
        : (ports.find((candidate) => candidate.name === port)?.containerPort ?? Number(port));
    return { scheme, host, port: number };
  }

  /** Whatever else its slices name may be anything: only pods of its namespace are led to. */
  #service(namespace: string, { scheme, name, port }: Named): Target {
    const portName = /^\d+$/.test(port) ? this.#portName(namespace, name, Number(port)) : port;
    const found = serviceEndpoints(this.#cache, namespace, name, portName).filter((endpoint) =>
      isOfPod(this.#cache, namespace, endpoint),
    );
    const chosen = found[Math.floor(this.#random.float() * found.length)];
    if (chosen === undefined) throw ApiError.serviceUnavailable(`no endpoints available for service "${name}"`);
    return { scheme, host: chosen.host, port: chosen.port };
  }

  #portName(namespace: string, name: string, port: number): string {
    const service = this.#cache.get(`/registry/services/specs/${namespace}/${name}`)?.object as Service | undefined;
    if (service === undefined) throw ApiError.notFound({ group: "", resource: "services" }, name);
    const found = (service.spec?.ports ?? []).find((candidate) => candidate.port === port);
    if (found !== undefined) return found.name ?? "";
    throw ApiError.serviceUnavailable(`no service port ${port} found for service "${name}"`);
  }

  /** @throws {ApiError} 400: what listens on this machine alone is not for whoever may write a pod's status. */
  #mustBeProxied(address: string): void {
    if (address === "" || !this.#isProxied(address)) throw ApiError.badRequest("address not allowed");
  }
}

/** A pod's certificate is its own affair: upstream does not check it either. */
const UNCHECKED = { rejectUnauthorized: false };

function pathOf({ info, request }: RequestContext): string {
  return `${info.rest === "" ? "/" : info.rest}${queryOf(request)}`;
}

/** As it is written, with its "?": only the server behind knows what it means. */
function queryOf({ path }: RequestContext["request"]): string {
  const at = path.indexOf("?");
  return at < 0 || at === path.length - 1 ? "" : path.slice(at);
}

function forwardedFrom({ info, request }: RequestContext): Record<string, string> {
  return { ...forwardedFor(request), "x-forwarded-uri": info.path, "x-forwarded-proto": "https" };
}

function unreachable(error: unknown): ApiError {
  return ApiError.serviceUnavailable(`error trying to reach service: ${messageOf(error)}`);
}

interface Named {
  readonly scheme: "http" | "https";
  readonly name: string;
  readonly port: string;
}

/** "[scheme:]name[:port]"; undefined for what is not of that form. */
function parse(spec: string): Named | undefined {
  const parts = spec.split(":");
  const [scheme = "", name = "", port = ""] = parts.length === 3 ? parts : ["", ...parts];
  if (parts.length > 3 || name === "" || !["", "http", "https"].includes(scheme)) return undefined;
  return { scheme: scheme === "https" ? "https" : "http", name, port };
}

function forward(
  target: Target,
  method: string,
  path: string,
  headers: Record<string, string | string[]>,
  body: PassedBody,
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
          headers: forwarded(response.headers),
          body: response,
        }),
    );
    request.on("error", (error) => reject(unreachable(error)));
    sendBody(body, request);
  });
}
