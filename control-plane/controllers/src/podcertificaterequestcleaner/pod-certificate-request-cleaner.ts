import { ApiError } from "@tsukube/api";
import type { PodCertificateRequest } from "@tsukube/api/types/certificates-v1";
import type { Informer } from "@tsukube/client";
import { detach, messageOf } from "@tsukube/foundation";
import { type ControllerContext, POD_CERTIFICATE_REQUESTS } from "../context.ts";

const PERIOD_MS = 5 * 60 * 1000;
/** Whoever asks has its answer by then, or asks anew. */
const LIFE_MS = 15 * 60 * 1000;

/** Deletes requests for pods' certificates, answered or not, once they are old. */
export class PodCertificateRequestCleaner {
  readonly #context: ControllerContext;
  readonly #requests: Informer<PodCertificateRequest>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#requests = context.informers.informer<PodCertificateRequest>(POD_CERTIFICATE_REQUESTS);
  }

  start(): void {
    const { clock, lifetime, logger } = this.#context;
    let running: Promise<void> = Promise.resolve();
    const clean = (): void => {
      running = running.then(() => this.clean());
      detach(running, logger, "cannot clean requests for pods' certificates");
    };
    lifetime.add("round", () => running.catch(() => {}));
    lifetime.add("period", clock.every(PERIOD_MS, clean, { background: true }));
  }

  /** One round. What fails is tried again in the next one. */
  async clean(): Promise<void> {
    const oldest = this.#context.clock.now() - LIFE_MS;
    for (const { metadata } of this.#requests.list()) {
      const { name = "", namespace = "", uid = "", creationTimestamp = "" } = metadata ?? {};
      if (Date.parse(creationTimestamp) > oldest) continue;
      const requests = this.#context.client.resource<PodCertificateRequest>(POD_CERTIFICATE_REQUESTS, namespace);
      await requests.delete(name, { preconditions: { uid } }).catch((error: unknown) => {
        if (ApiError.is(error, "NotFound")) return;
        const about = { namespace, name, error: messageOf(error) };
        this.#context.logger.warn("cannot clean a request for a pod's certificate", about);
      });
    }
  }
}
