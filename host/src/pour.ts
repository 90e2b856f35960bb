import type { Writable } from "node:stream";

/** Writes the pieces as fast as they are taken, and ends the stream; breaks it where there are no more pieces to be had. Never throws. */
export async function pour(pieces: AsyncIterable<Uint8Array>, into: Writable): Promise<void> {
  try {
    for await (const piece of pieces) {
      if (into.destroyed) return;
      if (!into.write(piece)) await drained(into);
    }
    into.end();
  } catch (error) {
    into.destroy(error instanceof Error ? error : undefined);
  }
}

/** Resolves when the stream takes more, or is closed. */
export function drained(
  stream: NodeJS.EventEmitter & { readonly destroyed: boolean; readonly writableNeedDrain: boolean },
): Promise<void> {
  if (stream.destroyed || !stream.writableNeedDrain) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off("drain", done);
      stream.off("close", done);
      resolve();
    };
    stream.on("drain", done);
    stream.on("close", done);
  });
}
