import { encoded, type InstalledPackage } from "./installed-package.ts";
import { withZip, type ZipEntry, zipEntries } from "./zip.ts";

const MAX_PROPERTIES = 64 * 1024;
const MAX_INNER = 64 * 1024 * 1024;
/** Applications pack the archives of what they use into their own; those are not packed further. */
const DEPTH = 2;

/** What a Java archive was made of, as Maven and Gradle's plugin for it note: its own `pom.properties`, and those that went into it. */
export function jarPackages(path: string): Promise<readonly InstalledPackage[]> {
  return withZip(path, (entries) => packagesOf(entries, DEPTH));
}

async function packagesOf(entries: readonly ZipEntry[], depth: number): Promise<readonly InstalledPackage[]> {
  const found: InstalledPackage[] = [];
  for (const entry of entries) {
    if (/^META-INF\/maven\/[^/]+\/[^/]+\/pom\.properties$/.test(entry.name))
      found.push(...packageIn((await entry.read(MAX_PROPERTIES)).toString("latin1")));
    else if (depth > 1 && /\.[jw]ar$/.test(entry.name))
      found.push(...(await packagesOf(await zipEntries(await entry.read(MAX_INNER)), depth - 1)));
  }
  return found;
}

function packageIn(properties: string): readonly InstalledPackage[] {
  const property = (name: string): string => new RegExp(`^${name}\\s*[=:]\\s*(\\S+)`, "m").exec(properties)?.[1] ?? "";
  const [group, name, version] = [property("groupId"), property("artifactId"), property("version")];
  if (group === "" || name === "" || version === "") return [];
  return [{ name: `${group}:${name}`, version, purl: `pkg:maven/${group}/${name}@${encoded(version)}` }];
}
