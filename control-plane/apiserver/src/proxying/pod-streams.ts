import { ApiError, fieldError } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { ApiResponse } from "@tsukube/client";
import type { UpgradeRequest } from "@tsukube/host";
import type { RequestContext } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import type { KubeletAddress, KubeletConnection } from "./kubelet-connection.ts";

const PODS = { group: "", resource: "pods" };
/** Names of query parameters in the API and at the kubelet. */
const STREAMS: Readonly<Record<string, string>> = { stdin: "input", stdout: "output", stderr: "error", tty: "tty" };
const LOG_OPTIONS = [
  "follow",
  "previous",
  "sinceSeconds",
  "sinceTime",
  "timestamps",
  "tailLines",
  "limitBytes",
  "stream",
];

/** logs, exec, attach and port-forward: the API server finds the pod's kubelet and passes bytes. */
export class PodStreams {
  readonly #cache: WatchCache;
  readonly #kubelets: KubeletConnection;

  constructor(cache: WatchCache, kubelets: KubeletConnection) {
    this.#cache = cache;
    this.#kubelets = kubelets;
  }

  /** GET pods/NAME/log. */
  async logs(context: RequestContext): Promise<ApiResponse> {
    const { info } = context;
    const pod = this.#pod(info.namespace, info.name);
    checkLogOptions(info.query, info.name);
    const container = containerOf(pod, info.query.get("container") ?? "", "log");
    const to = this.#kubeletOf(pod, container);
    const query = new URLSearchParams(
      LOG_OPTIONS.flatMap((name) => (info.query.has(name) ? [[name, info.query.get(name) ?? ""]] : [])),
    );
    const path = `/containerLogs/${info.namespace}/${info.name}/${container}?${query}`;
    const response = await this.#kubelets.request(to, "GET", path, {}, new Uint8Array(0), context.signal);
    if (response.status === 200) return { status: 200, headers: { "content-type": "text/plain" }, body: response.body };
    const message = await text(response);
    throw response.status === 404 ? ApiError.notFound(PODS, info.name) : ApiError.badRequest(message.trim());
  }

  /** Joins an upgraded connection to the kubelet's. @returns the kubelet's answer when it does not agree. @throws {ApiError} */
  async upgrade(context: RequestContext, request: UpgradeRequest): Promise<ApiResponse | undefined> {
    const { info } = context;
    const pod = this.#pod(info.namespace, info.name);
    const kind = info.subresource;
    const container = kind === "portforward" ? "" : containerOf(pod, info.query.get("container") ?? "", kind);
    const to = this.#kubeletOf(pod, container);
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

  #kubeletOf(pod: Pod, container: string): KubeletAddress {
    const node = pod.spec?.nodeName ?? "";
    const name = pod.metadata?.name ?? "";
    if (node === "")
      throw ApiError.badRequest(
        container === ""
          ? `pod ${name} does not have a host assigned`
          : `container "${container}" in pod "${name}" is waiting to start: ContainerCreating`,
      );
    return this.#kubelets.locate(node);
  }
}

function containerOf(pod: Pod, asked: string, verb: string): string {
  const name = pod.metadata?.name ?? "";
  const containers = (pod.spec?.containers ?? []).map((container) => container.name ?? "");
  const inits = (pod.spec?.initContainers ?? []).map((container) => container.name ?? "");
  const ephemeral = (pod.spec?.ephemeralContainers ?? []).map((container) => container.name ?? "");
  if (asked === "") {
    const [only] = containers;
    if (containers.length === 1 && only !== undefined) return only;
    const preferred = pod.metadata?.annotations?.["kubectl.kubernetes.io/default-container"];
    if (verb !== "log" && preferred !== undefined && containers.includes(preferred)) return preferred;
    const more = inits.length > 0 ? ` or one of the init containers: [${inits.join(" ")}]` : "";
    throw ApiError.badRequest(
      `a container name must be specified for pod ${name}, choose one of: [${containers.join(" ")}]${more}`,
    );
  }
  if ([...containers, ...inits, ...ephemeral].includes(asked)) return asked;
  throw ApiError.badRequest(`container ${asked} is not valid for pod ${name}`);
}

function checkLogOptions(query: URLSearchParams, name: string): void {
  const positive = (option: string, least: number, why: string) => {
    const value = query.get(option);
    return value !== null && Number(value) < least ? [fieldError.invalid(option, Number(value), why)] : [];
  };
  const errors = [
    ...positive("tailLines", 0, "must be greater than or equal to 0"),
    ...positive("limitBytes", 1, "must be greater than 0"),
    ...positive("sinceSeconds", 1, "must be greater than 0"),
  ];
  if (query.has("sinceSeconds") && query.has("sinceTime")) {
    errors.push(fieldError.forbidden("sinceSeconds", "at most one of `sinceTime` or `sinceSeconds` may be specified"));
  }
  if (errors.length > 0) throw ApiError.invalid({ group: "", kind: "PodLogOptions" }, name, errors);
}

function kubeletQuery(query: URLSearchParams): URLSearchParams {
  const out = new URLSearchParams();
  for (const [name, value] of query) {
    const kubeletName = STREAMS[name];
    if (kubeletName !== undefined) {
      if (value === "true" || value === "1") out.append(kubeletName, "1");
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
