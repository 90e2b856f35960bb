import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { systemRandom } from "@tsukube/host";

/** As digests are written. */
export const sha256 = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
/** Answers a request and says so, or leaves it to the registry. */
export type Handler = (request: IncomingMessage, response: ServerResponse, path: string) => boolean;

/** A registry of one repository, "team/app", for tests. `before` may answer a request in its place. */
export class TinyRegistry {
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, { readonly type: string; readonly bytes: Buffer }>();
  readonly asked: string[] = [];
  before: Handler = () => false;
  readonly server = createServer((request, response) => void this.#answer(request, response));

  readonly #uploads = new Map<string, Buffer>();

  static async start(): Promise<TinyRegistry> {
    const registry = new TinyRegistry();
    await new Promise<void>((resolve) => registry.server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  get name(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}/team/app`;
  }

  add(bytes: Buffer): { mediaType: string; digest: string; size: number } {
    this.blobs.set(sha256(bytes), bytes);
    return { mediaType: "application/octet-stream", digest: sha256(bytes), size: bytes.length };
  }

  addManifest(document: object, tag?: string): { digest: string; size: number; mediaType: string } {
    const bytes = Buffer.from(JSON.stringify(document));
    const mediaType = (document as { mediaType: string }).mediaType;
    for (const name of [sha256(bytes), ...(tag === undefined ? [] : [tag])])
      this.manifests.set(name, { type: mediaType, bytes });
    return { digest: sha256(bytes), size: bytes.length, mediaType };
  }

  /** An image of two layers, one gzip, one zstd, behind an index with a foreign platform. */
  addImage(): { readonly content: readonly Buffer[]; readonly index: string } {
    const content = [Buffer.alloc(300_000, "one "), Buffer.from(systemRandom.bytes(200_000))];
    const layers = [this.add(gzipSync(content[0] as Buffer)), this.add(zstdCompressSync(content[1] as Buffer))];
    const document = { config: { Cmd: ["app"] }, rootfs: { type: "layers", diff_ids: content.map(sha256) } };
    const config = this.add(Buffer.from(JSON.stringify(document)));
    const image = this.addManifest({ mediaType: "application/vnd.oci.image.manifest.v1+json", config, layers });
    const architecture = { x64: "amd64" }[process.arch as string] ?? process.arch;
    const manifests = [
      { ...image, digest: `sha256:${"0".repeat(64)}`, platform: { os: "linux", architecture: "s390x" } },
      { ...image, platform: { os: "linux", architecture } },
    ];
    const index = this.addManifest({ mediaType: "application/vnd.oci.image.index.v1+json", manifests }, "1.0");
    return { content, index: index.digest };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://x");
    const path = url.pathname.replace("/v2/team/app/", "");
    this.asked.push(
      `${request.method} ${path}${request.headers.range === undefined ? "" : ` ${request.headers.range}`}`,
    );
    if (this.before(request, response, path)) return;
    const [kind, name = ""] = path.split("/");
    if (kind === "blobs" && (await this.#upload(request, response, url))) return;
    if (request.method === "PUT") {
      this.manifests.set(name, { type: request.headers["content-type"] ?? "", bytes: await buffer(request) });
      response.writeHead(201).end();
    } else if (kind === "manifests" && this.manifests.has(name)) {
      const { type, bytes } = this.manifests.get(name)!;
      response.writeHead(200, { "content-type": type }).end(bytes);
    } else if (this.blobs.has(name)) {
      const bytes = this.blobs.get(name)!;
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
      response.writeHead(from > 0 ? 206 : 200).end(request.method === "HEAD" ? undefined : bytes.subarray(from));
    } else
      response.writeHead(404).end(JSON.stringify({ errors: [{ code: "NAME_UNKNOWN", message: "no such thing" }] }));
  }

  /** Content comes with PATCH, PUT or both. */
  async #upload(request: IncomingMessage, response: ServerResponse, url: URL): Promise<boolean> {
    const location = `${url.pathname}${request.method === "POST" ? `${this.asked.length}` : ""}?x=y`;
    const content = Buffer.concat([this.#uploads.get(url.pathname) ?? Buffer.alloc(0), await buffer(request)]);
    if (request.method === "POST" || request.method === "PATCH") {
      if (request.method === "PATCH") this.#uploads.set(url.pathname, content);
      response.writeHead(202, { location }).end();
    } else if (request.method === "PUT") {
      const digest = url.searchParams.get("digest") ?? "";
      if (sha256(content) === digest) this.blobs.set(digest, content);
      response.writeHead(sha256(content) === digest ? 201 : 400).end();
    } else if (request.method === "DELETE") {
      this.#uploads.delete(url.pathname);
      response.writeHead(204).end();
    } else return false;
    return true;
  }
}
