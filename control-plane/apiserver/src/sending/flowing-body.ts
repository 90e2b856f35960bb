import type { ResponseSink } from "@tsukube/host";

/** A body that writes itself to a connection, which spares a turn of the event loop for each piece. */
export abstract class FlowingBody implements AsyncIterable<Uint8Array> {
  /** For whoever takes it in process. */
  abstract [Symbol.asyncIterator](): AsyncIterator<Uint8Array>;

  /** Whether it is compressed for who takes that, piece by piece. */
  readonly isPackable: boolean = false;

  /** Whether it goes on until somebody ends it, as a watch does. */
  readonly lasts: boolean = false;
  readonly #afterwards: (() => void)[] = [];
  #isOver = false;

  /** Calls back once, when what lasts is over. */
  whenOver(callback: () => void): void {
    if (this.#isOver) callback();
    else this.#afterwards.push(callback);
  }

  protected over(): void {
    this.#isOver = true;
    for (const callback of this.#afterwards.splice(0)) callback();
  }

  /** Resolves at its end, or when the client is gone. */
  abstract flow(sink: ResponseSink, signal: AbortSignal): Promise<void>;
}
