import type { IncomingMessage } from "node:http";

/** As upstream's clients have it. */
const SIZE_LIMIT = 3 * 1024 * 1024;

/** What a webhook or an issuer answers. @throws what ends it early, and where it is larger than 3 MiB. */
export async function limitedBody(response: IncomingMessage): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response as AsyncIterable<Uint8Array>) {
    size += piece.length;
    if (size > SIZE_LIMIT) throw new Error("response is too large");
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
