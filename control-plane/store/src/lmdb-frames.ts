/** What the reader child says, in frames: length (32 bits, of what follows), type (8 bits), body. */
export type Frame =
  | { readonly type: "meta"; readonly value: Buffer }
  /** See lmdb-blocks.ts. */
  | { readonly type: "entries"; readonly block: Buffer }
  | { readonly type: "damage"; readonly message: string }
  /** A key of which nothing is handed on. */
  | { readonly type: "lost"; readonly key: string }
  /** How many entries nothing is known of; and whether, though none is missing, some may be older than what was written. */
  | { readonly type: "missing"; readonly count: number; readonly isOutdated: boolean }
  | { readonly type: "end" };

const TYPES = ["meta", "entries", "damage", "end", "lost", "missing"] as const;
const HEAD = 5;

/** A frame in pieces, to be written one after the other. */
export function piecesOf(frame: Frame): readonly Buffer[] {
  const body = bodyOf(frame);
  const head = Buffer.alloc(HEAD);
  head.writeUInt32BE(body.length + 1, 0);
  head[HEAD - 1] = TYPES.indexOf(frame.type);
  return [head, body];
}

/** Yields the frames in a stream of chunks, each with a buffer of its own. */
export async function* readFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Frame, void> {
  const head = Buffer.alloc(HEAD);
  let body: Buffer | undefined;
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length || filled === body?.length; ) {
      const target = body ?? head;
      const taken = chunk.copy(target, filled, at);
      at += taken;
      filled += taken;
      if (filled < target.length) break;
      filled = 0;
      if (body === undefined) body = Buffer.allocUnsafeSlow(head.readUInt32BE(0) - 1);
      else {
        yield parse(head[HEAD - 1]!, body);
        body = undefined;
      }
    }
  }
}

function bodyOf(frame: Frame): Buffer {
  switch (frame.type) {
    case "meta":
      return frame.value;
    case "entries":
      return frame.block;
    case "damage":
      return Buffer.from(frame.message);
    case "end":
      return Buffer.alloc(0);
    case "lost":
      return Buffer.from(frame.key);
    case "missing": {
      const body = Buffer.alloc(9);
      body.writeDoubleBE(frame.count, 0);
      body[8] = frame.isOutdated ? 1 : 0;
      return body;
    }
  }
}

function parse(number: number, body: Buffer): Frame {
  const type = TYPES[number];
  switch (type) {
    case "meta":
      return { type, value: body };
    case "entries":
      return { type, block: body };
    case "damage":
      return { type, message: body.toString() };
    case "end":
      return { type };
    case "lost":
      return { type, key: body.toString() };
    case "missing":
      return { type, count: body.readDoubleBE(0), isOutdated: body[8] === 1 };
    default:
      throw new Error(`Cannot read a frame of the reader: type ${number}, expected one of ${TYPES.length}`);
  }
}
