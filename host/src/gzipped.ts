/** Bytes packed as quickly as may be. What packs them is loaded at its first use. */
export async function gzipped(bytes: Uint8Array): Promise<Uint8Array> {
  const { gzip } = await import("node:zlib");
  return new Promise((resolve, reject) =>
    gzip(bytes, { level: 1 }, (error, result) => (error === null ? resolve(result) : reject(error))),
  );
}
