/** What the reader child says, in frames: length (32 bits, of what follows), type (8 bits), body. */
export type Frame =
  | { readonly type: "meta"; readonly value: Buffer }
  | { readonly type: "entry"; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: "damage"; readonly message: string }
  | { readonly type: "end" };

const TYPES = ["meta", "entry", "damage", "end"] as const;
const CHUNK = 1024 * 1024;

/** Gathers frames into writes of a megabyte. */
export class FrameWriter {
  readonly #sink: (bytes: Buffer) => void;
  #parts: Buffer[] = [];
  #size = 0;

  constructor(sink: (bytes: Buffer) => void) {
    this.#sink = sink;
  }

  write(frame: Frame): void {
    const body = bodyOf(frame);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(body.length + 1, 0);
    head[4] = TYPES.indexOf(frame.type);
    this.#parts.push(head, body);
    this.#size += head.length + body.length;
    if (this.#size >= CHUNK) this.flush();
  }

  flush(): void {
    this.#sink(Buffer.concat(this.#parts));
    this.#parts = [];
    this.#size = 0;
  }
}

/** Yields the frames in a stream of chunks. Buffers in them are views of the chunks: records of one chunk share its memory. */
export async function* readFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Frame, void> {
  let waiting: Buffer[] = [];
  let size = 0;
  let wanted = 4;
  for await (const chunk of chunks) {
    waiting.push(chunk);
    size += chunk.length;
    if (size < wanted) continue;
    const bytes = waiting.length === 1 ? chunk : Buffer.concat(waiting);
    let at = 0;
    wanted = 4;
    while (bytes.length - at >= 4) {
      const end = at + 4 + bytes.readUInt32BE(at);
      wanted = end - at;
      if (end > bytes.length) break;
      yield parse(bytes.subarray(at + 4, end));
      at = end;
      wanted = 4;
    }
    waiting = [bytes.subarray(at)];
    size = bytes.length - at;
  }
}

function bodyOf(frame: Frame): Buffer {
  switch (frame.type) {
    case "meta":
      return frame.value;
    case "damage":
      return Buffer.from(frame.message);
    case "end":
      return Buffer.alloc(0);
    case "entry": {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(frame.key.length);
      return Buffer.concat([length, frame.key, frame.value]);
    }
  }
}

function parse(frame: Buffer): Frame {
  const body = frame.subarray(1);
  const type = TYPES[frame[0]!];
  switch (type) {
    case "meta":
      return { type, value: body };
    case "damage":
      return { type, message: body.toString() };
    case "end":
      return { type };
    case "entry": {
      const value = 2 + body.readUInt16BE(0);
      return { type, key: body.subarray(2, value), value: body.subarray(value) };
    }
    default:
      throw new Error(`Cannot read a frame of the reader: type ${frame[0]}, expected one of ${TYPES.length}`);
  }
}
