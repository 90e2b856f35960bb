import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { textWithin } from "../../containers/text-within.ts";
import { rootedPath } from "../rooted-path.ts";
import { encoded, type InstalledPackage } from "./installed-package.ts";
import { jarPackages } from "./jars.ts";
import { programPackages } from "./programs.ts";

export type { InstalledPackage } from "./installed-package.ts";

const MAX_FILE = 4 * 1024 * 1024;
const MAX_DATABASE = 256 * 1024 * 1024;
/** Of those that have packages in them. */
const LEAST_PROGRAM = 64 * 1024;

/**
 * What is installed below a root, in order, each once: by the records of dpkg and apk, by the packages of npm, Python, Ruby and
 * Composer, by what Java archives, programs of Go and auditable ones of Rust say of themselves.
 */
export async function packagesIn(root: string): Promise<readonly InstalledPackage[]> {
  const found = new Map<string, InstalledPackage>();
  const add = (each: InstalledPackage): void => void found.set(each.purl, each);
  const distribution = /^ID="?([\w.-]+)"?$/m.exec(await textIn(root, "/etc/os-release"))?.[1];
  const parts = await namesIn(root, "/var/lib/dpkg/status.d");
  for (const file of ["/var/lib/dpkg/status", ...parts.map((name) => `/var/lib/dpkg/status.d/${name}`)])
    for (const each of debianPackages(await textIn(root, file), distribution ?? "debian")) add(each);
  for (const each of alpinePackages(await textIn(root, "/lib/apk/db/installed"), distribution ?? "alpine")) add(each);
  for await (const path of files(root, "")) for (const each of await packagesOf(root, path)) add(each);
  return [...found.values()].sort((a, b) => (a.purl < b.purl ? -1 : 1));
}

/** Kinds of files that say what a package is. */
const RECORDS: readonly (readonly [RegExp, (text: string) => readonly InstalledPackage[]])[] = [
  [/\/node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/, npmPackage],
  [/\.dist-info\/METADATA$/, pythonPackage],
  [/\/specifications\/(default\/)?[^/]+\.gemspec$/, rubyGem],
  [/\/composer\/installed\.json$/, composerPackages],
];

async function packagesOf(root: string, path: string): Promise<readonly InstalledPackage[]> {
  const record = RECORDS.find(([fits]) => fits.test(path));
  if (record !== undefined) return record[1](await textIn(root, path));
  const { mode, size } = await lstat(join(root, path));
  if (/\.[jw]ar$/.test(path)) return jarPackages(join(root, path));
  const isProgram = (mode & 0o111) !== 0 && size >= LEAST_PROGRAM && !/\.so(\.\d+)*$/.test(path);
  return isProgram ? programPackages(join(root, path)) : [];
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

function npmPackage(text: string): readonly InstalledPackage[] {
  const { name, version, license } = objectIn(text);
  if (typeof name !== "string" || typeof version !== "string") return [];
  const purl = `pkg:npm/${name.replace("@", "%40")}@${encoded(version)}`;
  return [{ name, version, purl, ...(typeof license === "string" ? { license } : {}) }];
}

function pythonPackage(text: string): readonly InstalledPackage[] {
  const [head = ""] = text.split(/\r?\n\r?\n/, 1);
  const field = (name: string): string => new RegExp(`^${name}: (.*?)\\r?$`, "m").exec(head)?.[1] ?? "";
  const [name, version] = [field("Name"), field("Version")];
  if (name === "" || version === "") return [];
  return [{ name, version, purl: `pkg:pypi/${name.toLowerCase().replaceAll("_", "-")}@${encoded(version)}` }];
}

/** As RubyGems writes it at the installation. */
function rubyGem(text: string): readonly InstalledPackage[] {
  const field = (name: string): string => new RegExp(`^\\s*s\\.${name} = "([^"]+)"`, "m").exec(text)?.[1] ?? "";
  const [name, version] = [field("name"), field("version")];
  return name === "" || version === "" ? [] : [{ name, version, purl: `pkg:gem/${name}@${encoded(version)}` }];
}

function composerPackages(text: string): readonly InstalledPackage[] {
  const document = objectIn(text);
  const listed: readonly unknown[] = Array.isArray(document["packages"])
    ? document["packages"]
    : Array.isArray(document)
      ? document
      : [];
  return listed.flatMap((each) => {
    const { name, version } = each as Readonly<Record<string, unknown>>;
    if (typeof name !== "string" || typeof version !== "string") return [];
    return [{ name, version, purl: `pkg:composer/${name}@${encoded(version)}` }];
  });
}

/** {} for what is no JSON. */
function objectIn(text: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(text) as Readonly<Record<string, unknown>> | null) ?? {};
  } catch {
    return {};
  }
}

/** Links are not followed. */
async function* files(root: string, folder: string): AsyncGenerator<string> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory() && !/^\/(proc|sys|dev)$/.test(path)) yield* files(root, path);
    else if (entry.isFile()) yield path;
  }
}

/** "" for a file that is not there, or too large to be what it is taken for. */
async function textIn(root: string, path: string): Promise<string> {
  const isDatabase = path.includes("/dpkg/") || path.includes("/apk/");
  return (await textWithin(root, path, isDatabase ? MAX_DATABASE : MAX_FILE)) ?? "";
}

function namesIn(root: string, path: string): Promise<readonly string[]> {
  return readdir(rootedPath(root, path)).then(
    (names) => names.filter((name) => !name.endsWith(".md5sums")),
    () => [],
  );
}
