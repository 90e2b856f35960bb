import { buffer } from "node:stream/consumers";
import { deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";
import type { ApiResponse } from "@tsukube/client";
import { type ProxiedPage, rewriteLink, rewriteLinks } from "./proxied-links.ts";

interface Coding {
  readonly decode: (bytes: Uint8Array) => Buffer;
  readonly encode: (bytes: Uint8Array) => Buffer;
}

const plain = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
const CODINGS: Readonly<Record<string, Coding>> = {
  "": { decode: plain, encode: plain },
  gzip: { decode: gunzipSync, encode: gzipSync },
  deflate: { decode: inflateSync, encode: deflateSync },
};

/** The answer of a server as it looks through the proxy: where it redirects to, and the links of a page. Others stay streams. */
export async function throughProxy(answer: ApiResponse, page: ProxiedPage): Promise<ApiResponse> {
  const { headers } = answer;
  const header = (name: string): string => String(headers[name] ?? "");
  if (header("location") !== "")
    return { ...answer, headers: { ...headers, location: rewriteLink(header("location"), page) } };
  const type = header("content-type").split(";")[0]?.trim();
  const coding = CODINGS[header("content-encoding")];
  if (type !== "text/html" || coding === undefined) return answer;
  const bytes = answer.body instanceof Uint8Array ? answer.body : await buffer(answer.body);
  if (bytes.length === 0) return { ...answer, body: bytes }; // as for HEAD: its headers tell of the body that is not there
  // one character a byte: whatever the page is written in stays as it is
  const html = coding.decode(bytes).toString("latin1");
  const body = coding.encode(Buffer.from(rewriteLinks(html, page), "latin1"));
  return { ...answer, headers: { ...headers, "content-length": String(body.length) }, body };
}
