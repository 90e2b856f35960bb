import { request as httpsRequest } from "node:https";
import { ApiError } from "@tsukube/api";
import type { Node } from "@tsukube/api/types/core-v1";
import type { ApiResponse } from "@tsukube/client";
import { messageOf } from "@tsukube/foundation";
import type { UpgradeRequest } from "@tsukube/host";
import type { WatchCache } from "../storage/watch-cache.ts";
import { forwardUpgrade } from "./forward-upgrade.ts";
import { forwarded } from "./forwarded.ts";
import { framed, type PassedBody, sendBody } from "./passed-body.ts";

/** How the API server shows itself to kubelets, and whom it believes. PEM. */
export interface KubeletCredentials {
  /** Who has no certificate comes as nobody. */
  readonly cert?: string;
  readonly key?: string;
  /** Signs the kubelets' serving certificates, which are not looked at without it. */
  readonly ca?: string;
}

export interface KubeletAddress {
  readonly host: string;
  readonly port: number;
  /** Whoever asks does not mind who answers there. */
  readonly isUnverified?: boolean;
}

/** Of a node, in the order in which they are tried: names may be known to nobody here. */
const ADDRESSES = ["InternalIP", "Hostname", "InternalDNS", "ExternalIP", "ExternalDNS"];

/** Requests to the kubelets of the cluster, with the API server's own certificate. */
export class KubeletConnection {
  readonly #cache: WatchCache;
  readonly #credentials: KubeletCredentials;

  constructor(cache: WatchCache, credentials: KubeletCredentials = {}) {
    this.#cache = cache;
    this.#credentials = credentials;
  }

  /** @throws {ApiError} 404 for a node that is not there, 503 for one that has not said where its kubelet is. */
  locate(nodeName: string): KubeletAddress {
    const node = this.#cache.get(`/registry/minions/${nodeName}`)?.object as Node | undefined;
    if (node === undefined) throw ApiError.notFound({ group: "", resource: "nodes" }, nodeName);
    const address = (type: string): string | undefined =>
      node.status?.addresses?.find((entry) => entry.type === type)?.address;
    const host = ADDRESSES.map(address).find((found) => found !== undefined);
    const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 0;
    if (host === undefined || port === 0)
      throw ApiError.serviceUnavailable(`Cannot reach node "${nodeName}": its kubelet has not reported an address yet`);
    return { host, port };
  }

  /** Forwards a request; the answer streams. */
  request(
    to: KubeletAddress,
    method: string,
    path: string,
    headers: Readonly<Record<string, string | string[]>>,
    body: PassedBody,
    signal: AbortSignal,
  ): Promise<ApiResponse> {
    const tls = this.#tls(to);
    return new Promise((resolve, reject) => {
      const request = httpsRequest(
        {
          host: to.host,
          port: to.port,
          method,
          path,
          headers: framed(forwarded(headers), body),
          ...tls,
          servername: "",
          signal,
          agent: false,
        },
        (response) =>
          resolve({
            status: response.statusCode ?? 502,
            headers: forwarded(response.headers),
            body: response,
          }),
      );
      request.on("error", (error) => reject(unreachable(to, error)));
      sendBody(body, request);
    });
  }

  /** Asks for an upgrade. @returns the kubelet's answer when it does not agree. */
  async upgrade(to: KubeletAddress, path: string, request: UpgradeRequest): Promise<ApiResponse | undefined> {
    const options = { host: to.host, port: to.port, path, servername: "", ...this.#tls(to) };
    try {
      return await forwardUpgrade(request, { scheme: "https", options });
    } catch (error) {
      throw unreachable(to, error);
    }
  }

  #tls({ isUnverified = false }: KubeletAddress): KubeletCredentials & { readonly rejectUnauthorized?: false } {
    const isAnybody = isUnverified || this.#credentials.ca === undefined;
    return { ...this.#credentials, ...(isAnybody && { rejectUnauthorized: false }) };
  }
}

function unreachable(to: KubeletAddress, error: unknown): ApiError {
  return ApiError.serviceUnavailable(`Cannot reach the kubelet at ${to.host}:${to.port}: ${messageOf(error)}`);
}
