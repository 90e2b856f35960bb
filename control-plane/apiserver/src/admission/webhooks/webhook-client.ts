import type { IncomingHttpHeaders } from "node:http";
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
    try {
      return await send(endpoint, config.caBundle ?? "", body, AbortSignal.any([timeout.signal, signal]));
    } catch (error) {
      if (error instanceof WebhookFailure) throw error;
      const why = timeout.signal.aborted ? "context deadline exceeded" : messageOf(error);
      throw new WebhookFailure(`failed to call webhook: Post "${endpoint.url}": ${why}`);
    } finally {
      cancel();
    }
  }

  #endpointOf({ url, service }: WebhookClientConfig): Endpoint {
    if (!service) {
      const parsed = new URL(url ?? "");
      return { url: parsed, host: parsed.hostname, port: Number(parsed.port || 443) };
    }
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

function send({ url, host, port }: Endpoint, caBundle: string, body: string, signal: AbortSignal): Promise<Uint8Array> {
  const bytes = Buffer.from(body);
  const headers = {
    "content-type": "application/json",
    accept: "application/json, */*",
    "content-length": bytes.length,
    host: url.host,
    "user-agent": "kube-apiserver-admission",
  };
  const ca = caBundle === "" ? {} : trusting(Buffer.from(caBundle, "base64").toString("utf8"));
  // certificates of addresses are checked by the address itself
  const named = isIP(url.hostname) === 0 ? { servername: url.hostname } : {};
  const path = url.pathname + url.search;
  return new Promise((resolve, reject) => {
    const options = {
      host,
      port,
      path,
      method: "POST",
      headers,
      signal,
      agent: false,
      ...named,
      ...ca,
    };
    const sent = httpsRequest(options, (response) => {
      const pieces: Uint8Array[] = [];
      let size = 0;
      response.on("data", (piece: Uint8Array) => {
        size += piece.length;
        if (size > MAX_BYTES) sent.destroy(new Error("response is too large"));
        pieces.push(piece);
      });
      response.on("error", reject);
      response.on("end", () => {
        const status = response.statusCode ?? 0;
        const bytes = Buffer.concat(pieces);
        if (status >= 200 && status <= 206) return resolve(bytes);
        reject(new WebhookFailure(`failed to call webhook: ${refusalOf(status, response.headers, bytes)}`));
      });
    });
    sent.on("error", reject);
    sent.end(bytes);
  });
}
