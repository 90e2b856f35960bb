import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { TsukubeError } from "@tsukube/foundation";
import { counted } from "./counted.ts";
import type { HttpRequest } from "./http-exchange.ts";
import type { Descriptor } from "./manifest.ts";

/** The repository that is pushed to. */
export interface UploadPeer {
  /** Asks for a path below the repository, or what the registry named; fails unless the answer is a good one. */
  readonly ask: (place: string | URL, request: HttpRequest) => Promise<IncomingMessage>;
  /** Of a path below the repository. */
  readonly url: (path: string) => URL;
  /** Repeats what failed in passing. */
  readonly repeat: <T>(work: () => Promise<T>) => Promise<T>;
}

const OCTETS = { "content-type": "application/octet-stream" };

/** Uploads a blob whose digest is known (distribution spec, "POST then PUT"). @param onBytes Told the sum so far. */
export async function uploadWhole(
  peer: UploadPeer,
  { digest, size }: Omit<Descriptor, "mediaType">,
  content: () => AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void = () => {},
): Promise<void> {
  await peer.repeat(async () => {
    const place = await begin(peer);
    const body = (): Readable => Readable.from(counted(content(), onBytes), { objectMode: false });
    const headers = { ...OCTETS, "content-length": size };
    await cancelled(peer, place, () => finish(peer, place, digest, { headers, body }));
  });
}

/**
 * Uploads a blob whose digest is known at its end (distribution spec, "Pushing a blob in chunks", as one chunk of unknown
 * length: what docker sends).
 * @param content Gives the same again when the upload has to be repeated.
 */
export function uploadStreaming(
  peer: UploadPeer,
  content: () => AsyncIterable<Uint8Array>,
): Promise<Omit<Descriptor, "mediaType">> {
  return peer.repeat(async () => {
    const place = await begin(peer);
    return cancelled(peer, place, async () => {
      let sent = { hash: createHash("sha256"), size: 0 };
      const body = (): Readable => {
        sent = { hash: createHash("sha256"), size: 0 }; // the request may be repeated with credentials
        return Readable.from(noted(content(), sent), { objectMode: false });
      };
      const headers = { ...OCTETS, "transfer-encoding": "chunked" };
      const patched = await peer.ask(place, { method: "PATCH", headers, body });
      patched.resume();
      const digest = `sha256:${sent.hash.digest("hex")}`;
      await finish(peer, placeIn(peer, patched) ?? place, digest, { headers: { "content-length": 0 } });
      return { digest, size: sent.size };
    });
  });
}

/** Takes a blob from another repository of the registry; false when the registry does not do so. */
export async function mountBlob(peer: UploadPeer, digest: string, from: string): Promise<boolean> {
  const url = peer.url("blobs/uploads/");
  url.searchParams.set("mount", digest);
  url.searchParams.set("from", from);
  const answer = await peer.ask(url, { method: "POST", headers: { "content-length": 0 } });
  answer.resume();
  if (answer.statusCode === 201) return true;
  const place = placeIn(peer, answer); // it offers an upload instead
  if (place !== undefined) await cancel(peer, place);
  return false;
}

async function begin(peer: UploadPeer): Promise<URL> {
  const started = await peer.ask("blobs/uploads/", { method: "POST", headers: { "content-length": 0 } });
  started.resume();
  const place = placeIn(peer, started);
  if (place === undefined)
    throw new TsukubeError("unavailable", "Cannot push a blob: the registry named no place to upload to");
  return place;
}

async function finish(peer: UploadPeer, place: URL, digest: string, request: HttpRequest): Promise<void> {
  const url = new URL(place);
  url.searchParams.set("digest", digest);
  (await peer.ask(url, { ...request, method: "PUT" })).resume();
}

/** Tells the registry to forget an upload that failed. */
async function cancelled<T>(peer: UploadPeer, place: URL, upload: () => Promise<T>): Promise<T> {
  try {
    return await upload();
  } catch (error) {
    await cancel(peer, place);
    throw error;
  }
}

async function cancel(peer: UploadPeer, place: URL): Promise<void> {
  const answer = await peer.ask(place, { method: "DELETE" }).catch(() => undefined);
  answer?.resume();
}

function placeIn(peer: UploadPeer, answer: IncomingMessage): URL | undefined {
  const { location } = answer.headers;
  return location === undefined ? undefined : new URL(location, peer.url("blobs/uploads/"));
}

async function* noted(
  content: AsyncIterable<Uint8Array>,
  sent: { readonly hash: ReturnType<typeof createHash>; size: number },
): AsyncGenerator<Uint8Array> {
  for await (const part of content) {
    sent.hash.update(part);
    sent.size += part.length;
    yield part;
  }
}
