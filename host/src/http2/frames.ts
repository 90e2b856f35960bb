/** Types of frames (RFC 9113 section 6). */
export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;

/** Why a stream or a connection ends (RFC 9113 section 7). */
export const CODE = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refused: 7,
  compression: 9,
  calm: 11,
} as const;

export const SETTING = {
  tableSize: 1,
  push: 2,
  streams: 3,
  window: 4,
  frameSize: 5,
  headerListSize: 6,
} as const;

export const FRAME_HEAD_BYTES = 9;
/** Of a payload, and of a window, where nobody said otherwise; the most that a window can be. */
export const FRAME_BYTES = 16_384;
export const WINDOW = 65_535;
export const MOST_WINDOW = 0x7fffffff;

/** What ends a connection: the peer broke the protocol. */
export class ConnectionError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(`Cannot go on with an HTTP/2 connection: ${message}`);
    this.code = code;
  }
}

/** Writes the nine bytes before a payload. @returns where the payload begins. */
export function writeFrameHead(
  into: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  id: number,
): number {
  into[at] = length >>> 16;
  into[at + 1] = length >>> 8;
  into[at + 2] = length;
  into[at + 3] = type;
  into[at + 4] = flags;
  into[at + 5] = id >>> 24;
  into[at + 6] = id >>> 16;
  into[at + 7] = id >>> 8;
  into[at + 8] = id;
  return at + FRAME_HEAD_BYTES;
}

/** A whole frame. @param values Numbers of 32 bits that are its payload. */
export function smallFrame(type: number, flags: number, id: number, ...values: readonly number[]): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + 4 * values.length);
  let at = writeFrameHead(frame, 0, 4 * values.length, type, flags, id);
  for (const value of values) at = frame.writeUInt32BE(value, at);
  return frame;
}

/** A SETTINGS frame of pairs of a setting and its value. */
export function settingsFrame(...pairs: readonly (readonly [number, number])[]): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + 6 * pairs.length);
  let at = writeFrameHead(frame, 0, 6 * pairs.length, FRAME.settings, 0, 0);
  for (const [setting, value] of pairs) {
    at = frame.writeUInt16BE(setting, at);
    at = frame.writeUInt32BE(value, at);
  }
  return frame;
}
