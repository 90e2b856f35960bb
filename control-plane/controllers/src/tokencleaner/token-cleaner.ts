import { ApiError } from "@tsukube/api";
import type { Secret } from "@tsukube/api/types/core-v1";
import { type Informer, type Key, keyOf, type Outcome, SETTLED, splitKey, startController } from "@tsukube/client";
import { type ControllerContext, SECRETS } from "../context.ts";
import { untilWallClock } from "../job/wall-clock.ts";
import { endsIn } from "./plan.ts";

const NAMESPACE = "kube-system";

/** Deletes bootstrap tokens that have ended. */
export class TokenCleaner {
  readonly #context: ControllerContext;
  readonly #secrets: Informer<Secret>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#secrets = context.informers.informer<Secret>(SECRETS);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own(
      "tokens",
      startController({ name: "token-cleaner", queueName: "token_cleaner", clock, logger, queues, reconcile }),
    );
    const look = (secret: Secret): void => {
      const isOurs = secret.metadata?.namespace === NAMESPACE;
      if (isOurs && endsIn(secret, clock.now()) !== undefined) queue.add(keyOf(secret));
    };
    lifetime.add("secrets", this.#secrets.onChange({ added: look, updated: (_, now) => look(now) }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const secret = this.#secrets.get(key);
    const left = secret === undefined ? undefined : endsIn(secret, this.#context.clock.now());
    if (secret === undefined || left === undefined) return SETTLED;
    if (left > 0) return { recheckAfterMs: untilWallClock(left) };
    const { uid = "" } = secret.metadata ?? {};
    try {
      const secrets = this.#context.client.resource<Secret>(SECRETS, NAMESPACE);
      await secrets.delete(splitKey(key).name, { preconditions: { uid } });
    } catch (error) {
      // another one of the name has come meanwhile, or nobody has to do it any more
      if (!ApiError.is(error, "NotFound") && !ApiError.is(error, "Conflict")) throw error;
    }
    return SETTLED;
  }
}
