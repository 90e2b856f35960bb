/** An element of ASN.1 in DER (X.690): a tag, a length, content. */
export interface DerElement {
  readonly tag: number;
  /** With tag and length. */
  readonly whole: Uint8Array;
  readonly content: Uint8Array;
  /** @throws {RangeError} if the content is no list of elements. */
  children(): readonly DerElement[];
}

function elementAt(bytes: Uint8Array, at: number): DerElement {
  const [tag, first] = [bytes[at], bytes[at + 1]];
  if (tag === undefined || first === undefined) throw new RangeError("Cannot read DER: it ends within an element");
  const more = first < 0x80 ? 0 : first & 0x7f;
  const start = at + 2 + more;
  let length = more === 0 ? first : 0;
  for (const byte of bytes.subarray(at + 2, start)) length = length * 256 + byte;
  const end = start + length;
  if (end > bytes.length) throw new RangeError("Cannot read DER: it ends within an element");
  const content = bytes.subarray(start, end);
  return { tag, whole: bytes.subarray(at, end), content, children: () => elementsOf(content) };
}

function elementsOf(bytes: Uint8Array): readonly DerElement[] {
  const found: DerElement[] = [];
  for (let at = 0; at < bytes.length; at += found.at(-1)!.whole.length) found.push(elementAt(bytes, at));
  return found;
}

export const Der = {
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  SEQUENCE: 0x30,

  /** The one element that bytes are. @throws {RangeError} if something follows. */
  only(bytes: Uint8Array): DerElement {
    const element = elementAt(bytes, 0);
    if (element.whole.length !== bytes.length) throw new RangeError("Cannot read DER: something follows the element");
    return element;
  },
} as const;
