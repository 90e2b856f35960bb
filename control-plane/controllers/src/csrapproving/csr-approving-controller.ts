import { ApiError } from "@tsukube/api";
import type { SubjectAccessReview } from "@tsukube/api/types/authorization-v1";
import type { CertificateSigningRequest } from "@tsukube/api/types/certificates-v1";
import { type Informer, type Key, keyOf, type Outcome, SETTLED, startController } from "@tsukube/client";
import { formatTime } from "@tsukube/foundation";
import { isPending, pemOf } from "../certificates/request-state.ts";
import type { CertificateSigner } from "../certificates/signer.ts";
import { type ControllerContext, SIGNING_REQUESTS } from "../context.ts";
import { type Recognition, recognize } from "./plan.ts";

const REVIEWS = { group: "authorization.k8s.io", version: "v1", resource: "subjectaccessreviews" };

/** Approves requests for client certificates of kubelets whose requesters may have them. Others wait for somebody to decide. */
export class CsrApprovingController {
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
    const name = "csr-approving";
    const { queue } = lifetime.own(
      name,
      startController({ name, queueName: "certificate", clock, logger, queues, reconcile }),
    );
    const look = (request: CertificateSigningRequest): void => {
      if (isPending(request)) queue.add(keyOf(request));
    };
    lifetime.add("requests", this.#requests.onChange({ added: look, updated: (_, now) => look(now) }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const request = this.#requests.get(key);
    if (request === undefined || !isPending(request)) return SETTLED;
    const asked = await this.#context.clock.track(this.#signer.read(pemOf(request.spec.request)));
    for (const recognition of recognize(request, asked)) {
      if (!(await this.#isAllowed(request, recognition))) continue;
      await this.#approve(request, recognition.message);
      return SETTLED;
    }
    return SETTLED;
  }

  async #isAllowed({ spec }: CertificateSigningRequest, { subresource }: Recognition): Promise<boolean> {
    const { username: user = "", uid = "", groups = [], extra } = spec;
    const resourceAttributes = {
      group: "certificates.k8s.io",
      resource: "certificatesigningrequests",
      version: "*",
      verb: "create",
      subresource,
    };
    const review: SubjectAccessReview = {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: { user, uid, groups, ...(extra !== undefined && { extra }), resourceAttributes },
    };
    const { status } = await this.#context.client.resource<SubjectAccessReview>(REVIEWS).create(review);
    return status?.allowed === true;
  }

  async #approve(request: CertificateSigningRequest, message: string): Promise<void> {
    const now = formatTime(this.#context.clock.now());
    const approved = { type: "Approved", status: "True", reason: "AutoApproved", message, lastUpdateTime: now };
    const conditions = [...(request.status?.conditions ?? []), approved];
    const next = { ...request, apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest" };
    const requests = this.#context.client.resource<CertificateSigningRequest>(SIGNING_REQUESTS);
    try {
      await requests.update({ ...next, status: { ...request.status, conditions } }, { subresource: "approval" });
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
  }
}
