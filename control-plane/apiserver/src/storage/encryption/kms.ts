import { type Clock, messageOf, type Random, TsukubeError } from "@tsukube/foundation";
import type { KeyManagementService } from "../../../generated/kms-v2.ts";
import { type Cipher, gcmOpen, seededOpen, seededSeal } from "./ciphers.ts";
import { decodeEncryptedObject, type EncryptedObject, encodeEncryptedObject } from "./encrypted-object.ts";
import type { EncryptionMetrics } from "./encryption-metrics.ts";

/** A KMS plugin, as gRPC reaches it. */
export interface KmsPlugin {
  Status(request: object, options: { readonly deadline: number }): Promise<KeyManagementService["Status"]["response"]>;
  Encrypt(
    request: KeyManagementService["Encrypt"]["request"],
    options: { readonly deadline: number },
  ): Promise<KeyManagementService["Encrypt"]["response"]>;
  Decrypt(
    request: KeyManagementService["Decrypt"]["request"],
    options: { readonly deadline: number },
  ): Promise<KeyManagementService["Decrypt"]["response"]>;
  close(): void;
}

/** A plugin answered that it does not do it; the message is its own. */
export class KmsRefusal extends Error {}

export interface KmsOptions {
  readonly name: string;
  readonly endpoint: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics?: EncryptionMetrics;
  /** Told when the plugin has a new key: what was written with the old one should be written again. */
  onRotation(): void;
}

type Source = Omit<EncryptedObject, "data">;
type Seed = Source & { readonly plain: Uint8Array };

/** How often the plugin is asked for its status by itself; while it is not well, more often. All of them are upstream's times. */
const ASK_EVERY_MS = 60_000;
const ASK_AGAIN_MS = 10_000;
/** How long its health is as it was said, when it was well and when not. */
const WELL_FOR_MS = 20_000;
const UNWELL_FOR_MS = 3000;
/** A seed writes so long after the plugin last said that its key is the one that encrypts it. */
const WRITES_FOR_MS = 180_000;
/** A seed that the plugin could not decrypt is not asked for again before: whoever needs it need not wait as long as it takes to fail. */
const FAILED_FOR_MS = 3000;
const MAX_KEY_ID_BYTES = 1024;

/**
 * Envelope encryption, KMS v2: a seed of our own encrypts values, the plugin encrypts the seed. It is asked once for each seed that is
 * met, and every minute whether it is well and its key still the same: only another key makes another seed.
 */
export class KmsCipher implements Cipher {
  readonly prefix: string;
  readonly #plugin: KmsPlugin;
  readonly options: KmsOptions;
  readonly #seeds = new Map<string, Promise<Uint8Array>>();
  readonly #lost = new WeakSet<Promise<Uint8Array>>();
  /** Keys of the plugin by which something that was read or written lies encrypted. */
  readonly #keyIds = new Set<string>();
  readonly #stop: () => void;
  #seed: Seed | undefined;
  #writesUntil = 0;
  #looking: Promise<void> | undefined;
  /** What the last look came to, and when it began. */
  #said: { readonly at: number; readonly problem: string | undefined } | undefined;
  #version: string | undefined;
  #calls = 0;
  #isClosed = false;

  constructor(plugin: KmsPlugin, options: KmsOptions) {
    this.prefix = `k8s:enc:kms:v2:${options.name}:`;
    this.#plugin = plugin;
    this.options = options;
    this.#stop = options.clock.every(ASK_AGAIN_MS, () => this.#askAgain(), { background: true });
  }

  /** What was begun is finished first. */
  close(): void {
    this.#stop();
    this.#isClosed = true;
    if (this.#calls === 0) this.#plugin.close();
  }

  async encrypt(plain: Uint8Array, key: string): Promise<Uint8Array> {
    const seed = this.#current() ?? (await this.#renewed());
    this.options.metrics?.usedKey("to_storage", this.options.name, seed.keyId);
    return encodeEncryptedObject({ ...seed, data: seededSeal(plain, seed.plain, this.options.random, key) });
  }

  async decrypt(sealed: Uint8Array, key: string): Promise<Uint8Array> {
    const object = decodeEncryptedObject(sealed);
    const secret = await this.#seedOf(object);
    this.options.metrics?.usedKey("from_storage", this.options.name, object.keyId);
    return object.sourceType === 1 ? seededOpen(object.data, secret, key) : gcmOpen(object.data, secret, key);
  }

  /** Why it cannot be relied on; undefined: it can. What was found out a moment ago is not asked again. */
  async problem(): Promise<string | undefined> {
    const said = this.#said;
    const age = this.options.clock.monotonic() - (said?.at ?? 0);
    if (said !== undefined && age < (said.problem === undefined ? WELL_FOR_MS : UNWELL_FOR_MS)) return said.problem;
    await this.#look().catch(() => {});
    return this.#said?.problem;
  }

  forgetFailure(sealed: Uint8Array): void {
    this.#forget(nameOf(decodeEncryptedObject(sealed)));
  }

  isStale(sealed: Uint8Array): boolean {
    return this.#seed !== undefined && decodeEncryptedObject(sealed).keyId !== this.#seed.keyId;
  }

  /** Has the plugin decrypted the seed, once. */
  #seedOf(source: Source): Promise<Uint8Array> {
    this.#keyIds.add(source.keyId);
    const name = nameOf(source);
    let seed = this.#seeds.get(name);
    if (seed === undefined) {
      this.options.metrics?.missed();
      seed = this.#used(() => this.#decrypted(source));
      this.#know(name, seed);
      this.#rememberFailure(name, seed);
    }
    return seed;
  }

  #know(name: string, seed: Promise<Uint8Array>): void {
    this.#seeds.set(name, seed);
    this.options.metrics?.knows(this.options.name, this.#seeds.size);
  }

  #rememberFailure(name: string, seed: Promise<Uint8Array>): void {
    seed.catch(() => {
      this.#lost.add(seed);
      this.options.clock.after(FAILED_FOR_MS, () => this.#forget(name), { background: true });
    });
  }

  #forget(name: string): void {
    const seed = this.#seeds.get(name);
    if (seed === undefined || !this.#lost.has(seed)) return;
    this.#seeds.delete(name);
    this.options.metrics?.knows(this.options.name, this.#seeds.size);
  }

  async #decrypted({ source, keyId, annotations }: Source): Promise<Uint8Array> {
    const request = { ciphertext: source, keyId, annotations, uid: this.options.random.uuid() };
    const { plaintext } = await this.#ask("Decrypt", "decrypt", (options) => this.#plugin.Decrypt(request, options));
    return plaintext ?? new Uint8Array(0);
  }

  #askAgain(): void {
    const age = this.options.clock.monotonic() - (this.#said?.at ?? Number.NEGATIVE_INFINITY);
    if (this.#said?.problem === undefined && age < ASK_EVERY_MS) return;
    this.#look().catch(() => {}); // it may write on for a while; then who writes is told
  }

  /** The seed that may write now. */
  #current(): Seed | undefined {
    return this.options.clock.monotonic() < this.#writesUntil ? this.#seed : undefined;
  }

  /** Has the plugin say that the seed may write on, or encrypt another. */
  async #renewed(): Promise<Seed> {
    await this.#look();
    const seed = this.#current();
    if (seed === undefined) throw this.#failed("encrypt", new KmsRefusal("it took longer than its key is good for"));
    return seed;
  }

  /** Asks the plugin how it is and by which key; another one than the seed's encrypts a new seed. Who asks meanwhile shares the answer. */
  #look(): Promise<void> {
    this.#looking ??= this.#used(() => this.#lookNow()).finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookNow(): Promise<void> {
    const at = this.options.clock.monotonic();
    try {
      const keyId = await this.#status();
      if (this.#seed?.keyId !== keyId) this.#seed = await this.#made(keyId);
      this.#writesUntil = at + WRITES_FOR_MS;
      this.#said = { at: this.options.clock.monotonic(), problem: undefined };
      this.#tellOfOthers(keyId);
    } catch (error) {
      this.#said = { at: this.options.clock.monotonic(), problem: messageOf(error) };
      throw error;
    }
  }

  /** @returns which key the plugin has, when it is well. */
  async #status(): Promise<string> {
    const answer = await this.#ask("Status", "look at the key", (options) => this.#plugin.Status({}, options));
    const { keyId = "", healthz, version = "" } = answer;
    if (!/^v2(beta1)?$/.test(version)) throw this.#failed("encrypt", new KmsRefusal(`version ${version}`));
    this.#version ??= version;
    if (version !== this.#version)
      throw this.#failed("encrypt", new KmsRefusal(`version ${version}, and ${this.#version} before`));
    if (healthz !== "ok") throw this.#failed("encrypt", new KmsRefusal(`health: ${healthz}`));
    const { metrics, name } = this.options;
    const mistake = keyId === "" ? "empty" : Buffer.byteLength(keyId) > MAX_KEY_ID_BYTES ? "too_long" : undefined;
    if (mistake !== undefined) {
      metrics?.toldInvalidKey(name, mistake);
      throw this.#failed("encrypt", new KmsRefusal(`a key id that is ${mistake.replace("_", " ")}`));
    }
    metrics?.toldKey(name, keyId);
    return keyId;
  }

  /** A new seed, encrypted by a key of the plugin. */
  async #made(wanted: string): Promise<Seed> {
    const { clock, random, metrics } = this.options;
    const began = clock.monotonic();
    const plain = random.bytes(32);
    metrics?.madeSeed(clock.monotonic() - began);
    const request = { plaintext: plain, uid: random.uuid() };
    const {
      ciphertext,
      keyId = "",
      annotations = {},
    } = await this.#ask("Encrypt", "encrypt", (options) => this.#plugin.Encrypt(request, options));
    if (ciphertext === undefined || ciphertext.length === 0 || keyId === "")
      throw this.#failed("encrypt", new KmsRefusal("no ciphertext, or no key id"));
    if (keyId !== wanted) throw this.#failed("encrypt", new KmsRefusal("it has another key than it says"));
    const seed: Seed = { plain, keyId, source: ciphertext, annotations, sourceType: 1 };
    // what is written with it is read back without the plugin
    this.#know(nameOf(seed), Promise.resolve(plain));
    return seed;
  }

  /** What lies encrypted by another key, also of before this process, should be written again. */
  #tellOfOthers(keyId: string): void {
    const isOutdated = [...this.#keyIds].some((other) => other !== keyId);
    this.#keyIds.clear();
    this.#keyIds.add(keyId);
    if (isOutdated) this.options.onRotation();
  }

  async #used<T>(work: () => Promise<T>): Promise<T> {
    this.#calls += 1;
    try {
      return await work();
    } finally {
      this.#calls -= 1;
      if (this.#isClosed && this.#calls === 0) this.#plugin.close();
    }
  }

  async #ask<T>(
    method: keyof KeyManagementService,
    what: string,
    work: (options: { readonly deadline: number }) => Promise<T>,
  ): Promise<T> {
    const { clock, timeoutMs, name, metrics } = this.options;
    const began = clock.monotonic();
    try {
      const answer = await work({ deadline: clock.now() + timeoutMs });
      metrics?.asked(name, method, clock.monotonic() - began);
      return answer;
    } catch (cause) {
      metrics?.asked(name, method, clock.monotonic() - began, cause);
      throw this.#failed(what, cause);
    }
  }

  #failed(what: string, cause: unknown): TsukubeError {
    const { name, endpoint } = this.options;
    const state =
      cause instanceof KmsRefusal
        ? `its plugin answers "${cause.message}", expected it to do so; its own log says more`
        : `${messageOf(cause)}, expected its plugin to answer; start that, or correct the endpoint or timeout in the encryption configuration`;
    return new TsukubeError("unavailable", `Cannot ${what} with KMS "${name}" at ${endpoint}: ${state}`, { cause });
  }
}

function nameOf({ source, keyId, sourceType }: Source): string {
  return `${sourceType} ${keyId} ${Buffer.from(source).toString("base64")}`;
}
