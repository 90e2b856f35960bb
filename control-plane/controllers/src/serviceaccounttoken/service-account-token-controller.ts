import { ApiError } from "@tsukube/api";
import type { TokenRequest } from "@tsukube/api/types/authentication-v1";
import type { Secret, ServiceAccount } from "@tsukube/api/types/core-v1";
import { type Informer, type Key, keyOf, type Outcome, SETTLED, startController } from "@tsukube/client";
import { type ControllerContext, SECRETS, SERVICE_ACCOUNTS } from "../context.ts";
import { accountNameOf, base64, plan } from "./plan.ts";

/** The longest that the API issues: such a token ends with its Secret or its account. */
const FOR_EVER_SECONDS = 2 ** 32;

/** Puts tokens of ServiceAccounts into the Secrets that ask for one, bound to them, and removes those whose account is gone. */
export class ServiceAccountTokenController {
  readonly #context: ControllerContext;
  readonly #ca: string;
  readonly #secrets: Informer<Secret>;
  readonly #accounts: Informer<ServiceAccount>;

  /** @param ca PEM of the cluster's authority. */
  constructor(context: ControllerContext, ca: string) {
    this.#context = context;
    this.#ca = ca;
    this.#accounts = context.informers.informer<ServiceAccount>(SERVICE_ACCOUNTS);
    this.#secrets = context.informers.informer<Secret>(SECRETS, { indexes: { account: accountKeysOf } });
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const name = "serviceaccount-token";
    const { queue } = lifetime.own(
      name,
      startController({ name, queueName: "serviceaccount_tokens_service", clock, logger, queues, reconcile }),
    );
    const secret = (object: Secret): void =>
      accountNameOf(object) === undefined ? undefined : queue.add(keyOf(object));
    lifetime.add("secrets", this.#secrets.onChange({ added: secret, updated: (_, now) => secret(now) }));
    const account = (object: ServiceAccount): void => {
      for (const each of this.#secrets.byIndex("account", keyOf(object))) secret(each);
    };
    lifetime.add("accounts", this.#accounts.onChange({ added: account, deleted: account }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const secret = this.#secrets.get(key);
    const name = secret === undefined ? undefined : accountNameOf(secret);
    if (secret === undefined || name === undefined) return SETTLED;
    const { namespace = "" } = secret.metadata ?? {};
    const known = this.#accounts.get(`${namespace}/${name}`) ?? (await this.#live(namespace, name));
    const planned = plan(secret, known, this.#ca);
    if (planned.type === "delete") await this.#remove(secret);
    if (planned.type === "fill") {
      const token = planned.needsToken ? { token: base64(await this.#tokenFor(secret, name)) } : {};
      await this.#write({ ...planned.secret, data: { ...planned.secret.data, ...token } });
    }
    return SETTLED;
  }

  /** The cache may be behind, and what is deleted does not come back. */
  async #live(namespace: string, name: string): Promise<ServiceAccount | undefined> {
    try {
      return await this.#context.client.resource<ServiceAccount>(SERVICE_ACCOUNTS, namespace).get(name);
    } catch (error) {
      if (ApiError.is(error, "NotFound")) return undefined;
      throw error;
    }
  }

  async #tokenFor({ metadata }: Secret, account: string): Promise<string> {
    const { name = "", namespace, uid = "" } = metadata ?? {};
    const request: TokenRequest = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: {
        audiences: [],
        expirationSeconds: FOR_EVER_SECONDS,
        boundObjectRef: { apiVersion: "v1", kind: "Secret", name, uid },
      },
    };
    const accounts = this.#context.client.resource<ServiceAccount>(SERVICE_ACCOUNTS, namespace);
    const { status } = await accounts.createSubresource<TokenRequest>(account, "token", request);
    return status?.token ?? "";
  }

  async #write(secret: Secret): Promise<void> {
    try {
      await this.#context.client.resource<Secret>(SECRETS, secret.metadata?.namespace).update(secret);
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
  }

  async #remove({ metadata }: Secret): Promise<void> {
    const { name = "", namespace, uid = "" } = metadata ?? {};
    try {
      await this.#context.client.resource<Secret>(SECRETS, namespace).delete(name, { preconditions: { uid } });
    } catch (error) {
      if (!ApiError.is(error, "NotFound") && !ApiError.is(error, "Conflict")) throw error;
    }
  }
}

function accountKeysOf(secret: Secret): readonly Key[] {
  const name = accountNameOf(secret);
  return name === undefined ? [] : [`${secret.metadata?.namespace}/${name}`];
}
