import type { Socket } from "node:net";

/** Bytes that wait for the end of a turn of the event loop, from which on nobody should add any. */
const FULL_BYTES = 256 * 1024;

/** Joins what is sent over a connection within a turn of the event loop: one record, one system call. */
export class Outbox {
  readonly #socket: Socket;
  readonly #ready: () => void;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #copied: (() => void)[] = [];

  /** @param ready Called when it takes more after it was full. */
  constructor(socket: Socket, ready: () => void) {
    this.#socket = socket;
    this.#ready = ready;
    socket.on("drain", ready);
  }

  get isFull(): boolean {
    return this.#bytes > FULL_BYTES || this.#socket.writableNeedDrain;
  }

  /** @param copied Called when the part may be changed again. */
  write(part: Uint8Array, copied?: () => void): void {
    if (this.#parts.length === 0) process.nextTick(this.#flush);
    this.#parts.push(part);
    this.#bytes += part.length;
    if (copied !== undefined) this.#copied.push(copied);
  }

  /** Closes the connection after what was written. */
  end(): void {
    if (this.#parts.length > 0) this.#flush();
    this.#socket.destroySoon();
  }

  readonly #flush = (): void => {
    if (this.#parts.length === 0) return;
    const parts = this.#parts;
    const wasFull = this.#bytes > FULL_BYTES;
    const copied = this.#copied;
    const isCopied = parts.length > 1 || copied.length > 0;
    this.#parts = [];
    this.#copied = [];
    const whole = isCopied ? Buffer.concat(parts, this.#bytes) : parts[0]!;
    this.#bytes = 0;
    if (this.#socket.writable) this.#socket.write(whole);
    for (const tell of copied) tell();
    if (wasFull && !this.#socket.writableNeedDrain) this.#ready();
  };
}
