import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { deflateRawSync, deflateSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packagesIn } from "./packages-in.ts";

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), "tsukube-packages-"))));
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, ...lines: readonly string[]): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), lines.join("\n"));
}

const purls = async (): Promise<readonly string[]> => (await packagesIn(root)).map(({ purl }) => purl);

test("packages of dpkg are those that are installed, also where each has a file of its own", async () => {
  write("/etc/os-release", 'NAME="Debian"', "ID=debian");
  const bash = ["Package: bash", "Status: install ok installed", "Architecture: amd64", "Version: 1:5.2.15-2+b7"];
  const gone = ["Package: gone", "Status: deinstall ok config-files", "Architecture: amd64", "Version: 1"];
  write("/var/lib/dpkg/status", ...bash, "Description: a shell", " of lines", "", ...gone, "");
  write("/var/lib/dpkg/status.d/tzdata", "Package: tzdata", "Architecture: all", "Version: 2024a");
  expect(await purls()).toEqual([
    "pkg:deb/debian/bash@1:5.2.15-2%2Bb7?arch=amd64",
    "pkg:deb/debian/tzdata@2024a?arch=all",
  ]);
});

test("packages of apk, npm and Python are found wherever they lie, and nothing outside", async () => {
  write("/etc/os-release", "ID=alpine");
  write(
    "/lib/apk/db/installed",
    "C:Q1",
    "P:musl",
    "V:1.2.4-r2",
    "A:x86_64",
    "L:MIT",
    "",
    "P:busybox",
    "V:1",
    "A:x86_64",
    "",
  );
  write("/app/node_modules/left-pad/package.json", '{"name":"left-pad","version":"1.3.0","license":"WTFPL"}');
  write("/app/node_modules/@a/b/package.json", '{"name":"@a/b","version":"2.0.0"}');
  write("/app/node_modules/@a/b/lib/package.json", '{"name":"inner","version":"0.0.0"}');
  write("/app/node_modules/broken/package.json", "{");
  write("/usr/lib/python3/dist-info-less/METADATA", "Name: no");
  write(
    "/usr/lib/python3/Foo_Bar-1.0.dist-info/METADATA",
    "Metadata-Version: 2.1",
    "Name: Foo_Bar",
    "Version: 1.0",
    "",
    "Name: x",
  );
  symlinkSync("/", join(root, "loop"));
  expect(await purls()).toEqual([
    ...["pkg:apk/alpine/busybox@1?arch=x86_64", "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64"],
    ...["pkg:npm/%40a/b@2.0.0", "pkg:npm/left-pad@1.3.0", "pkg:pypi/foo-bar@1.0"],
  ]);
  expect((await packagesIn(root)).find(({ name }) => name === "musl")?.license).toBe("MIT");
});

test("an image with nothing known has no packages", async () => {
  write("/bin/app", "binary");
  expect(await packagesIn(root)).toEqual([]);
});

test("gems and packages of Composer say what they are in files of their own", async () => {
  write(
    "/var/lib/gems/3.1.0/specifications/rake-13.0.6.gemspec",
    "# -*- encoding",
    "Gem::Specification.new do |s|",
    '  s.name = "rake".freeze',
    '  s.version = "13.0.6"',
    '  s.add_dependency("x", ["1"])',
    "end",
  );
  write(
    "/srv/vendor/composer/installed.json",
    '{"packages":[{"name":"monolog/monolog","version":"3.5.0"},{"name":1}]}',
  );
  write("/old/composer/installed.json", '[{"name":"a/b","version":"v1"}]');
  expect(await purls()).toEqual(["pkg:composer/a/b@v1", "pkg:composer/monolog/monolog@3.5.0", "pkg:gem/rake@13.0.6"]);
});

test("programs of Go and auditable ones of Rust name what they were linked from", async () => {
  const modules = [
    "path\texample.com/app",
    "mod\texample.com/App\t(devel)\t",
    "dep\tgolang.org/x/net\tv0.1.0\th1:x",
    "dep\told.example/a\tv1.0.0",
    "=>\tnew.example/a\tv1.2.0\th1:y",
    "build\t-compiler=gc",
    "",
  ].join("\n");
  const info = Buffer.concat([
    Buffer.from("\xff Go buildinf:\x08\x02".padEnd(32, "\0"), "latin1"),
    ...[varString("go1.24.3 X:y"), varString(`${"\x30".repeat(16)}${modules}${"\x31".repeat(16)}`)],
  ]);
  program("/bin/app", { ".go.buildinfo": info });
  const packages = [
    { name: "serde", version: "1.0.1" },
    { name: "cc", version: "1.0.0", kind: "build" },
  ];
  program("/bin/rusty", { ".dep-v0": deflateSync(JSON.stringify({ packages })) });
  program("/bin/other", { ".text": Buffer.from("x") });
  program("/bin/broken", { ".go.buildinfo": info.subarray(0, 40), ".dep-v0": Buffer.from("no zlib") });
  write("/bin/script", "#!/bin/sh");
  expect(await purls()).toEqual([
    ...["pkg:cargo/serde@1.0.1", "pkg:golang/golang.org/x/net@v0.1.0", "pkg:golang/new.example/a@v1.2.0"],
    "pkg:golang/stdlib@1.24.3",
  ]);
});

test("Java archives name what went into them, also packed into others", async () => {
  const pom = (name: string): string => `#made\nversion=1.0\ngroupId=org.example\nartifactId=${name}\n`;
  const entry = (name: string) => `META-INF/maven/org.example/${name}/pom.properties`;
  const inner = zip({ [entry("inner")]: pom("inner"), "META-INF/MANIFEST.MF": "" });
  mkdirSync(join(root, "app"));
  writeFileSync(
    join(root, "app/app.jar"),
    zip({ [entry("app")]: pom("app"), "BOOT-INF/lib/inner.jar": inner, "x/pom.properties": pom("no") }),
  );
  writeFileSync(join(root, "app/broken.jar"), "PK");
  expect(await purls()).toEqual(["pkg:maven/org.example/app@1.0", "pkg:maven/org.example/inner@1.0"]);
});

/** An ELF file with sections alone. */
function program(path: string, sections: Readonly<Record<string, Buffer>>): void {
  const all = Object.entries({
    ...sections,
    ".shstrtab": Buffer.from(`\0${[...Object.keys(sections), ".shstrtab"].join("\0")}\0`),
  });
  const header = Buffer.alloc(64);
  header.write("\x7fELF\x02\x01\x01", "latin1");
  const names = `\0${all.map(([name]) => name).join("\0")}\0`;
  const table = Buffer.alloc(64 * all.length);
  let offset = 64;
  all.forEach(([name, content], index) => {
    table.writeUInt32LE(names.indexOf(`\0${name}\0`) + 1, index * 64);
    table.writeBigUInt64LE(BigInt(offset), index * 64 + 24);
    table.writeBigUInt64LE(BigInt(content.length), index * 64 + 32);
    offset += content.length;
  });
  header.writeBigUInt64LE(BigInt(offset), 40);
  [64, all.length, all.length - 1].forEach((value, index) => void header.writeUInt16LE(value, 58 + index * 2));
  const bytes = Buffer.concat([header, ...all.map(([, content]) => content), table, Buffer.alloc(64 * 1024)]);
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), bytes, { mode: 0o755 });
}

function varString(text: string): Buffer {
  const size = Buffer.byteLength(text, "latin1");
  return Buffer.concat([Buffer.from([(size & 0x7f) | 0x80, size >> 7]), Buffer.from(text, "latin1")]);
}

/** Entries packed and plain in turn. */
function zip(files: Readonly<Record<string, string | Buffer>>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  Object.entries(files).forEach(([name, content], index) => {
    const plain = Buffer.from(content);
    const bytes = index % 2 === 0 ? deflateRawSync(plain) : plain;
    const local = Buffer.alloc(30);
    local.write("PK\x03\x04", "latin1");
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.write("PK\x01\x02", "latin1");
    central.writeUInt16LE(index % 2 === 0 ? 8 : 0, 10);
    central.writeUInt32LE(bytes.length, 20);
    central.writeUInt32LE(plain.length, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(offset, 42);
    parts.push(local, Buffer.from(name), bytes);
    directory.push(central, Buffer.from(name));
    offset += 30 + name.length + bytes.length;
  });
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}
