import { ApiError, jsonEqual } from "@tsukube/api";
import type { ConfigMap, Secret } from "@tsukube/api/types/core-v1";
import { type Informer, type Outcome, SETTLED, startController } from "@tsukube/client";
import { CONFIG_MAPS, type ControllerContext, SECRETS } from "../context.ts";
import { signed } from "./plan.ts";

const NAME = "cluster-info";
const PUBLIC = "kube-public";
const SYSTEM = "kube-system";

/** Signs ConfigMap kube-public/cluster-info with every bootstrap token that is for signing. */
export class BootstrapSigner {
  readonly #context: ControllerContext;
  readonly #secrets: Informer<Secret>;
  readonly #maps: Informer<ConfigMap>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#secrets = context.informers.informer<Secret>(SECRETS);
    this.#maps = context.informers.informer<ConfigMap>(CONFIG_MAPS, { fieldSelector: `metadata.name=${NAME}` });
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (): Promise<Outcome> => this.reconcile();
    const { queue } = lifetime.own(
      "signer",
      startController({
        name: "bootstrap-signer",
        queueName: "bootstrap_signer_queue",
        clock,
        logger,
        queues,
        reconcile,
      }),
    );
    const look = ({ metadata }: Secret | ConfigMap, namespace: string): void => {
      if (metadata?.namespace === namespace) queue.add(NAME);
    };
    const tokens = (secret: Secret): void => look(secret, SYSTEM);
    const map = (changed: ConfigMap): void => look(changed, PUBLIC);
    lifetime.add(
      "secrets",
      this.#secrets.onChange({ added: tokens, updated: (_, now) => tokens(now), deleted: tokens }),
    );
    lifetime.add("maps", this.#maps.onChange({ added: map, updated: (_, now) => map(now) }));
  }

  async reconcile(): Promise<Outcome> {
    const map = this.#maps.get(`${PUBLIC}/${NAME}`);
    if (map === undefined) return SETTLED;
    const tokens = this.#secrets.list().filter(({ metadata }) => metadata?.namespace === SYSTEM);
    const data = signed(map.data, tokens, this.#context.clock.now());
    if (jsonEqual(data, map.data ?? {})) return SETTLED;
    try {
      await this.#context.client.resource<ConfigMap>(CONFIG_MAPS, PUBLIC).update({ ...map, data });
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
    return SETTLED;
  }
}
