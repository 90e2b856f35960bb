import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { codeOf, type Random, TsukubeError } from "@tsukube/foundation";
import { FileBatches } from "./file-batches.ts";

/** Blobs by digest ("sha256:…"), written once, never changed. */
export class ContentStore {
  readonly #folder: string;
  readonly #random: Random;

  constructor(folder: string, random: Random) {
    this.#folder = folder;
    this.#random = random;
  }

  path(digest: string): string {
    return `${this.#folder}/${digest.replace(":", "/")}`;
  }

  async has(digest: string): Promise<boolean> {
    return (await this.size(digest)) !== undefined;
  }

  async size(digest: string): Promise<number | undefined> {
    try {
      return (await stat(this.path(digest))).size;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /**
   * Writes a blob under a temporary name, checks its digest, then makes it visible: whole or not at all.
   * @throws {TsukubeError} `wrong-digest`: nothing is kept.
   */
  async write(
    content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    expected?: string,
  ): Promise<{ digest: string; size: number }> {
    const algorithm = expected?.split(":")[0] ?? "sha256";
    const hash = createHash(algorithm);
    const temporary = `${this.#folder}/incoming/${this.#random.uuid()}`;
    await mkdir(`${this.#folder}/incoming`, { recursive: true });
    await mkdir(`${this.#folder}/${algorithm}`, { recursive: true });
    let size = 0;
    const file = await open(temporary, "wx", 0o600);
    try {
      const batches = new FileBatches(file);
      for await (const chunk of content) {
        hash.update(chunk);
        size += chunk.length;
        await batches.add(chunk);
      }
      await batches.end();
      await file.sync();
      const digest = `${algorithm}:${hash.digest("hex")}`;
      if (expected !== undefined && digest !== expected) {
        throw new TsukubeError(
          "wrong-digest",
          `Cannot keep blob "${expected}": its content is ${digest}, expected what its name says`,
        );
      }
      await rename(temporary, this.path(digest));
      return { digest, size };
    } finally {
      await file.close();
      await rm(temporary, { force: true });
    }
  }

  stream(digest: string): NodeJS.ReadableStream & AsyncIterable<Buffer> {
    return createReadStream(this.path(digest), { highWaterMark: 256 * 1024 });
  }

  /** A small blob, verified. @throws {TsukubeError} `damaged`. */
  async read(digest: string): Promise<Buffer> {
    const bytes = await readFile(this.path(digest));
    const [algorithm = "sha256", hex] = digest.split(":");
    if (createHash(algorithm).update(bytes).digest("hex") !== hex) {
      throw new TsukubeError(
        "damaged",
        `Cannot read blob "${digest}": its content changed on disk; remove the image and pull it again`,
      );
    }
    return bytes;
  }

  /** A small blob; undefined when it is not there, or was damaged: then it is removed, to be fetched again. */
  async readSound(digest: string): Promise<Buffer | undefined> {
    try {
      return await this.read(digest);
    } catch (error) {
      if (codeOf(error) !== "damaged" && codeOf(error) !== "ENOENT") throw error;
      await this.remove(digest);
      return undefined;
    }
  }

  async list(): Promise<readonly string[]> {
    const names = await readdir(`${this.#folder}/sha256`).catch(() => []);
    return names.map((name) => `sha256:${name}`);
  }

  async remove(digest: string): Promise<void> {
    await rm(this.path(digest), { force: true });
  }
}
