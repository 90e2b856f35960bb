import { pipeline, Readable, type Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { messageOf, TsukubeError } from "@tsukube/foundation";
import { counted } from "./counted.ts";

/** How an archive is compressed; "" when it is not. */
export type Compression = "gzip" | "zstd" | "";

const CHUNK = 256 * 1024;
/** Files of zeros may become so much smaller by zstd; not gigabytes of real files. Of gzip nothing becomes more than 1032 times as much. */
const MOST_TIMES = 1000;
const HARMLESS_BYTES = 8 * 1024 ** 3;
const LONGEST_MAGIC = 6;
const MAGIC: readonly (readonly [name: string, hex: string])[] = [
  ["gzip", "1f8b"],
  ["zstd", "28b52ffd"],
  ["bzip2", "425a68"],
  ["xz", "fd377a585a00"],
];

/**
 * What is in a stream, by its first bytes: gzip, zstd, or as it is.
 * @param onCompression Told which it is, before the first byte.
 * @param harmless Bytes that may come of however few by zstd.
 * @throws {TsukubeError} `unsupported` for bzip2 and xz; `invalid-archive` when the compressed data is damaged, or means harm.
 */
export async function* decompressed(
  source: AsyncIterable<Uint8Array>,
  onCompression: (compression: Compression) => void = () => {},
  harmless = HARMLESS_BYTES,
): AsyncGenerator<Buffer> {
  const { first, rest } = await peek(source);
  const compression = compressionOf(first);
  onCompression(compression);
  if (compression === "") {
    for await (const part of rest) yield Buffer.from(part.buffer, part.byteOffset, part.length);
    return;
  }
  const decoder: Transform =
    compression === "gzip" ? createGunzip({ chunkSize: CHUNK }) : createZstdDecompress({ chunkSize: CHUNK });
  let [taken, given] = [0, 0];
  const input = Readable.from(
    counted(rest, (bytes) => (taken = bytes)),
    { objectMode: false },
  );
  let failure: unknown; // of the source: it comes through the decoder as if it were the decoder's
  input.once("error", (error) => (failure = error));
  pipeline(input, decoder, () => {});
  try {
    for await (const part of decoder as AsyncIterable<Buffer>) {
      given += part.length;
      if (compression === "zstd" && given > harmless && given > MOST_TIMES * taken) throw tooMuch(taken, given);
      yield part;
    }
  } catch (cause) {
    if (failure !== undefined) throw failure;
    if (cause instanceof TsukubeError) throw cause;
    throw new TsukubeError("invalid-archive", `Cannot decompress ${compression} data: ${messageOf(cause)}`, { cause });
  } finally {
    input.destroy();
  }
}

function tooMuch(taken: number, given: number): TsukubeError {
  return new TsukubeError(
    "invalid-archive",
    `Cannot decompress zstd data: ${taken} bytes became ${given} and more, expected at most ${MOST_TIMES} times as many`,
  );
}

/** @throws {TsukubeError} `unsupported` for bzip2 and xz. */
export function compressionOf(first: Uint8Array): Compression {
  const hex = Buffer.from(first.subarray(0, LONGEST_MAGIC)).toString("hex");
  const name = MAGIC.find(([, magic]) => hex.startsWith(magic))?.[0] ?? "";
  if (name === "bzip2" || name === "xz") {
    throw new TsukubeError(
      "unsupported",
      `Cannot decompress ${name} data: not supported, expected gzip, zstd or a plain tar archive`,
    );
  }
  return name as Compression;
}

async function peek(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly first: Buffer; readonly rest: AsyncGenerator<Uint8Array> }> {
  const parts = source[Symbol.asyncIterator]();
  let first = Buffer.alloc(0);
  let done = false;
  while (!done && first.length < LONGEST_MAGIC) {
    const next = await parts.next();
    done = next.done === true;
    if (next.done !== true) first = Buffer.concat([first, next.value]);
  }
  const rest = (async function* () {
    try {
      if (first.length > 0) yield first;
      while (!done) {
        const next = await parts.next();
        done = next.done === true;
        if (next.done !== true) yield next.value;
      }
    } finally {
      if (!done) await parts.return?.();
    }
  })();
  return { first, rest };
}
