import { createHash } from "node:crypto";
import { createReadStream, type Stats } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { TsukubeError } from "@tsukube/foundation";
import { attribute, attributeNames } from "@tsukube/kernel";
import { isCarried } from "../images/layer-tar.ts";
import { cleanPattern, hasWildcard, pathPattern } from "./path-pattern.ts";
import { rootedPath } from "./rooted-path.ts";
import { SourcePlaces } from "./source-places.ts";

/** Something to copy: a file, link, device, or a folder with all below it. */
export interface SourceEntry {
  /** Relative to what is copied: "" for a single file, "a/b" in a folder. */
  readonly path: string;
  /** Where it lies now. */
  readonly file: string;
  readonly status: Stats;
}

/** What one word of COPY names. */
export interface CopySource {
  /** Nothing of it is looked for outside. */
  readonly root: string;
  /** Within the source's root, "src/main.ts". */
  readonly path: string;
  readonly name: string;
  readonly isFolder: boolean;
  /** What `--parents` keeps of the path; all of it by default. */
  readonly kept?: string;
  /** It comes from a server. */
  readonly isFetched?: boolean;
  /** What its content follows from, such as a commit: then it is not looked into to see whether it changed. */
  readonly revision?: { readonly of: string; readonly value: string };
  /** The thing itself first, folders before what is in them. */
  readonly entries: readonly SourceEntry[];
}

/**
 * Finds what COPY's words name below `root`; links at their end are followed, and none leads out.
 * @param keep Whether a path, relative to the root, is there at all.
 * @param looksInto Whether something below a folder that is not may be there: then the folder is, too.
 * @throws {TsukubeError} `not-found` for a word that names nothing.
 */
export async function findSources(
  root: string,
  words: readonly string[],
  keep: (path: string) => boolean = () => true,
  looksInto: (path: string) => boolean = () => false,
): Promise<readonly CopySource[]> {
  const sources: CopySource[] = [];
  for (const word of words) {
    const paths = hasWildcard(word) ? await matching(root, pathPattern(word)) : [cleanPattern(word)];
    const found = await Promise.all(paths.map((path) => sourceAt(root, path, keep, looksInto)));
    const present = found.filter((source) => source !== undefined);
    if (present.length === 0)
      throw new TsukubeError("not-found", `"${word}" is not there, expected a file or folder of that name`);
    sources.push(...present);
  }
  return sources;
}

async function sourceAt(
  root: string,
  path: string,
  keep: (path: string) => boolean,
  looksInto: (path: string) => boolean,
): Promise<CopySource | undefined> {
  const file = rootedPath(root, path);
  const status = await lstat(file).catch(() => undefined);
  if (status === undefined) return undefined;
  const isKept = path === "" || keep(path);
  const entries: SourceEntry[] = [{ path: "", file, status }];
  if (status.isDirectory() && (isKept || looksInto(path)))
    await addBelow(entries, file, "", path === "" ? "" : `${path}/`, keep, looksInto);
  if (!isKept && entries.length === 1) return undefined;
  return { root, path, name: basename(path), isFolder: status.isDirectory(), entries };
}

async function addBelow(
  entries: SourceEntry[],
  folder: string,
  below: string,
  prefix: string,
  keep: (path: string) => boolean,
  looksInto: (path: string) => boolean,
): Promise<void> {
  for (const name of (await readdir(folder)).sort()) {
    const path = below + name;
    const isKept = keep(prefix + path);
    if (!isKept && !looksInto(prefix + path)) continue;
    const file = join(folder, name);
    const status = await lstat(file);
    if (status.isSocket() || !(isKept || status.isDirectory())) continue;
    const count = entries.push({ path, file, status });
    if (status.isDirectory()) await addBelow(entries, file, `${path}/`, prefix, keep, looksInto);
    if (!isKept && entries.length === count) entries.pop();
  }
}

/** Paths below `root` that fit, sorted. */
async function matching(root: string, pattern: RegExp, below = ""): Promise<string[]> {
  const found: string[] = [];
  const depth =
    pattern.source.includes("(?:[^/]+/)*") || pattern.source.includes(".+$")
      ? Number.POSITIVE_INFINITY
      : slashes(pattern);
  const entries = await readdir(join(root, below), { withFileTypes: true }).catch(() => []);
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = below + entry.name;
    if (pattern.test(path)) found.push(path);
    else if (entry.isDirectory() && path.split("/").length <= depth)
      found.push(...(await matching(root, pattern, `${path}/`)));
  }
  return found;
}

function slashes(pattern: RegExp): number {
  return pattern.source.split("\\/").length - 1;
}

/** A digest for each entry, by its path within the root: of names, kinds, modes, contents and attributes; not of times. */
export async function digestSources(
  sources: readonly CopySource[],
  withOwners: boolean,
): Promise<ReadonlyMap<string, string>> {
  const digests = new Map<string, string>();
  for (const source of sources) {
    if (source.revision !== undefined) {
      digests.set(source.revision.of, source.revision.value);
      continue;
    }
    using places = new SourcePlaces(source.root);
    for (const entry of source.entries) {
      const { path, status } = entry;
      const name = [source.path, path].filter((part) => part !== "").join("/") || ".";
      const owner = withOwners ? ` ${status.uid}:${status.gid}` : "";
      digests.set(
        name,
        `${(status.mode & 0o7777).toString(8)}${owner} ${await contentOf(entry, places)}${attributesOf(places.pathOf(entry))}`,
      );
    }
  }
  return digests;
}

async function contentOf(entry: SourceEntry, places: SourcePlaces): Promise<string> {
  const { status } = entry;
  if (status.isDirectory()) return "folder";
  if (status.isSymbolicLink()) return `link ${await readlink(places.pathOf(entry))}`;
  if (!status.isFile()) return `device ${status.mode} ${status.rdev}`;
  const hash = createHash("sha256");
  await places.content(entry, (path) => pipeline(createReadStream(path), hash));
  return `sha256:${hash.digest("hex")}`;
}

function attributesOf(file: string): string {
  const names = attributeNames(file).filter(isCarried).sort();
  return names.map((name) => ` ${JSON.stringify(name)}=${attribute(file, name).toString("base64")}`).join("");
}
