import type { Readable } from "node:stream";
import { TsukubeError } from "@tsukube/foundation";

const EMPTY = new Uint8Array(0);

/**
 * Collects a stream. Resolves with one piece uncopied.
 * @param length What the stream holds, where that is known: its end is then left unread.
 * @throws {TsukubeError} `too-large` past `limit` bytes, `aborted`.
 */
export function readAll(stream: Readable, limit: number, length?: number): Promise<Uint8Array> {
  if (stream.readableEnded || length === 0) return Promise.resolve(EMPTY);
  if (stream.destroyed) return Promise.reject(aborted());
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let size = 0;
    let isDone = false;
    stream.on("data", (piece: Buffer) => {
      size += piece.length;
      if (size > limit) {
        stream.removeAllListeners("data");
        stream.resume(); // the client must be able to finish sending before it reads the answer
        reject(new TsukubeError("too-large", `Cannot read the body: over ${limit} bytes, expected at most that`));
        return;
      }
      pieces.push(piece);
      if (size !== length) return;
      stream.pause();
      done();
    });
    const done = (): void => {
      isDone = true;
      resolve(pieces.length === 0 ? EMPTY : pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
    };
    stream.once("end", done);
    stream.once("error", reject);
    stream.once("close", () => {
      if (!isDone) reject(aborted());
    });
  });
}

function aborted(): TsukubeError {
  return new TsukubeError("aborted", "Cannot read the body: the client closed the connection");
}
