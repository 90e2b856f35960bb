import { open, readdir, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Clock, codeOf } from "@tsukube/foundation";
import { makeFolder, readIfPresent, readRecord, syncFolder, writeAtomically, writeRecord } from "@tsukube/host";
import { ALGORITHMS, byName, isDigest, isTag } from "../names.ts";
import { type BlobStore, namesIn } from "./blob-store.ts";
import type { Layout } from "./layout.ts";
import type { Reliance } from "./reliance.ts";

/** What is known of a manifest beside its bytes, which are a blob. */
export interface ManifestRecord {
  readonly mediaType: string;
  readonly size: number;
  /** Digests of configuration, layers and manifests that it names. */
  readonly references: readonly string[];
  readonly subject?: string;
}

/** A manifest as the referrers API lists it. */
export interface Referrer {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Deps {
  readonly layout: Layout;
  readonly blobs: BlobStore;
  readonly reliance: Reliance;
  readonly clock: Clock;
}

/** How often at most the time of a file is brought up to date. */
const TOUCH_MS = 60_000;

/**
 * What each repository shows: blobs, manifests, tags, referrers; a small file for each. A manifest is there when its record is:
 * what it needs is written before, what points to it after.
 */
export class RepositoryStore {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** The size of a blob that the repository shows. The blob stays for whoever asked. */
  async blobSize(name: string, digest: string): Promise<number | undefined> {
    const { layout, blobs, reliance } = this.#deps;
    const takeBack = reliance.note(digest); // first: from here on it is not removed
    const size = (await this.#isThere(layout.link(name, digest))) ? await blobs.size(digest) : undefined;
    if (size === undefined) takeBack();
    return size;
  }

  /** Shows a blob that is in the store. */
  async linkBlob(name: string, digest: string): Promise<void> {
    const { layout, reliance } = this.#deps;
    reliance.note(digest);
    const link = layout.link(name, digest);
    if (!(await this.#isThere(link))) await emptyFile(link);
  }

  /** @returns whether it was there. */
  unlinkBlob(name: string, digest: string): Promise<boolean> {
    return removed(this.#deps.layout.link(name, digest));
  }

  /** Digests of all blobs that the repository shows. */
  async *links(name: string): AsyncGenerator<string> {
    yield* digestsIn(this.#deps.layout.links(name));
  }

  manifest(name: string, digest: string): Promise<ManifestRecord | undefined> {
    return readRecord<ManifestRecord>(this.#deps.layout.manifest(name, digest));
  }

  /** @param referrer When it has a subject. */
  async putManifest(name: string, record: ManifestRecord, referrer: Referrer): Promise<void> {
    const { layout } = this.#deps;
    const path = layout.manifest(name, referrer.digest);
    if (record.subject !== undefined) {
      const entry = layout.referrer(name, record.subject, referrer.digest);
      await makeFolder(dirname(entry));
      await writeRecord(entry, referrer);
    }
    await makeFolder(dirname(path));
    await writeRecord(path, record);
  }

  /** Removes a manifest and what points to it. @returns whether it was there. */
  async removeManifest(name: string, digest: string): Promise<boolean> {
    const { layout } = this.#deps;
    const record = await this.manifest(name, digest);
    if (record === undefined) return false;
    for (const tag of (await namesIn(layout.tagged(name, digest))).filter(isTag))
      if ((await this.tag(name, tag)) === digest) await this.removeTag(name, tag);
    await removed(layout.manifest(name, digest));
    await rm(layout.tagged(name, digest), { recursive: true, force: true });
    if (record.subject !== undefined) await removed(layout.referrer(name, record.subject, digest));
    return true;
  }

  async *manifests(name: string): AsyncGenerator<string> {
    yield* digestsIn(this.#deps.layout.manifests(name));
  }

  /** Notes that a manifest is in use: a cache keeps it. */
  async touchManifest(name: string, digest: string): Promise<void> {
    await this.#isThere(this.#deps.layout.manifest(name, digest));
  }

  async tag(name: string, tag: string): Promise<string | undefined> {
    return (await readIfPresent(this.#deps.layout.tag(name, tag)))?.toString("utf8").trim();
  }

  async putTag(name: string, tag: string, digest: string): Promise<void> {
    const { layout } = this.#deps;
    const path = layout.tag(name, tag);
    const before = await this.tag(name, tag);
    await this.#noteTagged(name, tag, digest); // first: who removes the manifest finds the tag by it
    await makeFolder(dirname(path));
    await writeAtomically(path, `${digest}\n`);
    if (before !== undefined && before !== digest) await rm(layout.taggedAs(name, before, tag), { force: true });
  }

  async removeTag(name: string, tag: string): Promise<boolean> {
    const { layout } = this.#deps;
    const before = await this.tag(name, tag);
    const wasThere = await removed(layout.tag(name, tag));
    if (before !== undefined) await rm(layout.taggedAs(name, before, tag), { force: true });
    return wasThere;
  }

  /** Notes for all tags where they lead: registries of format 1 did not. */
  async indexTags(): Promise<void> {
    for await (const name of this.repositories())
      for (const tag of await this.tags(name)) {
        const digest = await this.tag(name, tag);
        if (digest !== undefined && isDigest(digest)) await this.#noteTagged(name, tag, digest);
      }
  }

  async #noteTagged(name: string, tag: string, digest: string): Promise<void> {
    await emptyFile(this.#deps.layout.taggedAs(name, digest, tag));
  }

  /** In order. */
  async tags(name: string): Promise<readonly string[]> {
    return (await namesIn(this.#deps.layout.tags(name))).filter(isTag).sort(byName);
  }

  /** Manifests whose subject has the digest, by digest. */
  async referrers(name: string, subject: string): Promise<readonly Referrer[]> {
    const folder = this.#deps.layout.referrers(name, subject);
    const found: Referrer[] = [];
    for (const entry of (await namesIn(folder)).filter((each) => !each.startsWith(".")).sort()) {
      const referrer = await readRecord<Referrer>(join(folder, entry));
      if (referrer !== undefined && (await this.manifest(name, referrer.digest)) !== undefined) found.push(referrer);
    }
    return found;
  }

  async exists(name: string): Promise<boolean> {
    const { layout } = this.#deps;
    const found = await Promise.all([layout.manifests(name), layout.links(name)].map(namesIn));
    return found.flat().length > 0;
  }

  /** All that have something, in no order. */
  async *repositories(below = ""): AsyncGenerator<string> {
    const folder = this.#deps.layout.repository(below);
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      if (codeOf(error) === "ENOENT") return [];
      throw error;
    });
    if (below !== "" && entries.some(({ name }) => name.startsWith("_"))) yield below;
    for (const entry of entries)
      if (entry.isDirectory() && !entry.name.startsWith("_")) yield* this.repositories(join(below, entry.name));
  }

  /** Whether a file is there; if so its time is now, roughly: what is in use is told from what is not after a restart, too. */
  async #isThere(path: string): Promise<boolean> {
    try {
      const now = this.#deps.clock.now();
      if ((await stat(path)).mtimeMs < now - TOUCH_MS) await utimes(path, now / 1000, now / 1000);
      return true;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return false;
      throw error;
    }
  }
}

/** One that is there after a power loss. */
async function emptyFile(path: string): Promise<void> {
  await makeFolder(dirname(path));
  await (await open(path, "a")).close();
  await syncFolder(dirname(path));
}

async function* digestsIn(folder: string): AsyncGenerator<string> {
  for (const algorithm of ALGORITHMS)
    for (const hex of await namesIn(join(folder, algorithm))) if (!hex.startsWith(".")) yield `${algorithm}:${hex}`;
}

/** Removes a file so that it stays away after a power loss. @returns whether it was there. */
async function removed(path: string): Promise<boolean> {
  try {
    await rm(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
  await syncFolder(dirname(path));
  return true;
}
