import type { ConfigMap, Namespace } from "@tsukube/api/types/core-v1";
import { type Informer, type Key, keyOf, type Outcome, SETTLED, startController } from "@tsukube/client";
import { CONFIG_MAPS, type ControllerContext, NAMESPACES } from "../context.ts";

const NAME = "kube-root-ca.crt";
const DESCRIPTION =
  "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

/** Keeps the certificate authority in ConfigMap "kube-root-ca.crt" of each active namespace. */
export class RootCaController {
  readonly #context: ControllerContext;
  readonly #ca: string;
  readonly #namespaces: Informer<Namespace>;
  readonly #maps: Informer<ConfigMap>;

  /** @param ca PEM. */
  constructor(context: ControllerContext, ca: string) {
    this.#context = context;
    this.#ca = ca;
    this.#namespaces = context.informers.informer<Namespace>(NAMESPACES);
    this.#maps = context.informers.informer<ConfigMap>(CONFIG_MAPS, { fieldSelector: `metadata.name=${NAME}` });
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own(
      "publisher",
      startController({ name: "root-ca", queueName: "root_ca_cert_publisher", clock, logger, queues, reconcile }),
    );
    const add = (namespace: Namespace): void => queue.add(keyOf(namespace));
    lifetime.add("namespaces", this.#namespaces.onChange({ added: add, updated: (_, namespace) => add(namespace) }));
    const changed = (map: ConfigMap): void => queue.add(map.metadata?.namespace ?? "");
    lifetime.add("maps", this.#maps.onChange({ updated: (_, map) => changed(map), deleted: changed }));
  }

  async reconcile(namespace: Key): Promise<Outcome> {
    if (this.#namespaces.get(namespace)?.status?.phase !== "Active") return SETTLED;
    const present = this.#maps.get(`${namespace}/${NAME}`);
    const client = this.#context.client.resource<ConfigMap>(CONFIG_MAPS, namespace);
    const data = { "ca.crt": this.#ca };
    if (present === undefined) {
      const annotations = { "kubernetes.io/description": DESCRIPTION };
      await client.create({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: NAME, namespace, annotations },
        data,
      });
    } else if (present.data?.["ca.crt"] !== this.#ca) await client.update({ ...present, data });
    return SETTLED;
  }
}
