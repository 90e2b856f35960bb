import { type IncomingHttpHeaders, request } from "node:http";
import { isIP } from "node:net";
import { posix } from "node:path";
import { ApiError, decodeUnstructured, type Json } from "@tsukube/api";
import type { WebhookClientConfig } from "@tsukube/api/types/admissionregistration-v1";
import type { Service } from "@tsukube/api/types/core-v1";
import type { Status } from "@tsukube/api/types/meta-v1";
import { type Clock, messageOf, type Random } from "@tsukube/foundation";
import { answerTo, type KeptConnections, trusting } from "@tsukube/host";
import type { Credentials, Kubeconfig } from "../../configuration/kubeconfig.ts";
import { limitedBody } from "../../configuration/limited-body.ts";
import { type ServiceEndpoint, serviceEndpoints } from "../../proxying/service-endpoints.ts";
import type { WatchCache } from "../../storage/watch-cache.ts";
import { WebhookFailure } from "./review.ts";

/** As Go's client. */
const MOST_REQUESTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Where a webhook is: what its certificate must say, and where to connect. */
interface Endpoint {
  readonly url: URL;
  /** Host and port as they were written: a URL leaves the usual port out. */
  readonly authority: string;
  readonly host: string;
  readonly port: number;
}

export interface WebhookCall {
  readonly config: WebhookClientConfig;
  readonly timeoutSeconds: number;
  readonly body: string;
  readonly signal: AbortSignal;
}

/** Asks webhooks over HTTPS: by URL, or an endpoint of a Service under the name NAME.NAMESPACE.svc. */
export class WebhookClient {
  readonly #credentials: Pick<Kubeconfig, "credentialsFor"> | undefined;
  readonly #cache: WatchCache;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #connections: KeptConnections;

  /** @param credentials Whom to ask as; nobody is told without them. */
  constructor(
    cache: WatchCache,
    clock: Clock,
    random: Random,
    connections: KeptConnections,
    credentials?: Pick<Kubeconfig, "credentialsFor">,
  ) {
    this.#connections = connections;
    this.#credentials = credentials;
    this.#cache = cache;
    this.#clock = clock;
    this.#random = random;
  }

  /** @throws {WebhookFailure} with Go's words, as upstream's clients know them. */
  async post({ config, timeoutSeconds, body, signal }: WebhookCall): Promise<Uint8Array> {
    const endpoint = this.#endpointOf(config, timeoutSeconds);
    const timeout = new AbortController();
    const cancel = this.#clock.after(timeoutSeconds * 1000, () => timeout.abort(), { background: true });
    const { hostname: serverName } = endpoint.url;
    const all = { caBundle: config.caBundle ?? "", signal: AbortSignal.any([timeout.signal, signal]) };
    const target = config.service ? endpoint.authority : `${serverName}:${endpoint.port}`;
    const credentials = this.#credentials?.credentialsFor(target);
    let hop: Hop = { ...all, credentials, endpoint, serverName, body: Buffer.from(body) };
    try {
      for (let requests = 1; ; requests += 1) {
        const answer = await send(this.#connections, hop);
        const redirection = redirectionOf(answer);
        if (redirection === undefined) return answered(answer);
        const { to, isWhole } = redirection;
        if (requests === MOST_REQUESTS)
          throw new WebhookFailure(`failed to call webhook: Post "${to}": stopped after ${MOST_REQUESTS} redirects`);
        const url = new URL(to, hop.endpoint.url);
        const next = url.host === endpoint.url.host ? { ...endpoint, url } : endpointAt(url);
        // who is asked for a Service has its name wherever it leads to
        const name = config.service ? serverName : url.hostname;
        hop = { ...hop, endpoint: next, serverName: name, body: isWhole ? hop.body : undefined };
      }
    } catch (error) {
      if (error instanceof WebhookFailure) throw error;
      const why = timeout.signal.aborted ? "context deadline exceeded" : messageOf(error);
      throw new WebhookFailure(`failed to call webhook: Post "${shown(hop.endpoint)}": ${why}`);
    } finally {
      cancel();
    }
  }

  #endpointOf({ url, service }: WebhookClientConfig, timeoutSeconds: number): Endpoint {
    if (!service) return endpointAt(asked(url ?? "", timeoutSeconds));
    const { namespace = "", name = "", path, port = 443 } = service;
    const authority = `${name}.${namespace}.svc:${port}`;
    const target = asked(`https://${authority}${path ?? "/"}`, timeoutSeconds);
    const at = this.#locate(namespace, name, port);
    if (typeof at !== "string") return { url: target, authority, ...at };
    throw new WebhookFailure(`failed to call webhook: Post "${shown({ url: target, authority })}": ${at}`);
  }

  /** Not at the cluster address, which leads nowhere without a node. @returns why there is none, where that is so. */
  #locate(namespace: string, name: string, port: number): ServiceEndpoint | string {
    const found = this.#cache.get(`/registry/services/specs/${namespace}/${name}`)?.object as Service | undefined;
    if (found === undefined) return `service "${name}" not found`;
    const { type, externalName = "", ports } = found.spec ?? {};
    const listed = ports?.find((one) => one.port === port);
    if (listed === undefined) return `no service port ${port} found for service "${name}"`;
    if (type === "ExternalName") return { host: externalName, port };
    const endpoints = serviceEndpoints(this.#cache, namespace, name, listed.name ?? "");
    const chosen = endpoints[Math.floor(this.#random.float() * endpoints.length)];
    return chosen ?? `no endpoints available for service "${name}"`;
  }
}

function shown({ url, authority }: Pick<Endpoint, "url" | "authority">): string {
  return `${url.protocol}//${authority}${url.pathname}${url.search}`;
}

function endpointAt(url: URL): Endpoint {
  return {
    url,
    authority: url.host,
    host: url.hostname,
    port: Number(url.port || (url.protocol === "http:" ? 80 : 443)),
  };
}

/** @throws {WebhookFailure} */
function answered({ status, headers, body }: HopAnswer): Uint8Array {
  if (status >= 200 && status <= 206) return body;
  throw new WebhookFailure(`failed to call webhook: ${refusalOf(status, headers, body)}`);
}

function asked(at: string, timeoutSeconds: number): URL {
  const url = new URL(at);
  url.pathname = cleaned(url.pathname);
  url.searchParams.set("timeout", `${timeoutSeconds}s`);
  return url;
}

/** Go's servers answer paths with double slashes with a redirect; upstream's client never asks for those, nor for a last slash. */
function cleaned(path: string): string {
  return posix.normalize(path).replace(/(?<=.)\/$/, "");
}

/** Why it does not answer: what a Status says, or the code and text. */
export function refusalOf(code: number, headers: IncomingHttpHeaders, body: Buffer): string {
  try {
    const { kind, message } = decodeUnstructured<Status & Json>(body).object;
    if (kind === "Status" && message) return message;
  } catch {
    // no JSON
  }
  const said = /^(?:text\/|$)/.test(headers["content-type"] ?? "") ? body.toString("utf8").trim() : "unknown";
  return ApiError.generic(code, { resource: "", name: "", said }).message;
}

/** One request of a call: redirections make more. */
interface Hop {
  readonly endpoint: Endpoint;
  /** What the certificate is of. */
  readonly serverName: string;
  /** Undefined: a GET, as which Go's client goes on after some redirections. */
  readonly body: Uint8Array | undefined;
  readonly caBundle: string;
  readonly credentials: Credentials | undefined;
  readonly signal: AbortSignal;
}

interface HopAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Where an answer leads to, and whether the body goes there, too. */
function redirectionOf({ status, headers }: HopAnswer): { readonly to: string; readonly isWhole: boolean } | undefined {
  const { location } = headers;
  return location && REDIRECTS.has(status) ? { to: location, isWhole: status >= 307 } : undefined;
}

async function send(
  connections: KeptConnections,
  { endpoint, serverName, body, caBundle, credentials, signal }: Hop,
): Promise<HopAnswer> {
  const { url, authority, host, port } = endpoint;
  const headers = {
    ...(body !== undefined && { "content-type": "application/json", "content-length": body.length }),
    accept: "application/json, */*",
    host: authority,
    "user-agent": "kube-apiserver-admission",
    ...credentials?.headers(),
  };
  const ca = caBundle === "" ? {} : trusting(Buffer.from(caBundle, "base64").toString("utf8"));
  // certificates of addresses are checked by the address itself
  const named = isIP(serverName) === 0 ? { servername: serverName } : {};
  const asked = { method: body === undefined ? "GET" : "POST", path: url.pathname + url.search, headers, signal };
  const response =
    url.protocol === "https:"
      ? await connections.send({ host, port, ...named, ...ca, ...credentials?.tls }, { ...asked, body })
      : await answerTo(request({ host, port, ...asked, agent: false }), body);
  return { status: response.statusCode ?? 0, headers: response.headers, body: await limitedBody(response) };
}
