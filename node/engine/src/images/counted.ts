/** Passes a stream through; `onBytes` is told the sum so far. */
export async function* counted<T extends Uint8Array>(
  source: AsyncIterable<T>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<T> {
  let bytes = 0;
  for await (const part of source) {
    bytes += part.length;
    onBytes(bytes);
    yield part;
  }
}
