/** Part of a blob: both inclusive. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * A `Range` header (RFC 9110, section 14.2) for something of `size` bytes. Undefined for none, and for what need not be
 * understood: other units, several ranges. "unsatisfiable" is an answer of its own: 416.
 */
export function byteRange(header: string | undefined, size: number): ByteRange | "unsatisfiable" | undefined {
  const [, from = "", to = ""] = /^bytes=(\d*)-(\d*)$/.exec(header?.replaceAll(" ", "") ?? "") ?? [];
  if (from === "" && to === "") return undefined;
  if (from === "") {
    const length = Math.min(Number(to), size);
    return length === 0 ? "unsatisfiable" : { first: size - length, last: size - 1 };
  }
  const first = Number(from);
  const last = to === "" ? size - 1 : Math.min(Number(to), size - 1);
  return first >= size || last < first ? "unsatisfiable" : { first, last };
}

/** A `Content-Range` of a chunk: "0-499", as the distribution spec has it, or "bytes 0-499/*". */
export function chunkRange(header: string | undefined): ByteRange | "malformed" | undefined {
  if (header === undefined) return undefined;
  const [, first = "", last = ""] = /^(?:bytes )?(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/.exec(header.trim()) ?? [];
  if (first === "" || Number(last) < Number(first)) return "malformed";
  return { first: Number(first), last: Number(last) };
}
