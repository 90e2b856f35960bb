import { FLAG, FRAME, FRAME_BYTES, FRAME_HEAD_BYTES, WINDOW, writeFrameHead } from "./frames.ts";
import type { Outbox } from "./outbox.ts";

interface Piece {
  readonly bytes: Uint8Array;
  readonly written: (() => void) | undefined;
}

const NOTHING: Piece = { bytes: new Uint8Array(0), written: undefined };

/** The body of one answer on its way, as far as the client's windows take it. */
export class Answer {
  readonly id: number;
  /** Bytes that the client takes of this one. */
  window: number;
  readonly #sent: () => void;
  readonly #pieces: Piece[] = [];
  #offset = 0;
  #isEnding = false;
  #isGone = false;
  #waiting: (() => void)[] = [];

  /** @param sent Called when the end has been sent. */
  constructor(id: number, window: number, sent: () => void) {
    this.id = id;
    this.window = window;
    this.#sent = sent;
  }

  /** Nobody takes it any more. */
  drop(): void {
    this.#isGone = true;
    this.#pieces.length = 0; // parts of them may still wait to be copied, so nobody is told that they may be changed
    this.tellReady();
  }

  add(bytes: Uint8Array, written: (() => void) | undefined): void {
    if (!this.#isGone && bytes.length > 0) this.#pieces.push({ bytes, written });
  }

  end(): void {
    this.#isEnding = true;
  }

  /** All that was added is on its way. */
  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  /** Only the end is left, which needs no window. */
  get hasBareEnd(): boolean {
    return this.isEmpty && this.#isEnding && !this.#isGone;
  }

  /** Sends one frame of at most so many bytes. @returns the bytes. */
  sendFrame(most: number, outbox: Outbox): number {
    const { bytes, written } = this.#pieces[0] ?? NOTHING;
    const size = Math.min(most, this.window, bytes.length - this.#offset);
    const part = size === bytes.length ? bytes : bytes.subarray(this.#offset, this.#offset + size);
    this.#offset += size;
    this.window -= size;
    const isWhole = this.#offset === bytes.length;
    if (isWhole) {
      this.#pieces.shift();
      this.#offset = 0;
    }
    const isEnd = this.hasBareEnd;
    outbox.write(dataHead(size, isEnd ? FLAG.endStream : 0, this.id));
    if (size > 0) outbox.write(part, isWhole ? written : undefined);
    if (isEnd) {
      this.#isGone = true;
      this.#sent();
    }
    return size;
  }

  /** Resolves when there is room for more, or when nobody takes it any more. */
  ready(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  tellReady(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function dataHead(size: number, flags: number, id: number): Buffer {
  const head = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
  writeFrameHead(head, 0, size, FRAME.data, flags, id);
  return head;
}

/** Shares the connection among the answers that have something to send (RFC 9113 section 5.2). */
export class AnswerSender {
  /** Bytes that the client takes of all answers together, and of each that begins. */
  window = WINDOW;
  initialWindow = WINDOW;
  readonly #outbox: Outbox;
  /** Those that the connection keeps waiting, longest first. */
  readonly #waiting = new Set<Answer>();

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** Sends what an answer has. @returns whether more may be added at once. */
  send(answer: Answer): boolean {
    while (!answer.isEmpty || answer.hasBareEnd) {
      const isBlocked = this.#outbox.isFull || (this.window <= 0 && !answer.hasBareEnd);
      if (isBlocked) this.#waiting.add(answer);
      if (isBlocked || (answer.window <= 0 && !answer.hasBareEnd)) return false;
      this.window -= answer.sendFrame(Math.min(FRAME_BYTES, this.window), this.#outbox);
    }
    if (this.#outbox.isFull) {
      this.#waiting.add(answer);
      return false;
    }
    answer.tellReady();
    return true;
  }

  /** There is room again. */
  readonly resume = (): void => {
    for (const answer of this.#waiting) {
      if (this.#outbox.isFull) return;
      if (this.window <= 0 && !answer.isEmpty) continue;
      this.#waiting.delete(answer);
      this.send(answer);
    }
  };

  forget(answer: Answer): void {
    this.#waiting.delete(answer);
    answer.drop();
  }
}
