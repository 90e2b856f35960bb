import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
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
