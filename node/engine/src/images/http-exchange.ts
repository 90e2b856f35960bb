import { readFileSync } from "node:fs";
import { Agent as HttpAgent, type IncomingMessage, type OutgoingHttpHeaders, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Clock, TsukubeError } from "@tsukube/foundation";

/** Whom to trust, how long to wait. */
export interface HttpTrust {
  readonly skipVerify: boolean;
  readonly ca?: string;
  readonly clock: Clock;
  /** Without a byte for this long an exchange has stalled. */
  readonly stallMs: number;
  readonly signal?: AbortSignal;
}

export interface HttpRequest {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Uint8Array | (() => Readable);
}

const MAX_REDIRECTS = 5;
const MAX_TEXT = 8 * 1024 * 1024;
/** Proxies come from the environment, as everywhere. */
const agents = {
  http: new HttpAgent({ keepAlive: true, proxyEnv: process.env }),
  https: new HttpsAgent({ keepAlive: true, proxyEnv: process.env }),
};

/**
 * One HTTP exchange, redirects of reads followed (credentials stay with the first host, and its TLS). Body errors surface while reading.
 * @throws {TsukubeError} `unreachable`, `stalled`, `cancelled`, `refused`.
 */
export async function exchange(url: URL, request: HttpRequest, trust: HttpTrust): Promise<IncomingMessage> {
  let target = url;
  let headers = request.headers ?? {};
  for (let redirects = 0; ; redirects++) {
    const response = await once(target, { ...request, headers }, trust);
    const { statusCode = 0 } = response;
    const location = response.headers.location;
    const reads = request.method === undefined || request.method === "GET" || request.method === "HEAD";
    if (!reads || statusCode < 300 || statusCode >= 400 || location === undefined || redirects === MAX_REDIRECTS)
      return response;
    response.resume();
    const next = leadsTo(location, target);
    if (next.origin !== target.origin) {
      const { authorization: _, ...rest } = headers;
      headers = rest;
    }
    target = next;
  }
}

function leadsTo(location: string, from: URL): URL {
  const next = URL.parse(location, from);
  if (next !== null && /^https?:$/.test(next.protocol)) return next;
  throw new TsukubeError("refused", `Cannot follow "${from.origin}" to "${location}": expected a URL of http or https`);
}

function once(
  url: URL,
  { method = "GET", headers = {}, body }: HttpRequest,
  trust: HttpTrust,
): Promise<IncomingMessage> {
  const secure = url.protocol === "https:";
  const options = {
    method,
    headers: { "user-agent": "tsukube", ...headers },
    agent: secure ? agents.https : agents.http,
    ...(secure ? { rejectUnauthorized: !trust.skipVerify } : {}),
    ...(secure && trust.ca !== undefined ? { ca: readFileSync(trust.ca) } : {}),
    ...(trust.signal === undefined ? {} : { signal: trust.signal }),
  };
  return new Promise((resolve, reject) => {
    const request = secure ? requestHttps(url, options) : requestHttp(url, options);
    const stalled = (): void => {
      request.destroy(
        new TsukubeError("stalled", `Cannot go on with "${url.origin}": no byte came for ${trust.stallMs} ms`),
      );
    };
    let cancel = trust.clock.after(trust.stallMs, stalled, { background: true });
    const alive = (): void => {
      cancel();
      cancel = trust.clock.after(trust.stallMs, stalled, { background: true });
    };
    request.once("close", () => cancel());
    request.once("error", (cause) => {
      if (trust.signal?.aborted === true) reject(cancelled(url, cause));
      else reject(cause instanceof TsukubeError ? cause : unreachable(url, cause)); // a body may fail, too
    });
    request.once("response", (response) => {
      cancel();
      resolve(response);
    });
    if (typeof body !== "function") request.end(body);
    else {
      const source = body();
      source.on("data", alive);
      pipeline(source, request).catch(reject);
    }
  });
}

function unreachable(url: URL, cause: Error): TsukubeError {
  return new TsukubeError("unreachable", `Cannot reach "${url.origin}"`, { cause });
}

function cancelled(url: URL, cause: Error): TsukubeError {
  return new TsukubeError("cancelled", `Cannot go on with "${url.origin}": it was cancelled`, { cause });
}

/** The body as it comes. @throws {TsukubeError} `stalled` when nothing comes for too long. */
export async function* bodyOf(response: IncomingMessage, trust: HttpTrust): AsyncGenerator<Buffer> {
  const parts = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  try {
    for (;;) {
      const cancel = trust.clock.after(
        trust.stallMs,
        () =>
          response.destroy(
            new TsukubeError("stalled", `Cannot go on reading: no byte came for ${trust.stallMs} ms, expected some`),
          ),
        { background: true },
      );
      const part = await parts.next().finally(cancel);
      if (part.done === true) return;
      yield part.value;
    }
  } finally {
    response.destroy();
  }
}

/** A small body. @throws {TsukubeError} `too-large`. */
export async function readAll(response: IncomingMessage, trust: HttpTrust): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of bodyOf(response, trust)) {
    parts.push(part);
    size += part.length;
    if (size > MAX_TEXT)
      throw new TsukubeError("too-large", `Cannot read answer: more than ${MAX_TEXT} bytes, expected a small document`);
  }
  return Buffer.concat(parts);
}
