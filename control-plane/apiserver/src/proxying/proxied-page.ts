import { promisify } from "node:util";
import { deflate, gunzip, gzip, inflate } from "node:zlib";
import type { ApiResponse } from "@tsukube/client";
import { type ProxiedPage, rewriteLink, rewriteLinks } from "./proxied-links.ts";

interface Coding {
  /** Rejects for what is damaged, and for what would be larger than a page may be. */
  readonly decode: (bytes: Uint8Array) => Promise<Buffer>;
  readonly encode: (bytes: Uint8Array) => Promise<Buffer>;
}

/** Bytes of a page, as it comes and unpacked. */
const PAGE_LIMIT = 1024 * 1024;

const plain = async (bytes: Uint8Array): Promise<Buffer> => Buffer.from(bytes);
const unpacking =
  (unpack: typeof gunzip): Coding["decode"] =>
  (bytes) =>
    promisify<Uint8Array, object, Buffer>(unpack)(bytes, { maxOutputLength: PAGE_LIMIT });
const CODINGS: Readonly<Record<string, Coding>> = {
  "": { decode: plain, encode: plain },
  gzip: { decode: unpacking(gunzip), encode: promisify<Uint8Array, Buffer>(gzip) },
  deflate: { decode: unpacking(inflate), encode: promisify<Uint8Array, Buffer>(deflate) },
};

/**
 * The answer of a server as it looks through the proxy: where it redirects to, and the links of a page. Others stay streams, and so
 * does a page that is larger than 1 MiB or cannot be unpacked: it goes on as it comes.
 */
export async function throughProxy(answer: ApiResponse, page: ProxiedPage): Promise<ApiResponse> {
  const { headers } = answer;
  const header = (name: string): string => String(headers[name] ?? "");
  if (header("location") !== "")
    return { ...answer, headers: { ...headers, location: rewriteLink(header("location"), page) } };
  const type = header("content-type").split(";")[0]?.trim();
  const coding = CODINGS[header("content-encoding")];
  if (type !== "text/html" || coding === undefined) return answer;
  const read = await beginning(answer.body);
  // as for HEAD: its headers tell of the body that is not there
  if (!(read instanceof Uint8Array) || read.length === 0) return { ...answer, body: read };
  const bytes = await coding.decode(read).catch(() => undefined);
  if (bytes === undefined) return { ...answer, body: read };
  // one character a byte: whatever the page is written in stays as it is
  const rewritten = rewriteLinks(bytes.toString("latin1"), page);
  const body = await coding.encode(Buffer.from(rewritten, "latin1"));
  return { ...answer, headers: { ...headers, "content-length": String(body.length) }, body };
}

/** The whole of a body that is a page's size; of a larger one the stream, from its first byte on. */
async function beginning(body: ApiResponse["body"]): Promise<ApiResponse["body"]> {
  if (body instanceof Uint8Array) return body;
  const pieces: Uint8Array[] = [];
  const rest = body[Symbol.asyncIterator]();
  let length = 0;
  while (length <= PAGE_LIMIT) {
    const next = await rest.next();
    if (next.done === true) return Buffer.concat(pieces);
    pieces.push(next.value);
    length += next.value.length;
  }
  return resumed(pieces, rest);
}

async function* resumed(
  pieces: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* pieces;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
