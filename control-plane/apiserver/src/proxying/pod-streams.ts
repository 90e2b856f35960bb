import { ApiError, type FeatureGates } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { ApiResponse } from "@tsukube/client";
import type { UpgradeRequest } from "@tsukube/host";
import { isTrue } from "../chain/request-info.ts";
import type { RequestContext, RequestInfo } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import type { KubeletAddress, KubeletConnection } from "./kubelet-connection.ts";
import { kubeletLogQuery } from "./log-options.ts";

const PODS = { group: "", resource: "pods" };
/** Names of query parameters in the API and at the kubelet. */
const STREAMS: Readonly<Record<string, string>> = { stdin: "input", stdout: "output", stderr: "error", tty: "tty" };

/** logs, exec, attach and port-forward: the API server finds the pod's kubelet and passes bytes. */
export class PodStreams {
  readonly #cache: WatchCache;
  readonly #kubelets: KubeletConnection;
  readonly #hasStreams: boolean;

  constructor(cache: WatchCache, kubelets: KubeletConnection, gates: FeatureGates) {
    this.#cache = cache;
    this.#kubelets = kubelets;
    this.#hasStreams = gates.isOn("PodLogsQuerySplitStreams");
  }

  /** GET pods/NAME/log. Of a pod that is on no node yet there is nothing, which is no error. */
  async logs(context: RequestContext): Promise<ApiResponse> {
    const { info } = context;
    const query = kubeletLogQuery(info.query, info.name, this.#hasStreams);
    const pod = this.#pod(info.namespace, info.name);
    const container = containerOf(pod, info.query.get("container") ?? "");
    if ((pod.spec?.nodeName ?? "") === "") return { status: 204, headers: {}, body: new Uint8Array(0) };
    const path = `/containerLogs/${info.namespace}/${info.name}/${container}?${query}`;
    const isUnverified = isTrue(info.query.get("insecureSkipTLSVerifyBackend"));
    const to = { ...this.#kubeletOf(pod), isUnverified };
    const response = await this.#kubelets.request(to, "GET", path, {}, new Uint8Array(0), context.signal);
    if (response.status === 200) return { status: 200, headers: { "content-type": "text/plain" }, body: response.body };
    throw refusedLog(response.status, info.name, await text(response));
  }

  /** Joins an upgraded connection to the kubelet's. @returns the kubelet's answer when it does not agree. @throws {ApiError} */
  async upgrade(context: RequestContext, request: UpgradeRequest): Promise<ApiResponse | undefined> {
    const { info } = context;
    const pod = this.#pod(info.namespace, info.name);
    const kind = info.subresource;
    const container = kind === "portforward" ? "" : containerOf(pod, info.query.get("container") ?? "");
    const to = this.#kubeletOf(pod);
    const base =
      kind === "portforward"
        ? `/portForward/${info.namespace}/${info.name}`
        : `/${kind}/${info.namespace}/${info.name}/${container}`;
    return this.#kubelets.upgrade(to, `${base}?${kubeletQuery(info.query)}`, request);
  }

  #pod(namespace: string, name: string): Pod {
    const pod = this.#cache.get(`/registry/pods/${namespace}/${name}`)?.object as Pod | undefined;
    if (pod === undefined) throw ApiError.notFound(PODS, name);
    return pod;
  }

  /** @throws {ApiError} 404, 400 where the pod runs nowhere. */
  mustHaveHost({ namespace, name }: Pick<RequestInfo, "namespace" | "name">): void {
    this.#kubeletOf(this.#pod(namespace, name));
  }

  #kubeletOf({ spec, metadata }: Pod): KubeletAddress {
    const node = spec?.nodeName ?? "";
    if (node === "") throw ApiError.badRequest(`pod ${metadata?.name} does not have a host assigned`);
    return this.#kubelets.locate(node);
  }
}

/** What the kubelet says of a log that it does not give. */
function refusedLog(code: number, pod: string, said: string): ApiError {
  if (code === 500) return ApiError.internal(new Error(said));
  if (code === 400) return ApiError.badRequest(said.trim());
  return ApiError.generic(code, { resource: "pods/log", name: pod, said });
}

/** @throws {ApiError} 400 for a name that is not there, or where there are several and none was named. */
function containerOf({ metadata, spec }: Pod, asked: string): string {
  const named = (containers: readonly { readonly name?: string }[] = []) => containers.map(({ name = "" }) => name);
  const all = [
    ...named(spec?.initContainers ?? []),
    ...named(spec?.containers),
    ...named(spec?.ephemeralContainers ?? []),
  ];
  if (asked === "") {
    const [only, ...others] = named(spec?.containers);
    if (only !== undefined && others.length === 0) return only;
    const pod = metadata?.name;
    throw ApiError.badRequest(`a container name must be specified for pod ${pod}, choose one of: [${all.join(" ")}]`);
  }
  if (all.includes(asked)) return asked;
  throw ApiError.badRequest(`container ${asked} is not valid for pod ${metadata?.name}`);
}

function kubeletQuery(query: URLSearchParams): URLSearchParams {
  const out = new URLSearchParams();
  for (const [name, value] of query) {
    const kubeletName = STREAMS[name];
    if (kubeletName !== undefined) {
      if (isTrue(value)) out.append(kubeletName, "1");
    } else if (name === "command" || name === "ports" || name === "port") {
      out.append(name, value);
    }
  }
  return out;
}

async function text(response: ApiResponse): Promise<string> {
  if (response.body instanceof Uint8Array) return Buffer.from(response.body).toString("utf8");
  const pieces: Uint8Array[] = [];
  for await (const piece of response.body) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}
