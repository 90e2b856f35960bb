import { ApiError } from "@tsukube/api";
import type { CertificateSigningRequest, CertificateSigningRequestStatus } from "@tsukube/api/types/certificates-v1";
import { type Informer, type Key, keyOf, type Outcome, SETTLED, startController } from "@tsukube/client";
import { formatTime } from "@tsukube/foundation";
import { pemOf } from "../certificates/request-state.ts";
import type { CertificateSigner } from "../certificates/signer.ts";
import { type ControllerContext, SIGNING_REQUESTS } from "../context.ts";
import { isOurs, judge, type Verdict } from "./plan.ts";

/** Signs approved requests to the cluster's own signers, or says in them why it does not. */
export class CsrSigningController {
  readonly #context: ControllerContext;
  readonly #signer: CertificateSigner;
  readonly #requests: Informer<CertificateSigningRequest>;

  constructor(context: ControllerContext, signer: CertificateSigner) {
    this.#context = context;
    this.#signer = signer;
    this.#requests = context.informers.informer<CertificateSigningRequest>(SIGNING_REQUESTS);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const name = "csr-signing";
    const { queue } = lifetime.own(
      name,
      startController({ name, queueName: "certificate", clock, logger, queues, reconcile }),
    );
    const look = (request: CertificateSigningRequest): void => {
      if (isOurs(request)) queue.add(keyOf(request));
    };
    lifetime.add("requests", this.#requests.onChange({ added: look, updated: (_, now) => look(now) }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const request = this.#requests.get(key);
    if (request === undefined || !isOurs(request)) return SETTLED;
    const csr = pemOf(request.spec.request);
    const asked = await this.#context.clock.track(this.#signer.read(csr));
    await this.#answer(request, await this.#statusOf(request, csr, judge(request, asked)));
    return SETTLED;
  }

  async #statusOf(
    request: CertificateSigningRequest,
    csr: string,
    verdict: Verdict,
  ): Promise<CertificateSigningRequestStatus> {
    const { clock } = this.#context;
    if (verdict.type === "sign") {
      const certificate = await clock.track(this.#signer.sign(csr, verdict));
      return { ...request.status, certificate: Buffer.from(certificate).toString("base64") };
    }
    const failed = {
      type: "Failed",
      status: "True",
      reason: "SignerValidationFailure",
      message: verdict.why,
      lastUpdateTime: formatTime(clock.now()),
    };
    return { ...request.status, conditions: [...(request.status?.conditions ?? []), failed] };
  }

  async #answer(request: CertificateSigningRequest, status: CertificateSigningRequestStatus): Promise<void> {
    const requests = this.#context.client.resource<CertificateSigningRequest>(SIGNING_REQUESTS);
    const next = { ...request, apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", status };
    try {
      await requests.updateStatus(next);
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
  }
}
