import { request } from "node:https";
import { type Clock, withinTime } from "@tsukube/foundation";
import { limitedBody } from "../../configuration/limited-body.ts";

const TIMEOUT_MS = 30_000;
const REDIRECTIONS = 10;

export interface IssuerAnswer {
  readonly status: number;
  readonly cacheControl: string;
  readonly body: Buffer;
}

/** Asks an issuer for what it publishes. */
export class IssuerClient {
  readonly #ca: string;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;

  /** @param ca PEM; "": whoever the machine believes. @param signal Ends what is asked. */
  constructor(ca: string, clock: Clock, signal: AbortSignal) {
    this.#ca = ca;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** @throws what keeps it from answering in time. */
  get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<IssuerAnswer> {
    return withinTime(this.#clock, TIMEOUT_MS, this.#signal, (signal) =>
      this.#get(new URL(url), headers, signal, REDIRECTIONS),
    );
  }

  #get(
    url: URL,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
    redirections: number,
  ): Promise<IssuerAnswer> {
    const trusted = this.#ca === "" ? {} : { ca: this.#ca, allowPartialTrustChain: true };
    return new Promise((done, reject) => {
      if (url.protocol !== "https:") throw new Error(`Get "${url}": unsupported protocol scheme "${url.protocol}"`);
      const failed = (error: Error): void => reject(new Error(`Get "${url}": ${error.message}`, { cause: error }));
      const sent = request(url, { headers, signal, agent: false, ...trusted }, (response) => {
        const { statusCode: status = 0, headers: given } = response;
        if (status >= 300 && status < 400 && status !== 304 && given.location !== undefined) {
          response.resume();
          if (redirections === 0) return failed(new Error(`stopped after ${REDIRECTIONS} redirects`));
          const next = new URL(given.location, url);
          const shown = next.host === url.host ? headers : {};
          return void this.#get(next, shown, signal, redirections - 1).then(done, reject);
        }
        const cacheControl = given["cache-control"] ?? "";
        limitedBody(response).then((body) => done({ status, cacheControl, body }), failed);
      });
      sent.on("error", failed);
      sent.end();
    });
  }
}
