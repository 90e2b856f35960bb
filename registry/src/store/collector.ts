import { rmSync, statSync } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { type Clock, codeOf } from "@tsukube/foundation";
import { type BlobStore, namesIn } from "./blob-store.ts";
import type { Layout } from "./layout.ts";
import type { Manifests } from "./manifests.ts";
import type { Reliance } from "./reliance.ts";
import type { RepositoryStore } from "./repository-store.ts";
import type { Uploads } from "./uploads.ts";

interface Deps {
  readonly layout: Layout;
  readonly blobs: BlobStore;
  readonly repositories: RepositoryStore;
  readonly manifests: Manifests;
  readonly uploads: Uploads;
  readonly reliance: Reliance;
  readonly clock: Clock;
  /** How long what nothing refers to stays: longer than a push takes. */
  readonly keepMs: number;
  /** How long a manifest stays that nobody asks for; for ever by default. A cache has it. */
  readonly keepManifestsMs?: number;
}

/** What a collection removed. */
export interface Collected {
  readonly uploads: number;
  readonly manifests: number;
  /** Of repositories. */
  readonly links: number;
  readonly blobs: number;
  readonly bytes: number;
}

/**
 * Removes, while requests are served, what nothing refers to: uploads that nobody goes on with, blobs that no manifest of
 * their repository names, files that no repository shows. Each of it only when nobody looked for it lately. A kill at any
 * moment leaves less garbage, never a manifest without its blobs: links go before files.
 */
export class Collector {
  readonly #deps: Deps;
  #running: Promise<Collected> | undefined;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Collects; while a collection goes on, waits for it. @throws {TsukubeError} `damaged` for a record that cannot be read: nothing more goes then. */
  collect(): Promise<Collected> {
    this.#running ??= this.#collect().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #collect(): Promise<Collected> {
    const { repositories, uploads, reliance } = this.#deps;
    const before = this.#deps.clock.now() - this.#deps.keepMs;
    const live = new Set<string>();
    const sum = { uploads: 0, manifests: 0, links: 0 };
    for await (const name of repositories.repositories()) {
      sum.uploads += await uploads.expire(name, before);
      sum.manifests += await this.#unused(name);
      sum.links += await this.#links(name, before, live);
      await this.#unfinished(name, before);
    }
    const { blobs, bytes } = await this.#blobs(before, live);
    reliance.forgetBefore(before);
    return { ...sum, blobs, bytes };
  }

  /** What a cache was not asked for. */
  async #unused(name: string): Promise<number> {
    const { keepManifestsMs, clock, layout, repositories, manifests } = this.#deps;
    if (keepManifestsMs === undefined) return 0;
    let count = 0;
    for await (const digest of repositories.manifests(name)) {
      const { mtimeMs } = await stat(layout.manifest(name, digest));
      if (mtimeMs < clock.now() - keepManifestsMs && (await manifests.remove(name, digest))) count++;
    }
    return count;
  }

  /** @param live Takes the short names of what the repository goes on to show. */
  async #links(name: string, before: number, live: Set<string>): Promise<number> {
    const { layout, repositories } = this.#deps;
    const named = new Set<string>();
    for await (const digest of repositories.manifests(name)) {
      live.add(shortName(digest));
      for (const each of (await repositories.manifest(name, digest))?.references ?? []) named.add(each);
    }
    let count = 0;
    for await (const digest of repositories.links(name)) {
      if (!named.has(digest) && this.#removeIfUnused(layout.link(name, digest), digest, before) !== undefined) count++;
      else live.add(shortName(digest));
    }
    return count;
  }

  async #blobs(before: number, live: ReadonlySet<string>): Promise<{ readonly blobs: number; readonly bytes: number }> {
    const sum = { blobs: 0, bytes: 0 };
    for await (const digest of this.#deps.blobs.all()) {
      if (live.has(shortName(digest))) continue;
      const size = this.#removeIfUnused(this.#deps.layout.blob(digest), digest, before);
      if (size === undefined) continue;
      sum.blobs++;
      sum.bytes += size;
    }
    return sum;
  }

  /** Without waiting between question and deed: see {@link Reliance}. @returns the size of what was removed. */
  #removeIfUnused(path: string, digest: string, before: number): number | undefined {
    if ((this.#deps.reliance.last(digest) ?? Number.NEGATIVE_INFINITY) >= before) return undefined;
    try {
      const { mtimeMs, size } = statSync(path);
      if (mtimeMs >= before) return undefined;
      rmSync(path);
      return size;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined; // somebody deleted it
      throw error;
    }
  }

  /** What was being written when the registry was killed. */
  async #unfinished(name: string, before: number): Promise<void> {
    const { layout } = this.#deps;
    const folders = [layout.tags(name), `${layout.manifests(name)}/sha256`, `${layout.manifests(name)}/sha512`];
    for (const folder of folders)
      for (const file of (await namesIn(folder)).filter((each) => each.startsWith("."))) {
        const path = `${folder}/${file}`;
        const found = await stat(path).catch(() => undefined);
        if (found !== undefined && found.mtimeMs < before) await rm(path, { force: true });
      }
  }
}

/** Enough to tell blobs apart: one that is taken for another stays. A million of them hold 100 MB less than digests do. */
function shortName(digest: string): string {
  return Buffer.from(digest.slice(7, 31), "hex").toString("latin1");
}
