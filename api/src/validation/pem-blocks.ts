/** A block of a PEM text (RFC 7468). */
interface PemBlock {
  readonly type: string;
  /** Whether lines such as "Proc-Type: ..." stand before the bytes. */
  readonly hasHeaders: boolean;
  readonly bytes: Uint8Array;
}

const BLOCK = /(?:^|\n)-----BEGIN ([^\n]*?)-----[ \t\r]*\n([\s\S]*?)-----END \1-----[ \t\r]*(?=\n|$)/g;

/** The blocks in base64 of PEM, whatever stands between them. */
export function pemBlocks(value: unknown): readonly PemBlock[] {
  try {
    return [...atob(String(value ?? "")).matchAll(BLOCK)].map(([, type = "", body = ""]) => {
      const head = /^(?:[^\n:]+:[^\n]*\n)+\r?\n?/.exec(body)?.[0] ?? "";
      const bytes = Uint8Array.from(atob(body.slice(head.length).replaceAll(/\s/g, "")), (char) => char.charCodeAt(0));
      return { type, hasHeaders: head !== "", bytes };
    });
  } catch {
    return []; // no base64, outside or inside
  }
}

/** Whether the bytes are one ASN.1 sequence in DER, as certificates are. */
export function isSequence(bytes: Uint8Array): boolean {
  const [tag, first = 0] = bytes;
  if (tag !== 0x30 || bytes.length < 2) return false;
  if (first < 0x80) return bytes.length === 2 + first;
  const size = first & 0x7f;
  let length = 0;
  for (const byte of bytes.subarray(2, 2 + size)) length = length * 256 + byte;
  return bytes.length === 2 + size + length;
}
