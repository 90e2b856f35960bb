import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { attribute, makeNode, setAttribute, systemMounts, systemNamespaces } from "@tsukube/kernel";
import { scratchFolder } from "@tsukube/kernel/scratch";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { digestOf, writeLayerTar } from "./layer-tar.ts";
import { openSnapshotter } from "./open-snapshotter.ts";
import type { SnapshotterKind } from "./snapshotter-kind.ts";
import { readTar } from "./tar-reader.ts";

/** cap_net_raw, permitted and effective (VFS_CAP_REVISION_2). */
const CAPABILITY = Buffer.from("0100000200200000000000000000000000000000", "hex");
const KINDS: readonly SnapshotterKind[] = ["overlay", "copies"];

describe.skipIf(process.getuid?.() !== 0).each(KINDS)("file systems of containers: %s (needs root)", (kind) => {
  let folder: string;
  let remove: () => void;
  beforeEach(() => {
    ({ path: folder, remove } = scratchFolder("snapshotter"));
  });
  afterEach(() => remove());

  const open = () => openSnapshotter(`${folder}/s`, systemMounts, kind);
  const target = (): string => mkdtempSync(join(folder, "mnt-"));

  /** Two layers: the upper one deletes, replaces and adds. */
  async function layered() {
    const snapshotter = await open();
    const lower = async (root: string): Promise<void> => {
      for (const name of ["etc", "old/deep", "opaque"]) mkdirSync(`${root}/${name}`, { recursive: true });
      for (const name of ["etc/kept", "etc/gone", "etc/replaced", "old/deep/file", "opaque/hidden", "program"])
        writeFileSync(`${root}/${name}`, `lower ${name}`);
      linkSync(`${root}/program`, `${root}/same-program`);
      setAttribute(`${root}/program`, "security.capability", CAPABILITY);
      chmodSync(`${root}/program`, 0o4755);
      symlinkSync("../etc/kept", `${root}/etc/link`);
      makeNode(`${root}/null`, "character", 1, 3);
      utimesSync(`${root}/etc/kept`, 1_700_000_000.25, 1_700_000_000.25);
      utimesSync(`${root}/etc`, 1_600_000_000, 1_600_000_000);
    };
    const upper = async (root: string): Promise<void> => {
      for (const name of ["etc", "opaque"]) mkdirSync(`${root}/${name}`);
      makeNode(`${root}/etc/gone`, "character");
      makeNode(`${root}/old`, "character");
      writeFileSync(`${root}/etc/replaced`, "upper");
      setAttribute(`${root}/opaque`, "trusted.overlay.opaque", Buffer.from("y"));
      writeFileSync(`${root}/opaque/shown`, "upper");
    };
    await snapshotter.commit("sha256:1", [], { build: lower });
    await snapshotter.commit("sha256:2", ["sha256:1"], { build: upper });
    return { snapshotter, chain: ["sha256:1", "sha256:2"] };
  }

  /** Names in the archive that the changes of a container become. */
  async function changed(snapshotter: Awaited<ReturnType<typeof open>>, id: string): Promise<readonly string[]> {
    return snapshotter.changes(id, async (root) => {
      const names: string[] = [];
      if (root !== undefined) for await (const { entry } of readTar(writeLayerTar(root))) names.push(entry.path);
      return names;
    });
  }

  test("a container sees its layers as one, with all that a file is", async () => {
    const { snapshotter, chain } = await layered();
    const root = target();
    await snapshotter.mount("c", chain, root);
    expect(readdirSync(root).sort()).toEqual(["etc", "null", "opaque", "program", "same-program"]);
    expect(readdirSync(`${root}/etc`).sort()).toEqual(["kept", "link", "replaced"]);
    expect(readdirSync(`${root}/opaque`)).toEqual(["shown"]);
    expect(readFileSync(`${root}/etc/replaced`, "utf8")).toBe("upper");
    expect(readlinkSync(`${root}/etc/link`)).toBe("../etc/kept");
    expect(lstatSync(`${root}/etc/kept`).mtimeMs).toBe(1_700_000_000_250);
    const [program, other] = [lstatSync(`${root}/program`), lstatSync(`${root}/same-program`)];
    expect([program.mode & 0o7777, program.nlink, program.ino]).toEqual([0o4755, 2, other.ino]);
    expect(attribute(`${root}/program`, "security.capability")).toEqual(CAPABILITY);
    expect(lstatSync(`${root}/null`).rdev).toBe(0x103);
  });

  test("containers write each for itself; a layer stays as it was", async () => {
    const { snapshotter, chain } = await layered();
    const [one, other] = [target(), target()];
    await snapshotter.mount("one", chain, one);
    await snapshotter.mount("other", chain, other);
    writeFileSync(`${one}/etc/kept`, "written by one");
    rmSync(`${one}/program`);
    expect(readFileSync(`${other}/etc/kept`, "utf8")).toBe("lower etc/kept");
    expect(existsSync(`${other}/program`)).toBe(true);
    expect(readFileSync(`${snapshotter.layerFolder("sha256:1")}/etc/kept`, "utf8")).toBe("lower etc/kept");
  });

  test("what was written is told, and nothing else", async () => {
    const { snapshotter, chain } = await layered();
    expect(await changed(snapshotter, "c")).toEqual([]);
    const root = target();
    await snapshotter.mount("c", chain, root);
    expect(await changed(snapshotter, "c")).toEqual([]);
    writeFileSync(`${root}/etc/replaced`, "again");
    chmodSync(`${root}/null`, 0o640);
    rmSync(`${root}/same-program`);
    mkdirSync(`${root}/new/folder`, { recursive: true });
    writeFileSync(`${root}/new/folder/file`, "");
    rmSync(`${root}/opaque/shown`);
    expect(await changed(snapshotter, "c")).toEqual([
      "etc/",
      "etc/replaced",
      "new/",
      "new/folder/",
      "new/folder/file",
      "null",
      "opaque/",
      "opaque/.wh.shown",
      ".wh.same-program",
    ]);
  });

  test("what was written is measured, and not what was there before", async () => {
    const { snapshotter, chain } = await layered();
    expect(await snapshotter.writtenBytes("c")).toBe(0);
    await snapshotter.commit("sha256:3", chain, {
      build: async (root) => writeFileSync(`${root}/large`, Buffer.alloc(1 << 20)),
    });
    const root = target();
    await snapshotter.mount("c", [...chain, "sha256:3"], root);
    const few = 64 * 1024; // a folder of its own may take a block
    expect(await snapshotter.writtenBytes("c")).toBeLessThan(few);
    writeFileSync(`${root}/mine`, Buffer.alloc(1 << 19));
    linkSync(`${root}/mine`, `${root}/same`);
    const written = await snapshotter.writtenBytes("c");
    expect(written - (1 << 19)).toBeGreaterThanOrEqual(0);
    expect(written - (1 << 19)).toBeLessThan(few);
  });

  test("content is compared where size, time and mode are the same", async () => {
    const snapshotter = await open();
    const fill = async (root: string): Promise<void> => {
      for (const [name, text] of [
        ["a", "one"],
        ["b", "two"],
      ] as const) {
        mkdirSync(`${root}/${name}`);
        writeFileSync(`${root}/${name}/file`, text);
        utimesSync(`${root}/${name}/file`, 0, 0);
      }
    };
    await snapshotter.commit("sha256:1", [], { build: fill });
    const root = target();
    await snapshotter.mount("c", ["sha256:1"], root);
    rmSync(`${root}/b/file`);
    renameSync(`${root}/a/file`, `${root}/b/file`);
    expect((await changed(snapshotter, "c")).filter((name) => !name.endsWith("/"))).toEqual(["a/.wh.file", "b/file"]);
  });

  test("a layer of what was written gives the same files again, and the same digest", async () => {
    const { snapshotter, chain } = await layered();
    const root = target();
    await snapshotter.mount("c", chain, root);
    rmSync(`${root}/etc/kept`);
    writeFileSync(`${root}/made`, "x");
    systemMounts.unmount(root);
    const digest = await snapshotter.changes("c", async (changes = "") => {
      const made = await digestOf(writeLayerTar(changes));
      await snapshotter.commit("sha256:3", chain, { staged: changes });
      return made.digest;
    });
    await snapshotter.remove("c");
    expect((await digestOf(writeLayerTar(snapshotter.layerFolder("sha256:3")))).digest).toBe(digest);
    const again = target();
    await snapshotter.mount("next", [...chain, "sha256:3"], again);
    expect([existsSync(`${again}/etc/kept`), readFileSync(`${again}/made`, "utf8")]).toEqual([false, "x"]);
  });

  test("what a container wrote is there when it is mounted again, by another engine too, until it is removed", async () => {
    const { snapshotter, chain } = await layered();
    const root = target();
    await snapshotter.mount("c", chain, root);
    writeFileSync(`${root}/mine`, "x");
    systemMounts.unmount(root);
    const next = await open();
    expect(await next.written()).toEqual(["c"]);
    await next.mount("c", chain, root);
    expect(readFileSync(`${root}/mine`, "utf8")).toBe("x");
    expect(await changed(next, "c")).toEqual(["mine"]);
    systemMounts.unmount(root);
    await next.remove("c");
    expect(await next.written()).toEqual([]);
    expect(existsSync(`${folder}/s/w/c`)).toBe(false);
  });

  test("who looks at layers cannot change them, and sees them like everybody else", async () => {
    const { snapshotter, chain } = await layered();
    const [one, other] = [target(), target()];
    await Promise.all([snapshotter.view(chain, one), snapshotter.view(chain, other)]);
    for (const root of [one, other]) {
      expect(readFileSync(`${root}/etc/replaced`, "utf8")).toBe("upper");
      expect(() => writeFileSync(`${root}/etc/replaced`, "")).toThrow(/EROFS/);
      systemMounts.unmount(root);
    }
    const single = target();
    await snapshotter.view(["sha256:1"], single);
    expect(readFileSync(`${single}/etc/gone`, "utf8")).toBe("lower etc/gone");
  });

  test("users of their own own the files as they are inside", async () => {
    const { snapshotter, chain } = await layered();
    const users = { path: `${folder}/users`, ids: [{ inside: 0, outside: 500_000, length: 65_536 }] };
    const namespaces = systemNamespaces(systemMounts);
    await namespaces.pin({ user: users.path }, "", users.ids);
    const [root, seen] = [target(), target()];
    await snapshotter.mount("c", chain, root, users);
    await snapshotter.view(chain, seen, users);
    for (const place of [`${root}/program`, `${seen}/program`]) expect(lstatSync(place).uid).toBe(500_000);
    await snapshotter.clearLent();
    expect(systemMounts.below(`${folder}/s`)).toEqual([]);
    namespaces.unpin(users.path);
  });

  test("a layer is made once, whole or not at all", async () => {
    const snapshotter = await open();
    let turns = 0;
    const build = async (root: string): Promise<void> => {
      turns++;
      writeFileSync(`${root}/file`, "");
    };
    await Promise.all([1, 2, 3].map(() => snapshotter.commit("sha256:1", [], { build })));
    await snapshotter.commit("sha256:1", [], { build });
    expect(turns).toBe(1);
    const fails = async (root: string): Promise<void> => {
      await build(root);
      throw new Error("in the middle");
    };
    await expect(snapshotter.commit("sha256:2", [], { build: fails })).rejects.toThrow("in the middle");
    expect([snapshotter.has("sha256:1"), snapshotter.has("sha256:2")]).toEqual([true, false]);
    expect(readdirSync(`${folder}/s/new`)).toEqual([]);
  });

  test("a mount that fails leaves no container's files, and a removed layer leaves nothing", async () => {
    const { snapshotter, chain } = await layered();
    await expect(snapshotter.mount("c", [...chain, "sha256:missing"], `${folder}/nowhere`)).rejects.toThrow();
    await snapshotter.remove("c");
    const root = target();
    await snapshotter.view(chain, root);
    systemMounts.unmount(root);
    for (const name of await snapshotter.chains()) await snapshotter.removeChain(name);
    const left = readdirSync(`${folder}/s`).flatMap((name) =>
      lstatSync(`${folder}/s/${name}`).isDirectory() ? readdirSync(`${folder}/s/${name}`) : [],
    );
    expect(left).toEqual([]);
  });
});

describe.skipIf(process.getuid?.() !== 0)("opening layers (needs root)", () => {
  let folder: string;
  let remove: () => void;
  beforeEach(() => {
    ({ path: folder, remove } = scratchFolder("layers"));
  });
  afterEach(() => remove());

  test("where an overlay can lie there are overlays, elsewhere copies", async () => {
    expect((await openSnapshotter(`${folder}/a`, systemMounts)).driver).toBe("overlayfs");
    const refusing = { ...systemMounts, overlay: () => expect.unreachable("EINVAL"), unmount: () => {} };
    expect((await openSnapshotter(`${folder}/b`, refusing)).driver).toBe("vfs");
    expect((await openSnapshotter(`${folder}/b`, systemMounts)).driver).toBe("vfs"); // as before
    expect(readdirSync(`${folder}/b`)).toEqual(["kind"]);
  });

  test("files of containers are not mistaken for those of another kind", async () => {
    const overlay = await openSnapshotter(folder, systemMounts, "overlay");
    await overlay.commit("sha256:1", [], { build: async () => {} });
    mkdirSync(`${folder}/mnt`);
    await overlay.mount("c", ["sha256:1"], `${folder}/mnt`);
    systemMounts.unmount(`${folder}/mnt`);
    await expect(openSnapshotter(folder, systemMounts, "copies")).rejects.toThrow(
      '1 containers have theirs with "overlay"',
    );
    await overlay.remove("c");
    expect((await openSnapshotter(folder, systemMounts, "copies")).has("sha256:1")).toBe(true);
  });
});
