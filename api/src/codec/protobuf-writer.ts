const encoder = new TextEncoder();
const FIRST_SIZE = 4096;
/** Larger buffers are not kept for the next message. */
const LARGEST_KEPT = 1 << 20;
const SHORT_TEXT = 40;

/**
 * Writes a message from its end to its start: when a length is needed, the content already stands behind it. Fields are
 * therefore written in falling order.
 */
export class ProtobufWriter {
  #buffer = new Uint8Array(FIRST_SIZE);
  #view = new DataView(this.#buffer.buffer);
  /** Index of the first byte written. */
  #start = FIRST_SIZE;

  /** Bytes written so far; take the difference for the length of what was written between. */
  get length(): number {
    return this.#buffer.length - this.#start;
  }

  /** A copy of everything written; the writer is empty then. */
  finish(): Uint8Array {
    const out = this.#buffer.slice(this.#start);
    if (this.#buffer.length > LARGEST_KEPT) this.#allocate(FIRST_SIZE);
    this.#start = this.#buffer.length;
    return out;
  }

  /** Drops what was written, after an error. */
  reset(): void {
    this.#start = this.#buffer.length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[--this.#start] = value;
  }

  /** An unsigned number below 2^53. */
  varint(value: number): void {
    this.#reserve(10);
    if (value < 0x80) {
      this.#buffer[--this.#start] = value;
      return;
    }
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) size++;
    this.#start -= size;
    let at = this.#start;
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[at] = rest;
  }

  /** A signed 64-bit number; negatives take ten bytes. */
  int64(value: number | bigint): void {
    if (typeof value === "number" && value >= 0) this.varint(value);
    else this.#bigVarint(BigInt.asUintN(64, BigInt(value)));
  }

  #bigVarint(value: bigint): void {
    const bytes: number[] = [];
    for (let rest = value; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(value >> BigInt(7 * bytes.length)));
    this.bytes(Uint8Array.from(bytes));
  }

  double(value: number): void {
    this.#reserve(8);
    this.#start -= 8;
    this.#view.setFloat64(this.#start, value, true);
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#start -= value.length;
    this.#buffer.set(value, this.#start);
  }

  /** A part of `value`. */
  copy(value: Uint8Array, start: number, end: number): void {
    const size = end - start;
    this.#reserve(size);
    this.#start -= size;
    const buffer = this.#buffer;
    const to = this.#start;
    if (size > SHORT_TEXT) buffer.set(value.subarray(start, end), to);
    else for (let i = 0; i < size; i++) buffer[to + i] = value[start + i] as number;
  }

  /** UTF-8 of a text, without length. */
  text(value: string): void {
    const { length } = value;
    if (length <= SHORT_TEXT && this.#shortAscii(value, length)) return;
    this.#reserve(length * 3);
    // The size is unknown before encoding: encode at the front of the free space, then move to its end.
    const { written } = encoder.encodeInto(value, this.#buffer.subarray(this.#start - length * 3, this.#start));
    const from = this.#start - length * 3;
    this.#start -= written;
    this.#buffer.copyWithin(this.#start, from, from + written);
  }

  #shortAscii(value: string, length: number): boolean {
    this.#reserve(length);
    const from = this.#start - length;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x80) return false;
      this.#buffer[from + i] = unit;
    }
    this.#start = from;
    return true;
  }

  #reserve(size: number): void {
    if (this.#start >= size) return;
    const old = this.#buffer.subarray(this.#start);
    const capacity = Math.max(this.#buffer.length * 2, old.length + size);
    this.#allocate(capacity);
    this.#start = capacity - old.length;
    this.#buffer.set(old, this.#start);
  }

  #allocate(size: number): void {
    this.#buffer = new Uint8Array(size);
    this.#view = new DataView(this.#buffer.buffer);
  }
}
