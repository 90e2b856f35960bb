import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { TAR_END, type TarHeader, tarHeader, tarPadding } from "@tsukube/engine/tar-header";
import { realClock } from "@tsukube/host";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Progress } from "../progress.ts";
import { type BuildOutputPlace, receive as receiveWith } from "./build-output.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "tsukube-output-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const OWN = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

const context = { clock: realClock, progress: new Progress(realClock, { write: () => {} }) };
const receive = (archive: Readable, place: BuildOutputPlace) => receiveWith(archive, place, context);

type Entry = Partial<TarHeader> & { readonly path: string; readonly content?: string };

function archive(entries: readonly Entry[]): Readable {
  const parts = entries.flatMap(({ content = "", ...entry }) => {
    const size = Buffer.byteLength(content);
    const header = { type: "file", mode: 0o644, ...OWN, mtime: 0, ...entry, size } as const;
    return [tarHeader(header), Buffer.from(content), tarPadding(size)];
  });
  return Readable.from([...parts, TAR_END]);
}

test("files become those of who builds, without what that would make of them", async () => {
  const place = { kind: "files", unpacks: true, path: folder, names: [] } as const;
  const other = { uid: OWN.uid + 1, gid: OWN.gid + 1 };
  await receive(
    archive([
      { path: "bin/", type: "directory", mode: 0o755 },
      { path: "bin/own", mode: 0o6755, content: "own" },
      { path: "bin/other", mode: 0o6755, ...other, content: "other" },
      { path: "bin/group", mode: 0o6755, gid: other.gid },
      { path: "shared/", type: "directory", mode: 0o3777, ...other },
      { path: "disk", type: "block", major: 7, minor: 0 },
      { path: "null", type: "character", major: 1, minor: 3 },
      { path: "again", type: "link", linkPath: "null" },
      { path: "linked", type: "link", linkPath: "bin/own" },
      { path: "pipe", type: "fifo" },
    ]),
    place,
  );
  expect(readdirSync(folder).sort()).toEqual(["bin", "linked", "pipe", "shared"]);
  const modes = ["bin/own", "bin/other", "bin/group", "shared", "linked"].map((path) => {
    const { mode, uid } = lstatSync(join(folder, path));
    expect(uid).toBe(OWN.uid);
    return (mode & 0o7777).toString(8);
  });
  expect(modes).toEqual(["6755", "755", "4755", "1777", "6755"]);
  expect(readFileSync(join(folder, "bin/other"), "utf8")).toBe("other");
});

/** As the engine sends them. */
function layoutOf(hex: string, name?: string): Readable {
  const tag = name?.split(":")[1];
  const annotations = {
    "io.containerd.image.name": `docker.io/library/${name}`,
    "org.opencontainers.image.ref.name": tag,
  };
  const entry = { digest: `sha256:${hex}`, ...(name === undefined ? {} : { annotations }) };
  const item = { Config: hex, RepoTags: name === undefined ? null : [name] };
  return archive([
    { path: "blobs/", type: "directory", mode: 0o755 },
    { path: "blobs/sha256/", type: "directory", mode: 0o755 },
    { path: `blobs/sha256/${hex}`, content: hex },
    { path: "index.json", content: JSON.stringify({ schemaVersion: 2, manifests: [entry] }) },
    { path: "manifest.json", content: JSON.stringify([item]) },
    { path: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
  ]);
}

test("an image comes beside those of a layout, in place of the one of its name", async () => {
  const path = join(folder, "layout");
  const place = { kind: "image", unpacks: true, path, names: [] } as const;
  const read = (file: string) => JSON.parse(readFileSync(join(path, file), "utf8"));
  const listed = () => [
    read("index.json").manifests.map(({ digest }: { readonly digest: string }) => digest),
    read("manifest.json").map(({ Config }: { readonly Config: string }) => Config),
  ];
  await receive(layoutOf("aa", "web:1"), place);
  await receive(layoutOf("bb", "app:1"), place);
  await receive(layoutOf("cc"), place);
  expect(listed()).toEqual([
    ["sha256:cc", "sha256:bb", "sha256:aa"],
    ["cc", "bb", "aa"],
  ]);
  await receive(layoutOf("dd", "web:1"), place);
  await receive(layoutOf("ee"), place);
  expect(listed()).toEqual([
    ["sha256:ee", "sha256:dd", "sha256:bb"],
    ["ee", "dd", "bb"],
  ]);
  expect(readdirSync(join(path, "blobs/sha256"))).toEqual(["aa", "bb", "cc", "dd", "ee"]);
  expect(readdirSync(path).sort()).toEqual(["blobs", "index.json", "manifest.json", "oci-layout"]);
});

test("images that come at the same time all come into a layout", async () => {
  const place = { kind: "image", unpacks: true, path: join(folder, "layout"), names: [] } as const;
  const names = ["a", "b", "c"];
  await Promise.all(names.map((name) => receive(layoutOf(name.repeat(2), `${name}:1`), place)));
  const { manifests } = JSON.parse(readFileSync(join(place.path, "index.json"), "utf8"));
  const digests = manifests.map(({ digest }: { readonly digest: string }) => digest);
  expect(digests.sort()).toEqual(names.map((name) => `sha256:${name.repeat(2)}`));
  expect(readdirSync(place.path).sort()).toEqual(["blobs", "index.json", "manifest.json", "oci-layout"]);
});

test("a layout that another tool made keeps what it says, and one that is none is left as it is", async () => {
  const path = join(folder, "layout");
  const place = { kind: "image", unpacks: true, path, names: [] } as const;
  const kept = [
    { digest: "sha256:01", annotations: { "org.opencontainers.image.ref.name": "1" } },
    { digest: "sha256:02", annotations: { "org.opencontainers.image.ref.name": "2" } },
  ];
  mkdirSync(path);
  writeFileSync(join(path, "index.json"), JSON.stringify({ annotations: { of: "ours" }, manifests: kept }));
  await receive(layoutOf("aa", "web:1"), place);
  const index = JSON.parse(readFileSync(join(path, "index.json"), "utf8"));
  expect([index.annotations, index.manifests[1]]).toEqual([{ of: "ours" }, kept[1]]);
  expect(index.manifests.length).toBe(2);
  for (const [file, text, why] of [
    ["manifest.json", '{"name":"a web application"}', "its manifest.json is none of docker's"],
    ["manifest.json", "[null]", "its manifest.json is none of docker's"],
    ["index.json", "[", "index.json cannot be read"],
    ["index.json", "null", "index.json is malformed"],
  ] as const) {
    writeFileSync(join(path, file), text);
    await expect(receive(layoutOf("bb", "web:1"), place)).rejects.toThrow(why);
    expect(readFileSync(join(path, file), "utf8")).toBe(text);
  }
  expect(readdirSync(join(path, "blobs/sha256"))).toEqual(["aa"]);
});
