import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

/** Bytes that wait for the end of a turn of the event loop, from which on nobody should add any: more at once leave the processor's cache before they are encrypted. */
const FULL_BYTES = 64 * 1024;

/**
 * Where what is sent next is joined, over whatever connection: memory that is new each time costs a large list a tenth. TLS of these versions of
 * Node encrypts what it is given, or copies it, before the write returns (TLSWrap::DoWrite); a test sees whether it still does.
 */
const SCRATCH = Buffer.allocUnsafeSlow(2 * FULL_BYTES);
const COPIES_AT_ONCE = [24, 25, 26].includes(Number(process.versions.node.split(".")[0]));

/** Joins what is sent over a connection within a turn of the event loop: one record, one system call. */
export class Outbox {
  readonly #socket: Socket;
  readonly #isEncrypted: boolean;
  readonly #ready: () => void;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #copied: (() => void)[] = [];

  /** @param ready Called when it takes more after it was full. */
  constructor(socket: Socket, ready: () => void) {
    this.#socket = socket;
    this.#isEncrypted = socket instanceof TLSSocket;
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

  #joined(parts: readonly Uint8Array[], bytes: number): Buffer {
    const isQueued = this.#socket.writableLength > 0;
    if (!this.#isEncrypted || !COPIES_AT_ONCE || isQueued || bytes > SCRATCH.length) return Buffer.concat(parts, bytes);
    let at = 0;
    for (const part of parts) {
      SCRATCH.set(part, at);
      at += part.length;
    }
    return SCRATCH.subarray(0, bytes);
  }

  readonly #flush = (): void => {
    if (this.#parts.length === 0) return;
    const parts = this.#parts;
    const wasFull = this.#bytes > FULL_BYTES;
    const copied = this.#copied;
    const bytes = this.#bytes;
    const isCopied = parts.length > 1 || copied.length > 0;
    this.#parts = [];
    this.#copied = [];
    this.#bytes = 0;
    if (this.#socket.writable) this.#socket.write(isCopied ? this.#joined(parts, bytes) : parts[0]!);
    for (const tell of copied) tell();
    if (wasFull && !this.#socket.writableNeedDrain) this.#ready();
  };
}
