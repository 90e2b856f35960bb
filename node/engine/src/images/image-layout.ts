import { readFile } from "node:fs/promises";
import { codeOf, type Random, TsukubeError } from "@tsukube/foundation";
import { writeAtomically } from "@tsukube/host";
import { ContentStore } from "./content-store.ts";
import type { PushTarget } from "./image-push.ts";
import { type Descriptor, OCI_INDEX, readManifest } from "./manifest.ts";

const MANIFEST_MODE = 0o644;

/** A folder with one manifest and what it names (OCI image spec, image-layout.md). */
export class ImageLayout implements PushTarget {
  readonly #folder: string;
  readonly #content: ContentStore;

  constructor(folder: string, random: Random) {
    this.#folder = folder;
    this.#content = new ContentStore(`${folder}/blobs`, random);
  }

  hasBlob(digest: string): Promise<boolean> {
    return this.#content.has(digest);
  }

  mountBlob = async (): Promise<boolean> => false;

  async pushBlob(
    { digest }: Pick<Descriptor, "digest" | "size">,
    content: () => AsyncIterable<Uint8Array>,
  ): Promise<void> {
    await this.#content.write(content(), digest);
  }

  streamBlob(content: () => AsyncIterable<Uint8Array>): Promise<{ readonly digest: string; readonly size: number }> {
    return this.#content.write(content());
  }

  /** The one manifest from now on; blobs of a former one stay. */
  async pushManifest(_name: string, mediaType: string, bytes: Uint8Array): Promise<boolean> {
    const { digest, size } = await this.#content.write([bytes]);
    const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [{ mediaType, digest, size }] };
    await writeAtomically(`${this.#folder}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}', { mode: MANIFEST_MODE });
    await writeAtomically(`${this.#folder}/index.json`, JSON.stringify(index), { mode: MANIFEST_MODE });
    return false;
  }

  /** @throws {TsukubeError} `not-found`, `invalid-image`, `damaged`. */
  async manifest(): Promise<{ readonly mediaType: string; readonly bytes: Buffer }> {
    const path = `${this.#folder}/index.json`;
    const index = await readFile(path).catch((cause: unknown) => {
      if (codeOf(cause) !== "ENOENT") throw cause;
      throw new TsukubeError("not-found", `Cannot read "${path}": there is none, expected an OCI image layout`, {
        cause,
      });
    });
    const [first] = readManifest(index, path).manifests ?? [];
    if (first === undefined) throw new TsukubeError("not-found", `Cannot read "${path}": it names no manifest`);
    return { mediaType: first.mediaType, bytes: await this.#content.read(first.digest) };
  }

  blob({ digest }: Descriptor): AsyncIterable<Buffer> {
    return this.#content.stream(digest);
  }
}
