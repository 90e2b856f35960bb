import { pipeline, Readable, type Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { codeOf, messageOf, TsukubeError } from "@tsukube/foundation";
import { startProgram } from "@tsukube/kernel";
import { counted } from "./counted.ts";

/** How a layer is compressed; "" when it is not. */
export type Compression = "gzip" | "zstd" | "";

const CHUNK = 256 * 1024;
/** Files of zeros may become so much smaller; not gigabytes of real files. Of gzip nothing becomes more than 1032 times as much. */
const MOST_TIMES = 1000;
const HARMLESS_BYTES = 8 * 1024 ** 3;
const LONGEST_MAGIC = 6;
const MAGIC = [
  ["gzip", "1f8b"],
  ["zstd", "28b52ffd"],
  ["bzip2", "425a68"],
  ["xz", "fd377a585a00"],
] as const;
/** What Node does not know, programs of the distribution do. */
const PROGRAMS = {
  bzip2: { args: ["-dc"], package: "bzip2" },
  xz: { args: ["-dc", "--memlimit-decompress=1GiB"], package: "xz-utils" },
} as const;

/** Takes compressed bytes at one end. */
interface Decoder {
  readonly input: Writable;
  readonly output: AsyncIterable<Buffer>;
}

/**
 * What is in a stream, by its first bytes: gzip, zstd, xz, bzip2, or as it is.
 * @param harmless Bytes that may come of however few.
 * @throws {TsukubeError} `unsupported` where the program for xz or bzip2 is missing; `invalid-archive` when the compressed data is
 * damaged, or means harm.
 */
export async function* decompressed(
  source: AsyncIterable<Uint8Array>,
  harmless = HARMLESS_BYTES,
): AsyncGenerator<Buffer> {
  const { first, rest } = await peek(source);
  const format = formatOf(first);
  if (format === "") {
    for await (const part of rest) yield Buffer.from(part.buffer, part.byteOffset, part.length);
    return;
  }
  let [taken, given] = [0, 0];
  const input = Readable.from(
    counted(rest, (bytes) => (taken = bytes)),
    { objectMode: false },
  );
  let failure: unknown; // of the source: it comes through the decoder as if it were the decoder's
  input.once("error", (error) => (failure = error));
  try {
    const decoder = await decoderOf(format);
    pipeline(input, decoder.input, () => {});
    for await (const part of decoder.output) {
      given += part.length;
      if (format !== "gzip" && given > harmless && given > MOST_TIMES * taken) throw tooMuch(format, taken, given);
      yield part;
    }
  } catch (cause) {
    if (failure !== undefined) throw failure;
    if (cause instanceof TsukubeError) throw cause;
    throw new TsukubeError("invalid-archive", `Cannot decompress ${format} data: ${messageOf(cause)}`, { cause });
  } finally {
    input.destroy();
  }
}

async function decoderOf(format: Exclude<ReturnType<typeof formatOf>, "">): Promise<Decoder> {
  if (format === "xz" || format === "bzip2") return decodingProgram(format);
  const decoder = format === "gzip" ? createGunzip({ chunkSize: CHUNK }) : createZstdDecompress({ chunkSize: CHUNK });
  return { input: decoder, output: decoder };
}

/** @throws {TsukubeError} `unsupported` where it is missing. */
async function decodingProgram(name: keyof typeof PROGRAMS): Promise<Decoder> {
  const { args, package: from } = PROGRAMS[name];
  const program = await startProgram(name, args, { descriptors: ["input", "output", "output"] }).catch((cause) => {
    if (codeOf(cause) !== "not-found") throw cause;
    throw new TsukubeError(
      "unsupported",
      `Cannot decompress ${name} data: no program ${name} here, expected the package ${from}`,
      { cause },
    );
  });
  const [input, output, errors] = [program.inputs.get(0), program.outputs.get(1), program.outputs.get(2)];
  if (input === undefined || output === undefined || errors === undefined) throw new Error("a pipe is missing");
  input.on("error", () => {}); // it may end without reading everything
  const said = text(errors).catch(() => "");
  async function* decoded(from: Readable): AsyncGenerator<Buffer> {
    let isOver = false;
    try {
      yield* from as AsyncIterable<Buffer>;
      isOver = true;
    } finally {
      if (!isOver) {
        process.kill(program.pid, "SIGKILL"); // nobody waited for it yet: the number is its own
        await program.ended();
      }
    }
    const end = await program.ended();
    if ("code" in end && end.code === 0) return;
    throw new TsukubeError("invalid-archive", `Cannot decompress ${name} data: ${(await said).trim() || "it ended"}`);
  }
  return { input, output: decoded(output) };
}

function tooMuch(format: string, taken: number, given: number): TsukubeError {
  return new TsukubeError(
    "invalid-archive",
    `Cannot decompress ${format} data: ${taken} bytes became ${given} and more, expected at most ${MOST_TIMES} times as many`,
  );
}

function formatOf(first: Uint8Array) {
  const hex = Buffer.from(first.subarray(0, LONGEST_MAGIC)).toString("hex");
  return MAGIC.find(([, magic]) => hex.startsWith(magic))?.[0] ?? "";
}

/** Of a layer, by its first bytes. @throws {TsukubeError} `unsupported` for what no layer has. */
export function compressionOf(first: Uint8Array): Compression {
  const format = formatOf(first);
  if (format !== "xz" && format !== "bzip2") return format;
  throw new TsukubeError(
    "unsupported",
    `Cannot read a layer: it is compressed by ${format}, expected gzip, zstd or a plain tar archive`,
  );
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
