import { createHash } from "node:crypto";
import { ApiError } from "@tsukube/api";
import type { ClusterTrustBundle } from "@tsukube/api/types/certificates-v1";
import { type Informer, type Outcome, SETTLED, startController } from "@tsukube/client";
import { type ControllerContext, TRUST_BUNDLES } from "../context.ts";

const SIGNER = "kubernetes.io/kube-apiserver-serving";

/** Keeps exactly one ClusterTrustBundle of the signer of the API server's certificate: the cluster's authority. */
export class ClusterTrustBundlePublisher {
  readonly #context: ControllerContext;
  readonly #ca: string;
  readonly #bundles: Informer<ClusterTrustBundle>;

  /** @param ca PEM. */
  constructor(context: ControllerContext, ca: string) {
    this.#context = context;
    this.#ca = ca;
    const ours = { fieldSelector: `spec.signerName=${SIGNER}` };
    this.#bundles = context.informers.informer<ClusterTrustBundle>(TRUST_BUNDLES, ours);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (): Promise<Outcome> => this.reconcile();
    const name = "cluster-trust-bundles";
    const { queue } = lifetime.own(
      name,
      startController({ name, queueName: "ca_cert_publisher_cluster_trust_bundles", clock, logger, queues, reconcile }),
    );
    const look = (): void => queue.add(SIGNER);
    lifetime.add("bundles", this.#bundles.onChange({ added: look, updated: look, deleted: look }));
    look();
  }

  async reconcile(): Promise<Outcome> {
    const bundles = this.#context.client.resource<ClusterTrustBundle>(TRUST_BUNDLES);
    const name = bundleName(this.#ca);
    const present = this.#bundles.get(name);
    const spec = { signerName: SIGNER, trustBundle: this.#ca };
    if (present === undefined) await bundles.create({ metadata: { name }, spec });
    else if (present.spec.trustBundle !== this.#ca) await bundles.update({ ...present, spec });
    for (const { metadata } of this.#bundles.list())
      if (metadata?.name !== name)
        await bundles.delete(metadata?.name ?? "").catch((error: unknown) => {
          if (!ApiError.is(error, "NotFound")) throw error;
        });
    return SETTLED;
  }
}

/** As the API demands of bundles of a signer, and another name for other content. */
function bundleName(ca: string): string {
  const digest = createHash("sha256").update(ca).digest("hex").slice(0, 24);
  return `${SIGNER.replaceAll("/", ":")}:${digest}`;
}
