import { allResources, kindOf } from "@tsukube/api";
import { type Clock, messageOf, type Random, TsukubeError } from "@tsukube/foundation";
import type { ReadableBytes, StoredForm } from "../stored-form.ts";
import { aesCbc, aesGcm, type Cipher, identity, secretBox } from "./ciphers.ts";
import { type EncryptionRule, type ProviderConfiguration, parseEncryption } from "./configuration.ts";
import { parseResource } from "./encrypted-resources.ts";
import type { Direction, EncryptionMetrics } from "./encryption-metrics.ts";
import { KmsCipher, type KmsPlugin } from "./kms.ts";

export interface EncryptionOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics?: EncryptionMetrics;
  /** Reaches a KMS plugin; absent: there is none to reach. */
  readonly dialKms?: (endpoint: string) => KmsPlugin;
}

/** The first writes; all read. */
type Ciphers = readonly Cipher[];

const PLAIN: Ciphers = [identity];
type KmsProvider = Extract<ProviderConfiguration, { readonly type: "kms" }>;

const ENCRYPTED = "k8s:enc:";
const FIRST = ENCRYPTED.charCodeAt(0);

/** Which values are encrypted how, by upstream's configuration; it may change while values are read and written. */
export class Encryption {
  #options: EncryptionOptions;
  #text: string | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #byFolder = new Map<string, Ciphers>();
  /** Of the key before: a start asks for all in order. */
  #last: { readonly folder: string; readonly resource: string; readonly ciphers: Ciphers } | undefined;
  #rules: readonly { readonly resources: readonly string[]; readonly ciphers: Ciphers }[] = [];

  /** @param text An EncryptionConfiguration; undefined: nothing is encrypted. @throws {TsukubeError} `usage`. */
  constructor(text: string | undefined, options: EncryptionOptions) {
    this.#options = options;
    this.#text = text;
    this.#rules = this.#rulesOf(text, options);
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  /** What it goes by. */
  get text(): string | undefined {
    return this.#text;
  }

  /** Whether plugins are asked for keys. */
  get usesKms(): boolean {
    return this.#kms.length > 0;
  }

  /** Which plugins are not well, and why, as upstream's health check tells of them; undefined: all are. */
  async problem(): Promise<string | undefined> {
    const problems = await Promise.all(this.#kms.map((cipher) => cipher.problem()));
    const told = problems.flatMap((problem, index) =>
      problem === undefined ? [] : [`kms-provider-${index}: ${problem}`],
    );
    return told.length > 1 ? `[${told.join(", ")}]` : told[0];
  }

  /**
   * Goes on with another configuration, once new plugins of it are well.
   * @param dialKms The same as before by default. @throws {TsukubeError} `usage`, `unavailable`, and goes on with the one before.
   */
  async use(text: string | undefined, dialKms = this.#options.dialKms): Promise<void> {
    const options = { ...this.#options, ...(dialKms !== undefined && { dialKms }) };
    const rules = this.#rulesOf(text, options);
    await this.#expectWell(rules.flatMap(({ ciphers }) => ciphers).filter((cipher) => !this.#ciphers.includes(cipher)));
    this.#options = options;
    this.#text = text;
    const kept = new Set(rules.flatMap(({ ciphers }) => ciphers));
    const before = this.#ciphers;
    this.#rules = rules;
    this.#byFolder.clear();
    this.#last = undefined;
    closeAll(before.filter((cipher) => !kept.has(cipher)));
    for (const listener of this.#listeners) listener();
  }

  /** Calls back whenever values that lie in the store may have become outdated. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The form of values that lie encrypted over another form. */
  over(form: StoredForm): StoredForm {
    const read: StoredForm["read"] = (key, stored) => {
      const { value: lying } = stored;
      const plain = this.#decrypt(key, lying);
      if (plain === lying) return form.read(key, stored);
      const as = (value: Uint8Array): ReadableBytes => ({ value, index: stored.index });
      return plain instanceof Promise ? plain.then((late) => form.read(key, as(late))) : form.read(key, as(plain));
    };
    return {
      read,
      readAnew: (key, stored) => {
        const cipher = this.#cipherFor(key, stored.value);
        cipher.forgetFailure?.(bare(cipher, stored.value));
        return read(key, stored);
      },
      write: (key, value) => {
        const [cipher = identity] = this.#ciphersOf(key);
        const plain = form.write(key, value);
        const sealed = (bytes: Uint8Array) => this.#sealed(cipher, key, bytes);
        return plain instanceof Promise ? plain.then(sealed) : sealed(plain);
      },
    };
  }

  /** Whether a value lies otherwise than it would be written now. */
  isStale(key: string, stored: Uint8Array): boolean {
    const [cipher = identity] = this.#ciphersOf(key);
    const found = this.#cipherFor(key, stored);
    return found !== cipher || found.isStale(bare(found, stored));
  }

  /** Writes a value as it would be written now. */
  async renew(key: string, stored: Uint8Array): Promise<Uint8Array> {
    const plain = await this.#decrypt(key, stored);
    const [cipher = identity] = this.#ciphersOf(key);
    return this.#sealed(cipher, key, plain);
  }

  /** Whether anything below a folder of the store may be encrypted: "/registry/secrets/". */
  concerns(key: string): boolean {
    return this.#ciphersOf(key) !== PLAIN;
  }

  close(): void {
    closeAll(this.#ciphers);
  }

  get #ciphers(): Ciphers {
    return this.#rules.flatMap(({ ciphers }) => ciphers);
  }

  get #kms(): readonly KmsCipher[] {
    return this.#ciphers.filter((cipher) => cipher instanceof KmsCipher);
  }

  async #expectWell(fresh: Ciphers): Promise<void> {
    const problems = await Promise.all(
      fresh.map((cipher) => (cipher instanceof KmsCipher ? cipher.problem() : undefined)),
    );
    const problem = problems.find((found) => found !== undefined);
    if (problem === undefined) return;
    closeAll(fresh);
    throw new TsukubeError("unavailable", `Cannot use the encryption configuration: ${problem}`);
  }

  #measured<T>(
    key: string,
    direction: Direction,
    cipher: Cipher | undefined,
    work: () => T | Promise<T>,
  ): T | Promise<T> {
    const { metrics } = this.#options;
    if (metrics === undefined || this.#ciphersOf(key) === PLAIN) return work();
    // a key's name is the operator's own affair
    const prefix = cipher === undefined ? "unknown" : cipher.prefix.replace(/^(k8s:enc:(?!kms:)[^:]+:v1:).*$/, "$1");
    return metrics.transformed(this.#last?.resource ?? "", direction, prefix, work);
  }

  #decrypt(key: string, stored: Uint8Array): Uint8Array | Promise<Uint8Array> {
    let cipher: Cipher | undefined;
    try {
      cipher = this.#cipherFor(key, stored);
    } catch (error) {
      return this.#measured<Uint8Array>(key, "from_storage", undefined, () => {
        throw error;
      });
    }
    const found = cipher;
    return this.#measured(key, "from_storage", found, () => this.#opened(found, key, stored));
  }

  #sealed(cipher: Cipher, key: string, plain: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return this.#measured(key, "to_storage", cipher, () => encrypt(cipher, key, plain));
  }

  #opened(cipher: Cipher, key: string, stored: Uint8Array): Uint8Array | Promise<Uint8Array> {
    if (cipher === identity) return stored;
    const failed = (cause: unknown): never => {
      throw cause instanceof TsukubeError && cause.code === "unavailable" ? cause : unreadable(key, cipher, cause);
    };
    try {
      const plain = cipher.decrypt(bare(cipher, stored), key);
      return plain instanceof Promise ? plain.catch(failed) : plain;
    } catch (cause) {
      return failed(cause);
    }
  }

  #cipherFor(key: string, stored: Uint8Array): Cipher {
    const ciphers = this.#ciphersOf(key);
    if (ciphers === PLAIN && stored[0] !== FIRST) return identity;
    const head = Buffer.from(stored.buffer, stored.byteOffset, Math.min(stored.length, 300)).toString("latin1");
    const isPlain = !head.startsWith(ENCRYPTED);
    const found = ciphers.find(({ prefix }) => (isPlain ? prefix === "" : prefix !== "" && head.startsWith(prefix)));
    if (found !== undefined) return found;
    if (isPlain) throw unexpected(key, "not encrypted", "identity among its providers");
    const [, , provider, , name] = head.split(":");
    throw unexpected(key, `encrypted by ${provider} with key "${name}"`, "that key in the encryption configuration");
  }

  #ciphersOf(key: string): Ciphers {
    if (this.#last === undefined || !key.startsWith(this.#last.folder)) {
      const place = placeOf(key);
      const { folder, group, resource } = place;
      const shown = group === "" ? resource : `${resource}.${group}`;
      this.#last = { folder, resource: shown, ciphers: this.#ciphersIn(place) };
    }
    return this.#last.ciphers;
  }

  #ciphersIn({ folder, resource, group }: Place): Ciphers {
    const known = this.#byFolder.get(folder);
    if (known !== undefined) return known;
    const rule = this.#rules.find(({ resources }) => resources.some((wanted) => covers(wanted, resource, group)));
    const ciphers = rule?.ciphers ?? PLAIN;
    this.#byFolder.set(folder, ciphers);
    return ciphers;
  }

  #rulesOf(text: string | undefined, options: EncryptionOptions) {
    if (text === undefined) return [];
    return parseEncryption(text).map((rule: EncryptionRule) => ({
      resources: rule.resources,
      ciphers: rule.providers.flatMap((provider) => this.#ciphersFor(provider, options)),
    }));
  }

  #ciphersFor(provider: ProviderConfiguration, options: EncryptionOptions): Ciphers {
    const { random, dialKms } = options;
    switch (provider.type) {
      case "identity":
        return PLAIN;
      case "aescbc":
        return provider.keys.map((key) => aesCbc(key, random));
      case "aesgcm":
        return provider.keys.map((key) => aesGcm(key, random));
      case "secretbox":
        return provider.keys.map((key) => secretBox(key, random));
      case "kms": {
        // its seed and its connection stay what they are
        const present = this.#ciphers.find((cipher) => isOf(cipher, provider));
        if (present !== undefined) return [present];
        if (dialKms === undefined) throw new TsukubeError("usage", "Cannot use kms here: no way to reach its plugin");
        const onRotation = (): void => {
          for (const listener of this.#listeners) listener();
        };
        return [new KmsCipher(dialKms(provider.endpoint), { ...options, ...provider, onRotation })];
      }
    }
  }
}

function isOf(cipher: Cipher, { name, endpoint, timeoutMs }: KmsProvider): boolean {
  const options = cipher instanceof KmsCipher ? cipher.options : undefined;
  return options?.name === name && options.endpoint === endpoint && options.timeoutMs === timeoutMs;
}

function closeAll(ciphers: Ciphers): void {
  for (const cipher of ciphers) if (cipher instanceof KmsCipher) cipher.close();
}

function encrypt(cipher: Cipher, key: string, plain: Uint8Array): Uint8Array | Promise<Uint8Array> {
  if (cipher === identity) return plain;
  const sealed = cipher.encrypt(plain, key);
  const whole = (bytes: Uint8Array): Uint8Array => Buffer.concat([Buffer.from(cipher.prefix), bytes]);
  return sealed instanceof Promise ? sealed.then(whole) : whole(sealed);
}

function bare(cipher: Cipher, stored: Uint8Array): Uint8Array {
  return stored.subarray(Buffer.byteLength(cipher.prefix));
}

function covers(wanted: string, resource: string, group: string): boolean {
  if (wanted === "*.*") return true;
  const named = parseResource(wanted);
  return named.group === group && (named.resource === "*" || named.resource === resource);
}

interface Place {
  readonly folder: string;
  readonly resource: string;
  readonly group: string;
}

let folders: ReadonlyMap<string, Place> | undefined;

/** Which resource a key is of: built-in ones lie where upstream's table says, custom ones below their group. */
function placeOf(key: string): Place {
  folders ??= new Map(
    allResources().flatMap((info) => {
      const folder = kindOf(info)?.etcdKey?.replace(/\{.*$/, "");
      // events of both groups lie in one place
      return folder === undefined || info.group === "events.k8s.io"
        ? []
        : [[folder, { folder, resource: info.resource, group: info.group }] as const];
    }),
  );
  const parts = key.split("/");
  const second = `${parts.slice(0, 3).join("/")}/`;
  const third = `${parts.slice(0, 4).join("/")}/`;
  const known = folders.get(second) ?? folders.get(third);
  return known ?? { folder: third, resource: parts[3] ?? "", group: parts[2] ?? "" };
}

function unexpected(key: string, found: string, expected: string): TsukubeError {
  return new TsukubeError("undecryptable", `Cannot read "${key}": ${found}, expected ${expected}`);
}

function unreadable(key: string, cipher: Cipher, cause: unknown): TsukubeError {
  const by = cipher.prefix.slice(0, -1);
  return new TsukubeError(
    "undecryptable",
    `Cannot read "${key}": it does not open with ${by} (${messageOf(cause)}), expected the key that it was written with in the encryption configuration`,
    { cause },
  );
}
