import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { posix } from "node:path";
import { ApiError, decodeUnstructured, type Json } from "@tsukube/api";
import type { WebhookClientConfig } from "@tsukube/api/types/admissionregistration-v1";
import type { Service } from "@tsukube/api/types/core-v1";
import type { Status } from "@tsukube/api/types/meta-v1";
import { type Clock, messageOf } from "@tsukube/foundation";
import { trusting } from "@tsukube/host";
import type { WatchCache } from "../../storage/watch-cache.ts";
import { WebhookFailure } from "./review.ts";

const DEFAULT_SECONDS = 10;
const MAX_BYTES = 3 * 1024 * 1024;
/** As Go's client. */
const MOST_REQUESTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Where a webhook is: what its certificate must say, and where to connect. */
interface Endpoint {
  readonly url: URL;
  readonly host: string;
  readonly port: number;
}

export interface WebhookCall {
  readonly config: WebhookClientConfig;
  readonly timeoutSeconds?: number;
  readonly body: string;
  readonly signal: AbortSignal;
}

/** Asks webhooks over HTTPS: by URL, or a Service at its cluster address under the name NAME.NAMESPACE.svc. */
export class WebhookClient {
  readonly #cache: WatchCache;
  readonly #clock: Clock;

  constructor(cache: WatchCache, clock: Clock) {
    this.#cache = cache;
    this.#clock = clock;
  }

  /** @throws {WebhookFailure} with Go's words, as upstream's clients know them. */
  async post({ config, timeoutSeconds = DEFAULT_SECONDS, body, signal }: WebhookCall): Promise<Uint8Array> {
    const endpoint = this.#endpointOf(config);
    endpoint.url.pathname = cleaned(endpoint.url.pathname);
    endpoint.url.searchParams.set("timeout", `${timeoutSeconds}s`);
    const timeout = new AbortController();
    const cancel = this.#clock.after(timeoutSeconds * 1000, () => timeout.abort(), { background: true });
    const { hostname: serverName } = endpoint.url;
    const all = { caBundle: config.caBundle ?? "", signal: AbortSignal.any([timeout.signal, signal]) };
    let hop: Hop = { ...all, endpoint, serverName, body: Buffer.from(body) };
    try {
      for (let requests = 1; ; requests += 1) {
        const answer = await send(hop);
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
      throw new WebhookFailure(`failed to call webhook: Post "${hop.endpoint.url}": ${why}`);
    } finally {
      cancel();
    }
  }

  #endpointOf({ url, service }: WebhookClientConfig): Endpoint {
    if (!service) return endpointAt(new URL(url ?? ""));
    const { namespace = "", name = "", path, port = 443 } = service;
    const found = this.#cache.get(`/registry/services/specs/${namespace}/${name}`)?.object as Service | undefined;
    const target = new URL(`https://${name}.${namespace}.svc:${port}${path ?? "/"}`);
    const host = found?.spec?.type === "ExternalName" ? found.spec.externalName : found?.spec?.clusterIP;
    if (found === undefined || host === undefined || host === "None") {
      const why = found === undefined ? `service "${name}" not found` : `service "${name}" has no cluster address`;
      throw new WebhookFailure(`failed to call webhook: Post "${target}": ${why}`);
    }
    if (!(found.spec?.ports ?? []).some((one) => one.port === port))
      throw new WebhookFailure(
        `failed to call webhook: Post "${target}": no service port ${port} found for service "${name}"`,
      );
    return { url: target, host, port };
  }
}

function endpointAt(url: URL): Endpoint {
  return { url, host: url.hostname, port: Number(url.port || (url.protocol === "http:" ? 80 : 443)) };
}

/** @throws {WebhookFailure} */
function answered({ status, headers, body }: HopAnswer): Uint8Array {
  if (status >= 200 && status <= 206) return body;
  throw new WebhookFailure(`failed to call webhook: ${refusalOf(status, headers, body)}`);
}

/** Go's servers answer paths with double slashes with a redirect; upstream's client never asks for those, nor for a last slash. */
function cleaned(path: string): string {
  return posix.normalize(path).replace(/(?<=.)\/$/, "");
}

/** Why it does not answer: what a Status says, or the code and text. */
function refusalOf(code: number, headers: IncomingHttpHeaders, body: Buffer): string {
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

function send({ endpoint, serverName, body, caBundle, signal }: Hop): Promise<HopAnswer> {
  const { url, host, port } = endpoint;
  const headers = {
    ...(body !== undefined && { "content-type": "application/json", "content-length": body.length }),
    accept: "application/json, */*",
    host: url.host,
    "user-agent": "kube-apiserver-admission",
  };
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  const ca = caBundle === "" ? {} : trusting(Buffer.from(caBundle, "base64").toString("utf8"));
  // certificates of addresses are checked by the address itself
  const named = isIP(serverName) === 0 ? { servername: serverName } : {};
  const path = url.pathname + url.search;
  const method = body === undefined ? "GET" : "POST";
  return new Promise((resolve, reject) => {
    const options = { host, port, path, method, headers, signal, agent: false, ...named, ...ca };
    const sent = request(options, (response) => {
      const pieces: Uint8Array[] = [];
      let size = 0;
      response.on("data", (piece: Uint8Array) => {
        size += piece.length;
        if (size > MAX_BYTES) sent.destroy(new Error("response is too large"));
        pieces.push(piece);
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces) }),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
