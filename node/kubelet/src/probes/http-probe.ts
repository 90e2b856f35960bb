import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import type { HTTPGetAction } from "@tsukube/api/types/core-v1";
import { type ProbeResult, type ProbeTarget, portOf } from "./probe-target.ts";

const MOST_REDIRECTS = 10;
/** What is read of an answer, for the event that says why. */
const BODY_BYTES = 10 * 1024;

/**
 * GET as a probe or a hook makes it: on a connection of its own, any certificate will do. A redirect to the same host is
 * followed, one to another host counts as success (upstream's pkg/probe/http).
 */
export async function httpProbe(get: HTTPGetAction, target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
  const scheme = get.scheme === "HTTPS" ? "https" : "http";
  const host = get.host || target.podIp;
  const bracketed = host.includes(":") ? `[${host}]` : host;
  let url = new URL(`${scheme}://${bracketed}:${portOf(get.port, target.container)}${pathOf(get.path)}`);
  for (let hops = 0; ; hops += 1) {
    const { response, body } = await fetchOnce(url, headersOf(get), signal);
    const code = response.statusCode ?? 0;
    const { location } = response.headers;
    if (code < 300 || code >= 400 || location === undefined) {
      const ok = code >= 200 && code < 400;
      return { ok, message: ok ? body : `HTTP probe failed with statuscode: ${code}` };
    }
    const next = new URL(location, url);
    if (next.hostname !== url.hostname)
      return { ok: true, message: `Probe terminated redirects, Response body: ${body}` };
    if (hops === MOST_REDIRECTS) return { ok: false, message: `stopped after ${MOST_REDIRECTS} redirects` };
    url = next;
  }
}

function pathOf(path: string | undefined): string {
  const given = path || "/";
  return given.startsWith("/") ? given : `/${given}`;
}

/** Names as they are written, each value given; an Accept or User-Agent that is empty is left out. */
function headersOf(get: HTTPGetAction): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  const given = get.httpHeaders ?? [];
  for (const { name, value } of given) headers[name.toLowerCase()] = [...(headers[name.toLowerCase()] ?? []), value];
  headers["user-agent"] ??= ["kube-probe/1.37"];
  headers["accept"] ??= ["*/*"];
  for (const name of ["user-agent", "accept"]) if (headers[name]?.[0] === "") delete headers[name];
  return headers;
}

interface Answer {
  readonly response: IncomingMessage;
  readonly body: string;
}

function fetchOnce(url: URL, headers: Readonly<Record<string, string[]>>, signal: AbortSignal): Promise<Answer> {
  const { host, ...others } = headers;
  const options: RequestOptions = {
    signal,
    agent: false,
    insecureHTTPParser: true, // as lenient as Go's: small servers end lines as they like
    headers: { ...others, connection: "close", ...(host !== undefined && { host: host[0] ?? "" }) },
    ...(url.protocol === "https:" && { rejectUnauthorized: false }),
  };
  return new Promise((resolve, reject) => {
    const request = (url.protocol === "https:" ? httpsRequest : httpRequest)(url, options, (response) => {
      const pieces: Buffer[] = [];
      let size = 0;
      const done = (): void => {
        resolve({ response, body: Buffer.concat(pieces).toString("utf8").slice(0, BODY_BYTES) });
        response.destroy();
      };
      response.on("data", (piece: Buffer) => {
        pieces.push(piece);
        size += piece.length;
        if (size >= BODY_BYTES) done();
      });
      response.on("end", done);
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end();
  });
}
