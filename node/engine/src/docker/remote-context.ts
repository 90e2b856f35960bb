import { writeFile } from "node:fs/promises";
import { TsukubeError } from "@tsukube/foundation";
import { opened } from "../build/downloads.ts";
import { decompressed } from "../images/decompressed.ts";
import { unpackLayer } from "../images/unpack.ts";

/** What tells an archive from a text lies within it. */
const HEAD = 512;
const MAX_DOCKERFILE = 1024 * 1024;

/** Fetches a build context: an archive, or a Dockerfile alone (Docker's `remote`). @throws {TsukubeError} `failed`, `invalid`. */
export async function fetchContext(url: string, folder: string, signal: AbortSignal): Promise<void> {
  const body = decompressed(await opened(url, signal))[Symbol.asyncIterator]();
  const head = await atMost(body, HEAD);
  if (head.toString("latin1", 257, 262) === "ustar") return unpackLayer(chained(head, body), folder, "keep");
  const text = Buffer.concat([head, await atMost(body, MAX_DOCKERFILE)]);
  await body.return?.(undefined);
  if (text.length > MAX_DOCKERFILE || text.includes(0))
    throw new TsukubeError(
      "invalid",
      `Cannot build from "${url}": expected an archive, or a Dockerfile of at most 1 MB`,
    );
  await writeFile(`${folder}/Dockerfile`, text);
}

/** The beginning of what comes, in whole pieces. */
async function atMost(source: AsyncIterator<Uint8Array>, bytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (let size = 0; size < bytes; ) {
    const next = await source.next();
    if (next.done === true) break;
    parts.push(next.value);
    size += next.value.length;
  }
  return Buffer.concat(parts);
}

async function* chained(head: Buffer, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head;
  yield* { [Symbol.asyncIterator]: () => rest };
}
