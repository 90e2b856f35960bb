import type { ResponseSink } from "@tsukube/host";

/** A body that writes itself to a connection, which spares a turn of the event loop for each piece. */
export abstract class FlowingBody implements AsyncIterable<Uint8Array> {
  /** For whoever takes it in process. */
  abstract [Symbol.asyncIterator](): AsyncIterator<Uint8Array>;

  /** Resolves at its end, or when the client is gone. */
  abstract flow(sink: ResponseSink, signal: AbortSignal): Promise<void>;
}
