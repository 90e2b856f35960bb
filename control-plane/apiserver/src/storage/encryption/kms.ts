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

export interface KmsOptions {
  readonly name: string;
  readonly endpoint: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Told when the plugin has a new key: what was written with the old one should be written again. */
  onRotation(): void;
}

type Seed = Omit<EncryptedObject, "data"> & { readonly plain: Uint8Array };

const ASK_EVERY_MS = 60_000;

/**
 * Envelope encryption, KMS v2: a seed of our own encrypts values, the plugin encrypts the seed. It is asked once for each seed that is
 * met, and every minute whether its key is still the same.
 */
export class KmsCipher implements Cipher {
  readonly prefix: string;
  readonly #plugin: KmsPlugin;
  readonly #options: KmsOptions;
  readonly #seeds = new Map<string, Promise<Uint8Array>>();
  /** Keys of the plugin by which something that was read or written lies encrypted. */
  readonly #keyIds = new Set<string>();
  readonly #stop: () => void;
  #seed: Seed | undefined;
  #making: Promise<Seed> | undefined;

  constructor(plugin: KmsPlugin, options: KmsOptions) {
    this.prefix = `k8s:enc:kms:v2:${options.name}:`;
    this.#plugin = plugin;
    this.#options = options;
    this.#stop = options.clock.every(ASK_EVERY_MS, () => void this.#look().catch(() => {}), { background: true });
  }

  close(): void {
    this.#stop();
    this.#plugin.close();
  }

  async encrypt(plain: Uint8Array, key: string): Promise<Uint8Array> {
    const seed = this.#seed ?? (await this.#fresh());
    return encodeEncryptedObject({ ...seed, data: seededSeal(plain, seed.plain, this.#options.random, key) });
  }

  async decrypt(sealed: Uint8Array, key: string): Promise<Uint8Array> {
    const object = decodeEncryptedObject(sealed);
    const secret = await this.#seedOf(object);
    return object.sourceType === 1 ? seededOpen(object.data, secret, key) : gcmOpen(object.data, secret, key);
  }

  isStale(sealed: Uint8Array): boolean {
    return this.#seed !== undefined && decodeEncryptedObject(sealed).keyId !== this.#seed.keyId;
  }

  /** Has the plugin decrypted the seed, once. */
  #seedOf({ source, keyId, annotations, sourceType }: EncryptedObject): Promise<Uint8Array> {
    this.#keyIds.add(keyId);
    const name = `${sourceType} ${keyId} ${Buffer.from(source).toString("base64")}`;
    let seed = this.#seeds.get(name);
    if (seed === undefined) {
      const request = { ciphertext: source, keyId, annotations, uid: this.#options.random.uuid() };
      seed = this.#ask("decrypt", (options) => this.#plugin.Decrypt(request, options)).then(
        ({ plaintext = new Uint8Array(0) }) => plaintext,
      );
      this.#seeds.set(name, seed);
      seed.catch(() => this.#seeds.delete(name));
    }
    return seed;
  }

  #fresh(): Promise<Seed> {
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  async #make(): Promise<Seed> {
    const { random } = this.#options;
    const plain = random.bytes(32);
    const request = { plaintext: plain, uid: random.uuid() };
    const {
      ciphertext,
      keyId = "",
      annotations = {},
    } = await this.#ask("encrypt", (options) => this.#plugin.Encrypt(request, options));
    if (ciphertext === undefined || ciphertext.length === 0 || keyId === "")
      throw this.#failed("encrypt", new Error("it gave no ciphertext or no key id"));
    this.#seed = { plain, keyId, source: ciphertext, annotations, sourceType: 1 };
    const isRotated = [...this.#keyIds].some((other) => other !== keyId);
    this.#keyIds.clear();
    this.#keyIds.add(keyId);
    if (isRotated) this.#options.onRotation();
    return this.#seed;
  }

  async #look(): Promise<void> {
    const { keyId, healthz, version } = await this.#ask("status", (options) => this.#plugin.Status({}, options));
    if (healthz !== "ok" || !/^v2(beta1)?$/.test(version ?? "")) return;
    if ([...this.#keyIds].some((other) => other !== keyId)) await this.#fresh(); // also of before this process
  }

  async #ask<T>(what: string, work: (options: { readonly deadline: number }) => Promise<T>): Promise<T> {
    const { clock, timeoutMs } = this.#options;
    try {
      return await work({ deadline: clock.now() + timeoutMs });
    } catch (cause) {
      throw this.#failed(what, cause);
    }
  }

  #failed(what: string, cause: unknown): TsukubeError {
    const { name, endpoint } = this.#options;
    return new TsukubeError(
      "unavailable",
      `Cannot ${what} with KMS "${name}" at ${endpoint}: ${messageOf(cause)}, expected its plugin to answer`,
      { cause },
    );
  }
}
