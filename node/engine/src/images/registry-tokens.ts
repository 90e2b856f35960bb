import { createHash } from "node:crypto";
import type { Clock } from "@tsukube/foundation";
import type { Authorization, RegistryCredentials } from "./registry-auth.ts";

const MOST = 1000;
/** A token must live as long as the request that carries it is under way. */
const MARGIN_MS = 10_000;

/** Who asks whom for what. */
export interface TokenUse {
  readonly base: string;
  readonly scope: string;
  readonly credentials: RegistryCredentials;
}

/** What registries were answered with, until it expires: conversations with the same credentials share it. */
export class RegistryTokens {
  readonly #clock: Clock;
  readonly #kept = new Map<string, { readonly header: string; readonly until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(use: TokenUse): string | undefined {
    const kept = this.#kept.get(keyOf(use));
    return kept === undefined || kept.until <= this.#clock.now() ? undefined : kept.header;
  }

  put(use: TokenUse, { header, lifeMs }: Authorization): void {
    const now = this.#clock.now();
    const key = keyOf(use);
    this.#kept.delete(key);
    this.#kept.set(key, { header, until: now + Math.max(lifeMs - MARGIN_MS, lifeMs / 2) });
    if (this.#kept.size <= MOST) return;
    for (const [other, { until }] of this.#kept) if (until <= now) this.#kept.delete(other);
    for (const oldest of this.#kept.keys()) if (this.#kept.size > MOST) this.#kept.delete(oldest);
  }

  /** Of a registry that no longer takes it. */
  forget(use: TokenUse): void {
    this.#kept.delete(keyOf(use));
  }
}

function keyOf({ base, scope, credentials }: TokenUse): string {
  const { username, password, auth, identityToken } = credentials;
  const who = JSON.stringify([username, password, auth, identityToken]);
  return `${base} ${scope} ${createHash("sha256").update(who).digest("base64")}`;
}
