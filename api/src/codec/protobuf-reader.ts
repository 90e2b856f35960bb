import { DecodeError } from "./decode-error.ts";
import { asciiText, utf8Text } from "./text.ts";

/** Reads the fields of protobuf messages in one buffer. Every read checks its bounds. */
export class ProtobufReader {
  readonly bytes: Uint8Array;
  position: number;
  #view: DataView | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.position = 0;
  }

  /** An unsigned varint below 2^53: tags and lengths. */
  varint(): number {
    const byte = this.bytes[this.position];
    if (byte !== undefined && byte < 0x80) {
      this.position++;
      return byte;
    }
    const value = this.int64();
    if (typeof value === "bigint" || value < 0) throw new DecodeError("syntax", "proto: integer overflow");
    return value;
  }

  /** A signed 64-bit varint; a bigint past 2^53. */
  int64(): number | bigint {
    const { bytes } = this;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[this.position++];
      if (byte === undefined) throw truncated();
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= (bits & 1) << 31;
      if (byte < 0x80) return joined(low >>> 0, high | 0);
    }
    throw new DecodeError("syntax", "proto: integer overflow");
  }

  double(): number {
    if (this.position + 8 > this.bytes.length) throw truncated();
    this.#view ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
    this.position += 8;
    return this.#view.getFloat64(this.position - 8, true);
  }

  /** Reads a length and tells where that many bytes end; they start at the position. */
  end(limit: number): number {
    const length = this.varint();
    const end = this.position + length;
    if (end > limit) throw truncated();
    return end;
  }

  /** A view of the length-delimited bytes. */
  delimited(limit: number): Uint8Array {
    const end = this.end(limit);
    const view = this.bytes.subarray(this.position, end);
    this.position = end;
    return view;
  }

  text(limit: number): string {
    const end = this.end(limit);
    const { bytes, position: start } = this;
    this.position = end;
    let hash = 0;
    for (let i = start; i < end; i++) {
      const byte = bytes[i] as number;
      if (byte >= 0x80) return utf8Text(bytes, start, end);
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    return asciiText(bytes, start, end, hash);
  }

  /** Skips a field of `wire` type. */
  skip(wire: number, limit: number, depth = 0): void {
    switch (wire) {
      case 0:
        this.int64();
        break;
      case 1:
        this.position += 8;
        break;
      case 2:
        this.position = this.end(limit);
        break;
      case 3:
        this.#skipGroup(limit, depth);
        break;
      case 5:
        this.position += 4;
        break;
      default:
        throw new DecodeError("syntax", `proto: illegal wireType ${wire}`);
    }
    if (this.position > limit) throw truncated();
  }

  #skipGroup(limit: number, depth: number): void {
    if (depth > 100) throw new DecodeError("limit", "exceeded max depth");
    while (this.position < limit) {
      const wire = this.varint() & 7;
      if (wire === 4) return;
      this.skip(wire, limit, depth + 1);
    }
    throw truncated();
  }
}

function joined(low: number, high: number): number | bigint {
  // Within 2^53 on either side a number is exact.
  if (high >= -0x200000 && high < 0x200000) {
    const value = high * 0x100000000 + low;
    if (Number.isSafeInteger(value)) return value;
  }
  return (BigInt(high) << 32n) | BigInt(low);
}

function truncated(): DecodeError {
  return new DecodeError("syntax", "unexpected EOF");
}
