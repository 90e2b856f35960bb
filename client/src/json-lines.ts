/** Splits a stream of newline-separated JSON texts, however the pieces fall. */
export async function* jsonLines(body: AsyncIterable<Uint8Array> | Uint8Array): AsyncIterable<Uint8Array> {
  let pending: Uint8Array[] = [];
  for await (const piece of body instanceof Uint8Array ? [body] : body) {
    let start = 0;
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, start)) {
      pending.push(piece.subarray(start, end));
      const line = pending.length === 1 ? pending[0]! : Buffer.concat(pending);
      pending = [];
      start = end + 1;
      if (line.length > 0) yield line;
    }
    if (start < piece.length) pending.push(piece.subarray(start));
  }
  const rest = Buffer.concat(pending);
  if (rest.length > 0) yield rest;
}
