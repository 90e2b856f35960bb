/** NaCl's secretbox: XSalsa20 and Poly1305 (D. J. Bernstein, "Cryptography in NaCl"; RFC 8439, section 2.5 for Poly1305). */
import { timingSafeEqual } from "node:crypto";

const TAG = 16;
const SIGMA = new TextEncoder().encode("expand 32-byte k");

/** @param nonce 24 bytes, never twice with one key. @returns tag and ciphertext. */
export function sealBox(plain: Uint8Array, nonce: Uint8Array, key: Uint8Array): Buffer {
  const { macKey, cipher } = crypt(plain, nonce, key);
  return Buffer.concat([poly1305(cipher, macKey), cipher]);
}

/** @returns undefined when it was not sealed with this key and nonce. */
export function openBox(box: Uint8Array, nonce: Uint8Array, key: Uint8Array): Buffer | undefined {
  if (box.length < TAG) return undefined;
  const cipher = box.subarray(TAG);
  const { macKey, cipher: plain } = crypt(cipher, nonce, key);
  return timingSafeEqual(box.subarray(0, TAG), poly1305(cipher, macKey)) ? plain : undefined;
}

/** The first 32 bytes of the stream are the key of the tag, the rest is laid over the message. */
function crypt(message: Uint8Array, nonce: Uint8Array, key: Uint8Array) {
  const subkey = hsalsa20(nonce.subarray(0, 16), key);
  const padded = new Uint8Array(32 + message.length);
  padded.set(message, 32);
  const block = new Uint8Array(64);
  const input = inputWords(new Uint8Array(16), subkey);
  input[6] = word(nonce, 16);
  input[7] = word(nonce, 20);
  for (let at = 0, counter = 0; at < padded.length; at += 64, counter += 1) {
    input[8] = counter;
    salsa20(input, block);
    const end = Math.min(64, padded.length - at);
    for (let i = 0; i < end; i += 1) padded[at + i] = padded[at + i]! ^ block[i]!;
  }
  return { macKey: padded.subarray(0, 32), cipher: Buffer.from(padded.buffer, 32) };
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function inputWords(input: Uint8Array, key: Uint8Array): Uint32Array {
  const out = new Uint32Array(16);
  for (let i = 0; i < 4; i += 1) {
    out[5 * i] = word(SIGMA, 4 * i);
    out[1 + i] = word(key, 4 * i);
    out[6 + i] = word(input, 4 * i);
    out[11 + i] = word(key, 16 + 4 * i);
  }
  return out;
}

/** Columns, then rows: each quarter round changes the second, third, fourth and first of its words. */
const QUARTERS = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
] as const;

function rounds(x: Uint32Array): void {
  for (let round = 0; round < 10; round += 1) {
    for (const [a, b, c, d] of QUARTERS) {
      x[b] = x[b]! ^ rotate(x[a]! + x[d]!, 7);
      x[c] = x[c]! ^ rotate(x[b]! + x[a]!, 9);
      x[d] = x[d]! ^ rotate(x[c]! + x[b]!, 13);
      x[a] = x[a]! ^ rotate(x[d]! + x[c]!, 18);
    }
  }
}

function rotate(value: number, bits: number): number {
  const whole = value | 0;
  return (whole << bits) | (whole >>> (32 - bits));
}

function salsa20(input: Uint32Array, out: Uint8Array): void {
  const x = input.slice();
  rounds(x);
  const view = new DataView(out.buffer, out.byteOffset);
  for (let i = 0; i < 16; i += 1) view.setUint32(4 * i, x[i]! + input[i]!, true);
}

function hsalsa20(input: Uint8Array, key: Uint8Array): Uint8Array {
  const x = inputWords(input, key);
  rounds(x);
  const out = new Uint8Array(32);
  const view = new DataView(out.buffer);
  [0, 5, 10, 15, 6, 7, 8, 9].forEach((from, i) => void view.setUint32(4 * i, x[from]!, true));
  return out;
}

const PRIME = (1n << 130n) - 5n;
const CLAMP = 0x0ffffffc0ffffffc0ffffffc0fffffffn;

function poly1305(message: Uint8Array, key: Uint8Array): Buffer {
  const r = littleEndian(key, 0, 16) & CLAMP;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    const length = Math.min(16, message.length - at);
    sum = ((sum + littleEndian(message, at, length) + (1n << BigInt(8 * length))) * r) % PRIME;
  }
  sum = BigInt.asUintN(128, sum + littleEndian(key, 16, 16));
  const out = Buffer.alloc(TAG);
  out.writeBigUInt64LE(BigInt.asUintN(64, sum), 0);
  out.writeBigUInt64LE(sum >> 64n, 8);
  return out;
}

function littleEndian(bytes: Uint8Array, at: number, length: number): bigint {
  let out = 0n;
  for (let i = length - 1; i >= 0; i -= 1) out = (out << 8n) | BigInt(bytes[at + i]!);
  return out;
}
