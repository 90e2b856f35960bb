/** Writes fields of protobuf messages (protobuf.dev/programming-guides/encoding), messages within messages too. */
export class ProtobufWriter {
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #at = 0;

  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** uint64, uint32, int64 and enums. @param value Not negative, at most 2^53. */
  whole(field: number, value: number): void {
    this.#varint(field * 8);
    this.#varint(value);
  }

  /** sint32 and sint64. */
  signed(field: number, value: number): void {
    this.whole(field, zigzag(value));
  }

  double(field: number, value: number): void {
    this.#varint(field * 8 + 1);
    this.#makeRoom(8);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  text(field: number, value: string): void {
    this.#varint(field * 8 + 2);
    this.#varint(Buffer.byteLength(value));
    this.#makeRoom(3 * value.length);
    this.#at += this.#bytes.write(value, this.#at);
  }

  message(field: number, write: () => void): void {
    this.#varint(field * 8 + 2);
    this.delimited(write);
  }

  /** A message with its length before it. */
  delimited(write: () => void): void {
    this.#makeRoom(1);
    const start = ++this.#at; // the length takes one byte, most often
    write();
    const length = this.#at - start;
    const more = sizeOf(length) - 1;
    if (more > 0) {
      this.#makeRoom(more);
      this.#bytes.copyWithin(start + more, start, this.#at);
    }
    this.#at = start - 1;
    this.#varint(length);
    this.#at += length;
  }

  #varint(value: number): void {
    this.#makeRoom(10);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 0x80) + 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
  }

  #makeRoom(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#at + bytes));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function sizeOf(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size += 1;
  return size;
}
