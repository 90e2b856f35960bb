/** What KMS v2 lays in the store (upstream's message v2.EncryptedObject). */
export interface EncryptedObject {
  readonly data: Uint8Array;
  readonly keyId: string;
  /** The seed or key of the data, encrypted by the KMS. */
  readonly source: Uint8Array;
  readonly annotations: Readonly<Record<string, Uint8Array>>;
  /** 0: an AES-GCM key; 1: a seed of keys. */
  readonly sourceType: number;
}

export function encodeEncryptedObject(object: EncryptedObject): Buffer {
  const parts = [field(1, object.data), field(2, Buffer.from(object.keyId)), field(3, object.source)];
  for (const [name, value] of Object.entries(object.annotations).sort(([a], [b]) => (a < b ? -1 : 1)))
    parts.push(field(4, Buffer.concat([field(1, Buffer.from(name)), field(2, value)])));
  if (object.sourceType !== 0) parts.push(Buffer.concat([varint(5 << 3), varint(object.sourceType)]));
  return Buffer.concat(parts);
}

/** @throws when the bytes are no such message. */
export function decodeEncryptedObject(bytes: Uint8Array): EncryptedObject {
  const annotations: Record<string, Uint8Array> = {};
  let data: Uint8Array = NOTHING;
  let keyId = "";
  let source: Uint8Array = NOTHING;
  let sourceType = 0;
  for (const { number, value } of fieldsOf(bytes)) {
    if (typeof value === "number") {
      if (number === 5) sourceType = value;
    } else if (number === 1) data = value;
    else if (number === 2) keyId = textOf(value);
    else if (number === 3) source = value;
    else if (number === 4) {
      const entry = [...fieldsOf(value)];
      const part = (wanted: number): Uint8Array => {
        const found = entry.find((one) => one.number === wanted)?.value;
        return typeof found === "object" ? found : NOTHING;
      };
      annotations[textOf(part(1))] = part(2);
    }
  }
  return { data, keyId, source, annotations, sourceType };
}

const NOTHING = new Uint8Array(0);

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

function field(number: number, value: Uint8Array): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(value.length), value]);
}

function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) out.push((rest % 128) | 0x80);
  return Buffer.from([...out, rest]);
}

function* fieldsOf(bytes: Uint8Array): Generator<{ readonly number: number; readonly value: Uint8Array | number }> {
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at];
      if (byte === undefined || factor > 2 ** 49) throw new Error("it is no message of KMS v2");
      at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = next();
    const number = tag >>> 3;
    if ((tag & 7) === 0) yield { number, value: next() };
    else if ((tag & 7) === 2) {
      const length = next();
      if (at + length > bytes.length) throw new Error("it is no message of KMS v2");
      yield { number, value: bytes.subarray(at, at + length) };
      at += length;
    } else throw new Error("it is no message of KMS v2");
  }
}
