import type { ResponseSink } from "@tsukube/host";

/** A body that writes itself to a connection, which spares a turn of the event loop for each piece. */
export abstract class FlowingBody implements AsyncIterable<Uint8Array> {
  /** For whoever takes it in process. */
  abstract [Symbol.asyncIterator](): AsyncIterator<Uint8Array>;

  /** Whether it is compressed for who takes that, piece by piece. */
  readonly isPackable: boolean = false;

  /** Resolves at its end, or when the client is gone. */
  abstract flow(sink: ResponseSink, signal: AbortSignal): Promise<void>;
}
