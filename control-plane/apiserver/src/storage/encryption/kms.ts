import { type Clock, messageOf, type Random, TsukubeError } from "@tsukube/foundation";
import type { KeyManagementService } from "../../../generated/kms-v2.ts";
import { type Cipher, gcmOpen, seededOpen, seededSeal } from "./ciphers.ts";
import { decodeEncryptedObject, type EncryptedObject, encodeEncryptedObject } from "./encrypted-object.ts";

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
  /** Told when the plugin has a new key: what was written with the old one should be written again. */
  onRotation(): void;
}

type Source = Omit<EncryptedObject, "data">;
type Seed = Source & { readonly plain: Uint8Array };

const ASK_EVERY_MS = 60_000;
/** A seed writes so long after the plugin last said that its key is the one that encrypts it: upstream's time. */
const WRITES_FOR_MS = 180_000;
/** A seed that the plugin could not decrypt is not asked for again before: whoever needs it need not wait as long as it takes to fail. */
const FAILED_FOR_MS = 3000;

/**
 * Envelope encryption, KMS v2: a seed of our own encrypts values, the plugin encrypts the seed. It is asked once for each seed that is
 * met, and every minute whether its key is still the same: only another key makes another seed.
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
  #renewing: Promise<void> | undefined;
  #calls = 0;
  #isClosed = false;

  constructor(plugin: KmsPlugin, options: KmsOptions) {
    this.prefix = `k8s:enc:kms:v2:${options.name}:`;
    this.#plugin = plugin;
    this.options = options;
    this.#stop = options.clock.every(ASK_EVERY_MS, () => this.#askAgain(), { background: true });
  }

  /** What was begun is finished first. */
  close(): void {
    this.#stop();
    this.#isClosed = true;
    if (this.#calls === 0) this.#plugin.close();
  }

  async encrypt(plain: Uint8Array, key: string): Promise<Uint8Array> {
    const seed = this.#current() ?? (await this.#used(() => this.#renewed()));
    return encodeEncryptedObject({ ...seed, data: seededSeal(plain, seed.plain, this.options.random, key) });
  }

  async decrypt(sealed: Uint8Array, key: string): Promise<Uint8Array> {
    const object = decodeEncryptedObject(sealed);
    const secret = await this.#seedOf(object);
    return object.sourceType === 1 ? seededOpen(object.data, secret, key) : gcmOpen(object.data, secret, key);
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
      seed = this.#used(() => this.#decrypted(source));
      this.#seeds.set(name, seed);
      this.#rememberFailure(name, seed);
    }
    return seed;
  }

  #rememberFailure(name: string, seed: Promise<Uint8Array>): void {
    seed.catch(() => {
      this.#lost.add(seed);
      this.options.clock.after(FAILED_FOR_MS, () => this.#forget(name), { background: true });
    });
  }

  #forget(name: string): void {
    const seed = this.#seeds.get(name);
    if (seed !== undefined && this.#lost.has(seed)) this.#seeds.delete(name);
  }

  async #decrypted({ source, keyId, annotations }: Source): Promise<Uint8Array> {
    const request = { ciphertext: source, keyId, annotations, uid: this.options.random.uuid() };
    const { plaintext } = await this.#ask("decrypt", (options) => this.#plugin.Decrypt(request, options));
    return plaintext ?? new Uint8Array(0);
  }

  #askAgain(): void {
    this.#used(() => this.#look()).catch(() => {}); // it may write on for a while; then who writes is told
  }

  /** The seed that may write now. */
  #current(): Seed | undefined {
    return this.options.clock.monotonic() < this.#writesUntil ? this.#seed : undefined;
  }

  /** Has the plugin say that the seed may write on, or encrypt another. */
  async #renewed(): Promise<Seed> {
    this.#renewing ??= (this.#seed === undefined ? this.#make() : this.#look()).finally(() => {
      this.#renewing = undefined;
    });
    await this.#renewing;
    const seed = this.#current();
    if (seed === undefined) throw this.#failed("encrypt", new KmsRefusal("it has another key than it says"));
    return seed;
  }

  async #make(): Promise<void> {
    const { clock, random } = this.options;
    const asked = clock.monotonic();
    const plain = random.bytes(32);
    const request = { plaintext: plain, uid: random.uuid() };
    const {
      ciphertext,
      keyId = "",
      annotations = {},
    } = await this.#ask("encrypt", (options) => this.#plugin.Encrypt(request, options));
    if (ciphertext === undefined || ciphertext.length === 0 || keyId === "")
      throw this.#failed("encrypt", new KmsRefusal("no ciphertext, or no key id"));
    this.#seed = { plain, keyId, source: ciphertext, annotations, sourceType: 1 };
    this.#writesUntil = asked + WRITES_FOR_MS;
    // what is written with it is read back without the plugin
    this.#seeds.set(nameOf(this.#seed), Promise.resolve(plain));
    this.#tellOfOthers(keyId);
  }

  async #look(): Promise<void> {
    const asked = this.options.clock.monotonic();
    const {
      keyId = "",
      healthz,
      version,
    } = await this.#ask("look at the key", (options) => this.#plugin.Status({}, options));
    if (!/^v2(beta1)?$/.test(version ?? "")) throw this.#failed("encrypt", new KmsRefusal(`version ${version}`));
    if (healthz !== "ok") throw this.#failed("encrypt", new KmsRefusal(`health: ${healthz}`));
    if (this.#seed?.keyId === keyId) {
      this.#writesUntil = asked + WRITES_FOR_MS;
      this.#tellOfOthers(keyId);
    } else if (this.#hasOthers(keyId)) await this.#make();
  }

  /** What lies encrypted by another key, also of before this process, should be written again. */
  #tellOfOthers(keyId: string): void {
    const isOutdated = this.#hasOthers(keyId);
    this.#keyIds.clear();
    this.#keyIds.add(keyId);
    if (isOutdated) this.options.onRotation();
  }

  #hasOthers(keyId: string): boolean {
    return [...this.#keyIds].some((other) => other !== keyId);
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

  async #ask<T>(what: string, work: (options: { readonly deadline: number }) => Promise<T>): Promise<T> {
    const { clock, timeoutMs } = this.options;
    try {
      return await work({ deadline: clock.now() + timeoutMs });
    } catch (cause) {
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
