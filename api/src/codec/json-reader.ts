import { DecodeError } from "./decode-error.ts";
import { BACKSLASH, QUOTE } from "./json-bytes.ts";
import { asciiText, utf8Text } from "./text.ts";

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** What a value starts with. */
export type Token = "object" | "array" | "string" | "number" | "bool" | "null";

/** Reads the tokens of one JSON text in one pass. Its syntax errors are those of Go's encoding/json. */
export class JsonReader {
  readonly bytes: Uint8Array;
  position = 0;
  /** The text of the number read last, when it is no safe integer. */
  numberText = "";
  /** Whether the number read last has no fraction or exponent. */
  numberIsInteger = false;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Skips white space and tells what the next value is, without consuming it. */
  peek(): Token {
    const byte = this.#skipSpace();
    switch (byte) {
      case 0x7b:
        return "object";
      case 0x5b:
        return "array";
      case QUOTE:
        return "string";
      case 0x74:
      case 0x66:
        return "bool";
      case 0x6e:
        return "null";
      default:
        if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) return "number";
        throw this.unexpected("looking for beginning of value");
    }
  }

  /** Consumes `{` or `[`; true unless the closing bracket follows at once (it is consumed then). */
  open(close: number): boolean {
    this.position++;
    if (this.#skipSpace() !== close) return true;
    this.position++;
    return false;
  }

  /** After an element: true when a comma announces another, false when the bracket closed. */
  more(close: number, where: string): boolean {
    const byte = this.#skipSpace();
    if (byte === 0x2c) {
      this.position++;
      return true;
    }
    if (byte !== close) throw this.unexpected(where);
    this.position++;
    return false;
  }

  /** Reads a member's name and the colon. */
  name(): string {
    if (this.#skipSpace() !== QUOTE) throw this.unexpected("looking for beginning of object key string");
    const name = this.string();
    if (this.#skipSpace() !== 0x3a) throw this.unexpected("after object key");
    this.position++;
    return name;
  }

  /** Reads a string; the position is at its quote. */
  string(): string {
    const { bytes } = this;
    const start = this.position + 1;
    let hash = 0;
    for (let i = start; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      if (byte === QUOTE) {
        this.position = i + 1;
        return asciiText(bytes, start, i, hash);
      }
      if (byte === BACKSLASH || byte >= 0x80 || byte < 0x20) return this.#anyString(start, i);
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    throw this.#truncated();
  }

  #anyString(start: number, from: number): string {
    const { bytes } = this;
    let text = "";
    let chunk = start;
    for (let i = from; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      if (byte === QUOTE) {
        this.position = i + 1;
        return (text + utf8Text(bytes, chunk, i)).toWellFormed();
      }
      if (byte < 0x20) {
        this.position = i;
        throw this.unexpected("in string literal");
      }
      if (byte !== BACKSLASH) continue;
      text += utf8Text(bytes, chunk, i);
      this.position = i + 1;
      text += this.#escape();
      i = this.position - 1;
      chunk = this.position;
    }
    throw this.#truncated();
  }

  #escape(): string {
    const byte = this.bytes[this.position];
    if (byte === undefined) throw this.#truncated();
    const plain = ESCAPES[String.fromCharCode(byte)];
    if (plain !== undefined) {
      this.position++;
      return plain;
    }
    if (byte !== 0x75) throw this.unexpected("in string escape code");
    let unit = 0;
    for (let i = 0; i < 4; i++) {
      this.position++;
      const digit = Number.parseInt(String.fromCharCode(this.bytes[this.position] ?? 0), 16);
      if (this.position >= this.bytes.length) throw this.#truncated();
      if (Number.isNaN(digit)) throw this.unexpected("in \\u hexadecimal character escape");
      unit = unit * 16 + digit;
    }
    this.position++;
    return String.fromCharCode(unit);
  }

  /** Reads a number; integers past 2^53 are bigints. `numberText` and `numberIsInteger` tell more. */
  number(): number | bigint {
    const { bytes } = this;
    const start = this.position;
    let i = start;
    const negative = bytes[i] === 0x2d;
    if (negative) i++;
    let value = 0;
    const digits = i;
    for (; isDigit(bytes[i]); i++) value = value * 10 + ((bytes[i] as number) - 0x30);
    if (i === digits) throw this.#badNumber(i, "in numeric literal");
    if (bytes[digits] === 0x30 && i > digits + 1) throw this.#badNumber(digits + 1, "after top-level value");
    const next = bytes[i];
    this.position = i;
    this.numberIsInteger = next !== 0x2e && next !== 0x65 && next !== 0x45;
    if (this.numberIsInteger) {
      if (value <= Number.MAX_SAFE_INTEGER) {
        this.numberText = negative && value === 0 ? "-0" : "";
        return negative ? 0 - value : value;
      }
      this.numberText = asciiText(bytes, start, i, value | 0);
      return BigInt(this.numberText);
    }
    this.#fraction();
    this.numberText = asciiText(bytes, start, this.position, value | 0);
    return Number(this.numberText);
  }

  #fraction(): void {
    const { bytes } = this;
    let i = this.position;
    if (bytes[i] === 0x2e) {
      const digits = ++i;
      while (isDigit(bytes[i])) i++;
      if (i === digits) throw this.#badNumber(i, "after decimal point in numeric literal");
    }
    if (bytes[i] === 0x65 || bytes[i] === 0x45) {
      i++;
      if (bytes[i] === 0x2b || bytes[i] === 0x2d) i++;
      const digits = i;
      while (isDigit(bytes[i])) i++;
      if (i === digits) throw this.#badNumber(i, "in exponent of numeric literal");
    }
    this.position = i;
  }

  /** Reads `true` or `false`. */
  bool(): boolean {
    if (this.bytes[this.position] === 0x74) {
      this.#literal("true");
      return true;
    }
    this.#literal("false");
    return false;
  }

  /** Reads `null`. */
  null(): null {
    this.#literal("null");
    return null;
  }

  #literal(word: string): void {
    for (let i = 1; i < word.length; i++) {
      if (this.bytes[this.position + i] === word.charCodeAt(i)) continue;
      this.position += i;
      throw this.unexpected(`in literal ${word} (expecting '${word[i]}')`);
    }
    this.position += word.length;
  }

  /** Consumes the white space after the last value. @throws {DecodeError} when anything else follows. */
  end(): void {
    const { bytes } = this;
    while (this.position < bytes.length && isSpace(bytes[this.position])) this.position++;
    if (this.position < bytes.length) throw this.unexpected("after top-level value");
  }

  /** The error for the byte at the position. */
  unexpected(where: string): DecodeError {
    const byte = this.bytes[this.position];
    if (byte === undefined) return this.#truncated();
    const shown = byte === 0x27 ? "'\\''" : byte === QUOTE ? "'\"'" : `'${quotable(byte)}'`;
    return new DecodeError("syntax", `invalid character ${shown} ${where}`);
  }

  #badNumber(position: number, where: string): DecodeError {
    this.position = position;
    return this.unexpected(where);
  }

  #truncated(): DecodeError {
    return new DecodeError("syntax", "unexpected end of JSON input");
  }

  #skipSpace(): number {
    const { bytes } = this;
    for (; this.position < bytes.length; this.position++) {
      const byte = bytes[this.position] as number;
      if (byte > 0x20 || !isSpace(byte)) return byte;
    }
    throw this.#truncated();
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** A byte as Go's quoteChar shows it. */
function quotable(byte: number): string {
  if (byte === 0x0a) return "\\n";
  if (byte === 0x0d) return "\\r";
  if (byte === 0x09) return "\\t";
  if (byte === BACKSLASH) return "\\\\";
  return byte < 0x20 || byte === 0x7f ? `\\x${byte.toString(16).padStart(2, "0")}` : String.fromCharCode(byte);
}
