import { ApiError } from "@tsukube/api";
import type { CertificateSigningRequest } from "@tsukube/api/types/certificates-v1";
import type { Informer } from "@tsukube/client";
import { detach, messageOf } from "@tsukube/foundation";
import { isIssued, pemOf } from "../certificates/request-state.ts";
import type { CertificateSigner } from "../certificates/signer.ts";
import { type ControllerContext, SIGNING_REQUESTS } from "../context.ts";
import { isLeftOver } from "./plan.ts";

const PERIOD_MS = 60 * 60 * 1000;

/** Deletes certificate signing requests that have been dealt with, or that nobody dealt with for a day. */
export class CsrCleaner {
  readonly #context: ControllerContext;
  readonly #signer: CertificateSigner;
  readonly #requests: Informer<CertificateSigningRequest>;

  constructor(context: ControllerContext, signer: CertificateSigner) {
    this.#context = context;
    this.#signer = signer;
    this.#requests = context.informers.informer<CertificateSigningRequest>(SIGNING_REQUESTS);
  }

  start(): void {
    const { clock, lifetime, logger } = this.#context;
    let running: Promise<void> = Promise.resolve();
    const clean = (): void => {
      running = running.then(() => this.clean());
      detach(running, logger, "cannot clean certificate signing requests");
    };
    lifetime.add("round", () => running.catch(() => {}));
    lifetime.add("period", clock.every(PERIOD_MS, clean, { background: true }));
  }

  /** One round. What fails is tried again in the next one. */
  async clean(): Promise<void> {
    for (const request of this.#requests.list()) {
      try {
        if (isLeftOver(request, await this.#endOf(request), this.#context.clock.now())) await this.#remove(request);
      } catch (error) {
        const { name = "" } = request.metadata ?? {};
        this.#context.logger.warn("cannot clean a certificate signing request", { name, error: messageOf(error) });
      }
    }
  }

  /** Who wrote the certificate may have written anything. */
  async #endOf(request: CertificateSigningRequest): Promise<number | undefined> {
    if (!isIssued(request)) return undefined;
    const reading = this.#signer.expiryOf(pemOf(request.status?.certificate));
    return this.#context.clock.track(reading.catch(() => undefined));
  }

  async #remove({ metadata }: CertificateSigningRequest): Promise<void> {
    const { name = "", uid = "" } = metadata ?? {};
    const requests = this.#context.client.resource<CertificateSigningRequest>(SIGNING_REQUESTS);
    try {
      await requests.delete(name, { preconditions: { uid } });
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
  }
}
