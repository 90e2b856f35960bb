import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import type { APIServiceSpec } from "@tsukube/api/types/apiregistration-v1";
import type { Service } from "@tsukube/api/types/core-v1";
import type { ApiResponse } from "@tsukube/client";
import type { Random } from "@tsukube/foundation";
import { trusting, type UpgradeRequest } from "@tsukube/host";
import { forwardUpgrade } from "../proxying/forward-upgrade.ts";
import { framed, type PassedBody, sendBody } from "../proxying/passed-body.ts";
import { type ServiceEndpoint, serviceEndpoints } from "../proxying/service-endpoints.ts";
import type { WatchCache } from "../storage/watch-cache.ts";

/** How the API server shows itself to extension servers. PEM. */
export interface FrontProxyCredentials {
  readonly cert: string;
  readonly key: string;
  /** Signs the certificate: extension servers believe the headers of whoever shows one. Absent: others tell them. */
  readonly ca?: string;
}

/** Why a Service cannot be reached, as the reason and the message of an APIService's Available condition. */
export class ServiceProblem extends Error {
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface ExtensionRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: PassedBody;
  readonly signal: AbortSignal;
}

const NO_BYTES = new Uint8Array(0);

/** Requests to the servers behind APIServices, with the front proxy's certificate. */
export class ExtensionClient {
  readonly #cache: WatchCache;
  readonly #credentials: FrontProxyCredentials | undefined;
  readonly #random: Random;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(cache: WatchCache, credentials: FrontProxyCredentials | undefined, random: Random) {
    this.#cache = cache;
    this.#credentials = credentials;
    this.#random = random;
  }

  /** Where a Service answers: an endpoint of it, or its external name. @throws {ServiceProblem} */
  locate({ service }: APIServiceSpec): ServiceEndpoint {
    const { namespace = "", name = "", port = 443 } = service ?? {};
    const what = `service/${name} in ${JSON.stringify(namespace)}`;
    const found = this.#cache.get(`/registry/services/specs/${namespace}/${name}`)?.object as Service | undefined;
    if (found === undefined) throw new ServiceProblem("ServiceNotFound", `${what} is not present`);
    if (found.spec?.type === "ExternalName") return { host: found.spec.externalName ?? "", port };
    const listed = (found.spec?.ports ?? []).find((one) => one.port === port);
    if (listed === undefined) throw new ServiceProblem("ServicePortError", `${what} is not listening on port ${port}`);
    const endpoints = serviceEndpoints(this.#cache, namespace, name, listed.name ?? "");
    const chosen = endpoints[Math.floor(this.#random.float() * endpoints.length)];
    if (chosen !== undefined) return chosen;
    const shown = JSON.stringify(listed.name ?? "");
    throw new ServiceProblem("MissingEndpoints", `endpoints for ${what} have no addresses with port name ${shown}`);
  }

  /** The answer streams. @throws {ServiceProblem}; errors of the network as Node's. */
  request(
    spec: APIServiceSpec,
    { method, path, headers, body = NO_BYTES, signal }: ExtensionRequest,
  ): Promise<ApiResponse> {
    const { host, options } = this.#target(spec);
    const out: Record<string, string | string[]> = { host };
    for (const [header, value] of Object.entries(headers)) out[header] = typeof value === "string" ? value : [...value];
    return new Promise((resolve, reject) => {
      const about = { method, path, headers: framed(out, body), signal, agent: this.#agent };
      const sent = httpsRequest({ ...options, ...about }, (response) =>
        resolve({
          status: response.statusCode ?? 502,
          headers: response.headers as Readonly<Record<string, string | readonly string[]>>,
          body: response,
        }),
      );
      sent.on("error", reject);
      sendBody(body, sent);
    });
  }

  /** Asks for an upgrade. @returns the server's answer when it does not agree. @throws as {@link request}. */
  async upgrade(
    spec: APIServiceSpec,
    request: UpgradeRequest,
    headers: ExtensionRequest["headers"],
  ): Promise<ApiResponse | undefined> {
    const { host, options } = this.#target(spec);
    const target = { ...options, path: request.path };
    return forwardUpgrade(request, { scheme: "https", options: target, headers: { ...headers, host } });
  }

  #target(spec: APIServiceSpec): { readonly host: string; readonly options: RequestOptions } {
    const { host, port } = this.locate(spec);
    const { namespace = "", name = "" } = spec.service ?? {};
    const ca = spec.caBundle ?? "";
    const trust =
      spec.insecureSkipTLSVerify === true
        ? { rejectUnauthorized: false }
        : ca === ""
          ? {}
          : trusting(Buffer.from(ca, "base64").toString("utf8"));
    const { cert, key } = this.#credentials ?? {};
    const shown = cert === undefined || key === undefined ? {} : { cert, key };
    const servername = `${name}.${namespace}.svc`;
    return { host: `${servername}:${port}`, options: { host, port, servername, ...trust, ...shown } };
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Bytes of what a server may say about itself: the OpenAPI document of a large one has a few million. */
const BODY_LIMIT = 32 * 1024 * 1024;

/** The whole body of an answer. @throws when it is larger than 32 MiB. */
export async function wholeBody({ body }: ApiResponse): Promise<Buffer> {
  if (body instanceof Uint8Array) return Buffer.from(body);
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    if (length > BODY_LIMIT) throw new Error(`Cannot read an answer: more than ${BODY_LIMIT} bytes, expected fewer`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
