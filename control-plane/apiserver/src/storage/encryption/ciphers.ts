import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";
import type { Random } from "@tsukube/foundation";
import { openBox, sealBox } from "./secretbox.ts";

/** One way to lay a value in the store. */
export interface Cipher {
  /** What stands before every value of it: "k8s:enc:aesgcm:v1:key1:"; "" for plain values. */
  readonly prefix: string;
  /** @param key Of the value in the store, bound into it where the cipher can. */
  encrypt(plain: Uint8Array, key: string): Uint8Array | Promise<Uint8Array>;
  /** @param sealed Without the prefix. @throws when it was not encrypted so, or is damaged. */
  decrypt(sealed: Uint8Array, key: string): Uint8Array | Promise<Uint8Array>;
  /** Has the next who decrypts it try, where a failure is remembered. @param sealed Without the prefix. */
  forgetFailure?(sealed: Uint8Array): void;
  /** Whether what this cipher wrote once should be written anew; false where that cannot be. */
  isStale(sealed: Uint8Array): boolean;
}

export interface NamedKey {
  readonly name: string;
  readonly secret: Uint8Array;
}

const never = (): boolean => false;

export const identity: Cipher = { prefix: "", encrypt: (plain) => plain, decrypt: (plain) => plain, isStale: never };

const GCM_NONCE = 12;
const GCM_TAG = 16;
const CBC_BLOCK = 16;
const BOX_NONCE = 24;

/** AES-GCM: nonce, ciphertext, tag; the key in the store is additional data. */
export function aesGcm(key: NamedKey, random: Random): Cipher {
  return {
    prefix: `k8s:enc:aesgcm:v1:${key.name}:`,
    encrypt: (plain, at) => gcmSeal(plain, key.secret, random.bytes(GCM_NONCE), at),
    decrypt: (sealed, at) => gcmOpen(sealed, key.secret, at),
    isStale: never,
  };
}

/** AES-CBC with PKCS #7 padding: initialization vector, ciphertext. */
export function aesCbc(key: NamedKey, random: Random): Cipher {
  const algorithm = `aes-${key.secret.length * 8}-cbc`;
  return {
    prefix: `k8s:enc:aescbc:v1:${key.name}:`,
    encrypt(plain) {
      const vector = random.bytes(CBC_BLOCK);
      const cipher = createCipheriv(algorithm, key.secret, vector);
      return Buffer.concat([vector, cipher.update(plain), cipher.final()]);
    },
    decrypt(sealed) {
      const cipher = createDecipheriv(algorithm, key.secret, sealed.subarray(0, CBC_BLOCK));
      return Buffer.concat([cipher.update(sealed.subarray(CBC_BLOCK)), cipher.final()]);
    },
    isStale: never,
  };
}

/** NaCl's secretbox: nonce, tag, ciphertext. */
export function secretBox(key: NamedKey, random: Random): Cipher {
  return {
    prefix: `k8s:enc:secretbox:v1:${key.name}:`,
    encrypt(plain) {
      const nonce = random.bytes(BOX_NONCE);
      return Buffer.concat([nonce, sealBox(plain, nonce, key.secret)]);
    },
    decrypt(sealed) {
      const plain = openBox(sealed.subarray(BOX_NONCE), sealed.subarray(0, BOX_NONCE), key.secret);
      if (plain === undefined) throw new Error("its tag differs");
      return plain;
    },
    isStale: never,
  };
}

function gcmSeal(plain: Uint8Array, secret: Uint8Array, nonce: Uint8Array, key: string): Buffer {
  const cipher = createCipheriv(gcmOf(secret), secret, nonce).setAAD(Buffer.from(key));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

export function gcmOpen(sealed: Uint8Array, secret: Uint8Array, key: string): Buffer {
  if (sealed.length < GCM_NONCE + GCM_TAG) throw new Error("it is too short");
  const cipher = createDecipheriv(gcmOf(secret), secret, sealed.subarray(0, GCM_NONCE), { authTagLength: GCM_TAG });
  cipher.setAAD(Buffer.from(key)).setAuthTag(sealed.subarray(-GCM_TAG));
  return Buffer.concat([cipher.update(sealed.subarray(GCM_NONCE, -GCM_TAG)), cipher.final()]);
}

function gcmOf(secret: Uint8Array): "aes-128-gcm" | "aes-192-gcm" | "aes-256-gcm" {
  return secret.length === 16 ? "aes-128-gcm" : secret.length === 24 ? "aes-192-gcm" : "aes-256-gcm";
}

const INFO = 32;

/** A key for each value, drawn from one seed (HKDF-Expand, RFC 5869): what it was drawn with stands before the value. */
export function seededSeal(plain: Uint8Array, seed: Uint8Array, random: Random, key: string): Buffer {
  const info = random.bytes(INFO);
  return Buffer.concat([info, gcmSeal(plain, drawn(seed, info), random.bytes(GCM_NONCE), key)]);
}

export function seededOpen(sealed: Uint8Array, seed: Uint8Array, key: string): Buffer {
  if (sealed.length < INFO) throw new Error("it is too short");
  return gcmOpen(sealed.subarray(INFO), drawn(seed, sealed.subarray(0, INFO)), key);
}

function drawn(seed: Uint8Array, info: Uint8Array): Buffer {
  return createHmac("sha256", seed).update(info).update(Uint8Array.of(1)).digest();
}
