import { createHash, timingSafeEqual } from "node:crypto";
import type { Secret } from "@tsukube/api/types/core-v1";
import type { Clock } from "@tsukube/foundation";
import type { Authenticator, IncomingRequest, User } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { bearerOf } from "./tokens.ts";

const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const TYPE = "bootstrap.kubernetes.io/token";
const GROUP = "system:bootstrappers";
const EXTRA_GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/** Tokens "ID.SECRET" by which machines join a cluster: Secrets bootstrap-token-ID in kube-system (KEP-130). */
export class BootstrapTokenAuthenticator implements Authenticator {
  readonly #cache: WatchCache;
  readonly #clock: Clock;

  constructor(cache: WatchCache, clock: Clock) {
    this.#cache = cache;
    this.#clock = clock;
  }

  async authenticate({ headers }: IncomingRequest): Promise<User | undefined> {
    const token = bearerOf(headers);
    return token === undefined ? undefined : this.userOf(token);
  }

  /** Undefined unless the token is of this form, known, for authentication, and has not ended. */
  userOf(token: string): User | undefined {
    const [, id = "", secret = ""] = TOKEN.exec(token) ?? [];
    if (id === "") return undefined;
    const found = this.#cache.get(`/registry/secrets/kube-system/bootstrap-token-${id}`)?.object as Secret | undefined;
    if (found?.type !== TYPE || found.metadata?.deletionTimestamp !== undefined) return undefined;
    const field = (name: string): string => Buffer.from(found.data?.[name] ?? "", "base64").toString("utf8");
    if (!isSame(field("token-secret"), secret) || field("token-id") !== id) return undefined;
    if (field("usage-bootstrap-authentication") !== "true" || !this.#lasts(field("expiration"))) return undefined;
    const extra = field("auth-extra-groups")
      .split(",")
      .map((group) => group.trim())
      .filter((group) => group !== "");
    if (!extra.every((group) => EXTRA_GROUP.test(group))) return undefined;
    const groups = [...new Set([GROUP, ...extra])].sort();
    return { name: `system:bootstrap:${id}`, groups: [...groups, "system:authenticated"], extra: {} };
  }

  #lasts(expiration: string): boolean {
    return expiration === "" || Date.parse(expiration) > this.#clock.now();
  }
}

/** In a time that tells nothing about where they differ. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
