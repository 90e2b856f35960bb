import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { rootedPath } from "./rooted-path.ts";

/** A package that is installed in an image. */
export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  /** Package URL: "pkg:deb/debian/bash@5.2.15-2?arch=amd64". */
  readonly purl: string;
  /** As the package says it. */
  readonly license?: string;
}

const MAX_FILE = 4 * 1024 * 1024;

/** What is installed below a root, by the records of dpkg and apk, and by the packages of npm and Python; in order, each once. */
export async function packagesIn(root: string): Promise<readonly InstalledPackage[]> {
  const found = new Map<string, InstalledPackage>();
  const add = (each: InstalledPackage): void => void found.set(each.purl, each);
  const distribution = /^ID="?([\w.-]+)"?$/m.exec(await textIn(root, "/etc/os-release"))?.[1];
  const parts = await namesIn(root, "/var/lib/dpkg/status.d");
  for (const file of ["/var/lib/dpkg/status", ...parts.map((name) => `/var/lib/dpkg/status.d/${name}`)])
    for (const each of debianPackages(await textIn(root, file), distribution ?? "debian")) add(each);
  for (const each of alpinePackages(await textIn(root, "/lib/apk/db/installed"), distribution ?? "alpine")) add(each);
  for await (const path of manifests(root, "")) {
    const each = path.endsWith("/package.json")
      ? npmPackage(await textIn(root, path))
      : pythonPackage(await textIn(root, path));
    if (each !== undefined) add(each);
  }
  return [...found.values()].sort((a, b) => (a.purl < b.purl ? -1 : 1));
}

function* debianPackages(status: string, distribution: string): Generator<InstalledPackage> {
  for (const stanza of status.split(/\n{2,}/)) {
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, "m").exec(stanza)?.[1] ?? "";
    const [name, version, architecture] = [field("Package"), field("Version"), field("Architecture")];
    const state = field("Status"); // distroless images have none
    if (name === "" || version === "" || (state !== "" && !state.endsWith(" installed"))) continue;
    yield { name, version, purl: `pkg:deb/${distribution}/${name}@${encoded(version)}?arch=${architecture}` };
  }
}

function* alpinePackages(installed: string, distribution: string): Generator<InstalledPackage> {
  for (const stanza of installed.split(/\n{2,}/)) {
    const field = (letter: string): string => new RegExp(`^${letter}:(.*)$`, "m").exec(stanza)?.[1] ?? "";
    const [name, version, license] = [field("P"), field("V"), field("L")];
    if (name === "" || version === "") continue;
    const purl = `pkg:apk/${distribution}/${name}@${encoded(version)}?arch=${field("A")}`;
    yield { name, version, purl, ...(license === "" ? {} : { license }) };
  }
}

function npmPackage(text: string): InstalledPackage | undefined {
  try {
    const { name, version, license } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (typeof name !== "string" || typeof version !== "string") return undefined;
    const purl = `pkg:npm/${name.replace("@", "%40")}@${encoded(version)}`;
    return { name, version, purl, ...(typeof license === "string" ? { license } : {}) };
  } catch {
    return undefined;
  }
}

function pythonPackage(text: string): InstalledPackage | undefined {
  const [head = ""] = text.split(/\r?\n\r?\n/, 1);
  const field = (name: string): string => new RegExp(`^${name}: (.*?)\\r?$`, "m").exec(head)?.[1] ?? "";
  const [name, version] = [field("Name"), field("Version")];
  if (name === "" || version === "") return undefined;
  return { name, version, purl: `pkg:pypi/${name.toLowerCase().replaceAll("_", "-")}@${encoded(version)}` };
}

/** Files that say what a package of npm or Python is. Links are not followed. */
async function* manifests(root: string, folder: string): AsyncGenerator<string> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory() && !/^\/(proc|sys|dev)$/.test(path)) yield* manifests(root, path);
    else if (entry.isFile() && /\/node_modules\/(@[^/]+\/)?[^/]+\/package\.json$|\.dist-info\/METADATA$/.test(path))
      yield path;
  }
}

/** "" for a file that is not there, or too large to be what it is taken for. Links lead nowhere outside. */
async function textIn(root: string, path: string): Promise<string> {
  const bytes = await readFile(rootedPath(root, path)).catch(() => Buffer.alloc(0));
  return path.includes("/dpkg/") || path.includes("/apk/") || bytes.length <= MAX_FILE ? bytes.toString("utf8") : "";
}

function namesIn(root: string, path: string): Promise<readonly string[]> {
  return readdir(rootedPath(root, path)).then(
    (names) => names.filter((name) => !name.endsWith(".md5sums")),
    () => [],
  );
}

function encoded(version: string): string {
  return encodeURIComponent(version).replaceAll("%3A", ":");
}
