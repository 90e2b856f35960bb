import type { ResponseSink } from "@tsukube/host";

const CHUNK_BYTES = 128 * 1024;
/** Kept for the next answers: memory from outside the heap, each time anew, makes V8 collect garbage. */
const MOST_FREE = 8;

const free: Buffer[] = [];

/** Writes pieces joined into chunks, as the client takes them. Chunks are used again; the pieces must stay as they are. */
export async function writeJoined(
  sink: ResponseSink,
  pieces: Iterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  let chunk = take();
  let filled = 0;
  for (const piece of pieces) {
    for (let from = 0; from < piece.length; ) {
      const size = Math.min(piece.length - from, CHUNK_BYTES - filled);
      chunk.set(size === piece.length ? piece : piece.subarray(from, from + size), filled);
      from += size;
      filled += size;
      if (filled < CHUNK_BYTES) continue;
      if (!write(sink, chunk, filled)) await sink.drained();
      if (signal.aborted) return;
      chunk = take();
      filled = 0;
    }
  }
  if (filled === 0) give(chunk);
  else if (!write(sink, chunk, filled)) await sink.drained();
}

function write(sink: ResponseSink, chunk: Buffer, size: number): boolean {
  return sink.write(size === CHUNK_BYTES ? chunk : chunk.subarray(0, size), (error) => {
    if (error === undefined || error === null) give(chunk); // of a connection that broke, nobody knows who still reads it
  });
}

function take(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
}

function give(chunk: Buffer): void {
  if (free.length < MOST_FREE) free.push(chunk);
}
