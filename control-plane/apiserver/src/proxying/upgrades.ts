import { STATUS_CODES } from "node:http";
import { pipeline } from "node:stream/promises";
import type { ApiResponse } from "@tsukube/client";
import { detach, type Logger } from "@tsukube/foundation";
import type { UpgradeRequest } from "@tsukube/host";
import type { Admission } from "../admission/admission.ts";
import { connectRequest, isConnection } from "../admission/connect.ts";
import type { Aggregator } from "../aggregation/aggregator.ts";
import type { Chain } from "../chain/chain.ts";
import { parseRequestInfo } from "../chain/request-info.ts";
import type { RequestContext } from "../contracts.ts";
import type { HttpProxy } from "./http-proxy.ts";
import type { PodStreams } from "./pod-streams.ts";
import { answerWebSocket, streamsOut } from "./websocket-answer.ts";

export interface UpgradeDeps {
  readonly chain: Chain;
  readonly admission: Admission;
  readonly aggregator: Aggregator;
  readonly streams: PodStreams;
  readonly proxy: HttpProxy;
  readonly logger: Logger;
}

/** Requests that want to leave HTTP: each takes the way of any request; what is refused gets an ordinary answer. */
export class Upgrades {
  readonly #deps: UpgradeDeps;

  constructor(deps: UpgradeDeps) {
    this.#deps = deps;
  }

  handle(request: UpgradeRequest): void {
    const work = this.#handle(request).catch((error: unknown) => {
      request.socket.destroy();
      throw error;
    });
    detach(work, this.#deps.logger, "cannot answer an upgrade");
  }

  async #handle(request: UpgradeRequest): Promise<void> {
    const { method, path, headers, repeated, remoteAddress, peer, socket } = request;
    const { chain, aggregator } = this.#deps;
    const gone = new AbortController();
    const ended = new Promise<void>((resolve) => socket.once("close", resolve));
    void ended.then(() => gone.abort());
    const incoming = { method, path, headers, repeated, remoteAddress, peer, signal: gone.signal };
    const info = parseRequestInfo(method, path);
    if (streamsOut(info) && headers["upgrade"]?.toLowerCase() === "websocket") {
      const response = await chain.handle(incoming);
      if (response.status === 200) return answerWebSocket(request, response, info.verb === "watch");
      return answer(request, response);
    }
    const response =
      isConnection(info) || aggregator.serves(info)
        ? await chain.upgrade(incoming, ended, (context) => this.#takeOver(context, request))
        : await chain.handle(incoming); // that it could be upgraded is an offer, RFC 9110 section 7.8
    if (response !== undefined) await answer(request, response);
  }

  async #takeOver(context: RequestContext, request: UpgradeRequest): Promise<ApiResponse | undefined> {
    const { admission, aggregator, chain, proxy, streams } = this.#deps;
    if (aggregator.serves(context.info)) return aggregator.upgrade(context, request);
    const isProxy = context.info.subresource === "proxy";
    if (!isProxy) await chain.mustCreate(context);
    await admission.admit(connectRequest(context));
    return isProxy ? proxy.upgrade(context, request) : streams.upgrade(context, request);
  }
}

/** Ends the connection with an answer. */
async function answer({ socket }: UpgradeRequest, { status, headers, body }: ApiResponse): Promise<void> {
  const whole = body instanceof Uint8Array;
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`];
  for (const [name, value] of Object.entries(headers))
    for (const one of typeof value === "string" ? [value] : value) lines.push(`${name}: ${one}`);
  if (whole && headers["content-length"] === undefined) lines.push(`content-length: ${body.length}`);
  socket.write(`${lines.join("\r\n")}\r\nconnection: close\r\n\r\n`);
  try {
    await pipeline(whole ? [body] : body, socket);
  } catch (error) {
    if (!isLeaving(error)) throw error;
  }
}

function isLeaving(error: unknown): boolean {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return code === "ERR_STREAM_PREMATURE_CLOSE" || code === "ECONNRESET" || code === "EPIPE" || code === "ABORT_ERR";
}
