import { type FileHandle, open } from "node:fs/promises";
import { inflateSync } from "node:zlib";
import { bytesAt, type ElfSection, elfSections } from "./elf.ts";
import { encoded, type InstalledPackage } from "./installed-package.ts";

const MAX_PART = 4 * 1024 * 1024;
const MAX_LIST = 64 * 1024 * 1024;
const GO_MAGIC = Buffer.from("\xff Go buildinf:", "latin1");

/** What a program was linked from, as Go notes it, and cargo-auditable for Rust; [] for others. */
export async function programPackages(path: string): Promise<readonly InstalledPackage[]> {
  const file = await open(path);
  try {
    const sections = await elfSections(file);
    const part = async (name: string): Promise<Buffer | undefined> => {
      const section = sections.find((each) => each.name === name);
      return section === undefined ? undefined : contentOf(file, section);
    };
    const go = await part(".go.buildinfo");
    const rust = await part(".dep-v0");
    return [...(go === undefined ? [] : goModules(go)), ...(rust === undefined ? [] : crates(rust))];
  } finally {
    await file.close();
  }
}

function contentOf(file: FileHandle, { offset, size }: ElfSection): Promise<Buffer> {
  return bytesAt(file, offset, Math.min(size, MAX_PART));
}

/** As programs have it since Go 1.18 (debug/buildinfo): two strings after a header of 32 bytes, the second between marks of 16. */
function goModules(section: Buffer): readonly InstalledPackage[] {
  if (!section.subarray(0, GO_MAGIC.length).equals(GO_MAGIC) || ((section[15] ?? 0) & 2) === 0) return [];
  const [version, next] = stringAt(section, 32);
  const [marked] = stringAt(section, next);
  const found: InstalledPackage[] = [];
  if (/^go1\./.test(version)) found.push(module("stdlib", version.slice(2).split(" ", 1)[0] ?? ""));
  for (const line of marked.slice(16, -16).split("\n")) {
    const [kind, name = "", moduleVersion = ""] = line.split("\t");
    if (kind === "=>") found.pop(); // what it is replaced by
    if (kind === "mod" || kind === "dep" || kind === "=>") found.push(module(name, moduleVersion));
  }
  return found.filter(({ name, version: given }) => name !== "" && given !== "" && given !== "(devel)");
}

function module(name: string, version: string): InstalledPackage {
  return { name, version, purl: `pkg:golang/${name.toLowerCase()}@${encoded(version)}` };
}

/** A length as varint, then as many bytes; "" where they are not all there. */
function stringAt(bytes: Buffer, start: number): readonly [text: string, next: number] {
  let length = 0;
  let at = start;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = bytes[at++] ?? 0;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  const end = at + length;
  return [end > bytes.length ? "" : bytes.toString("latin1", at, end), end];
}

/** A zlib stream of JSON. */
function crates(section: Buffer): readonly InstalledPackage[] {
  try {
    const { packages } = JSON.parse(inflateSync(section, { maxOutputLength: MAX_LIST }).toString("utf8")) as {
      readonly packages: readonly { readonly name: string; readonly version: string; readonly kind?: string }[];
    };
    const linked = packages.filter(({ kind = "runtime" }) => kind === "runtime");
    return linked.map(({ name, version }) => ({ name, version, purl: `pkg:cargo/${name}@${encoded(version)}` }));
  } catch {
    return []; // something else of that name
  }
}
