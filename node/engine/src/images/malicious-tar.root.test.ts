import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { setImmediate } from "node:timers/promises";
import { run } from "@tsukube/host";
import { systemMounts } from "@tsukube/kernel";
import { scratchFolder } from "@tsukube/kernel/scratch";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OverlaySnapshotter } from "./overlay-snapshotter.ts";
import { paxEntry, paxRecord, writeChecksum } from "./pax-under-test.ts";
import { TAR_END, type TarHeader, tarHeader, tarPadding } from "./tar-header.ts";
import { readTar } from "./tar-reader.ts";
import { unpackLayer, type WhiteoutStyle } from "./unpack.ts";

type Entry = Partial<TarHeader> & { readonly path: string; readonly content?: string };

describe.skipIf(process.getuid?.() !== 0)("archives that mean harm (need root)", () => {
  let folder: string;
  let root: string;
  let remove: () => void;
  beforeEach(() => {
    ({ path: folder, remove } = scratchFolder("malicious-tar"));
    root = `${folder}/in/root`;
    mkdirSync(root, { recursive: true });
    writeFileSync(`${folder}/in/beside`, "untouched");
    mkdirSync(`${folder}/outside`);
    writeFileSync(`${folder}/outside/secret`, "untouched");
  });
  afterEach(() => remove());

  const unpack = (entries: readonly Entry[], style: WhiteoutStyle = "overlay") =>
    unpackLayer(archive(entries), root, style);
  /** What lies around the root, and where it is. */
  const around = () => [
    readdirSync(`${folder}/in`).sort(),
    readFileSync(`${folder}/in/beside`, "utf8"),
    readdirSync(`${folder}/outside`),
    readFileSync(`${folder}/outside/secret`, "utf8"),
    lstatSync(`${folder}/outside/secret`).nlink,
  ];

  test("names with dots, and links in all directions, lead nowhere outside", async () => {
    const before = around();
    const attempts: readonly (readonly Entry[])[] = [
      [{ path: "../beside", content: "x" }],
      [{ path: `${folder}/outside/secret`, content: "x" }],
      [link("out", `${folder}/outside`), { path: "out/secret", content: "x" }],
      [link("up", "../.."), { path: "up/outside/secret", content: "x" }],
      [link("a", "b/.."), link("b", "../../outside"), { path: "a/outside/secret", content: "x" }],
      [link("out", "../../outside"), { path: "out/", type: "directory", mode: 0o777 }],
      [link("out", `${folder}/outside/new`), { path: "out", content: "x" }],
      [{ path: "hard", type: "link", linkPath: `${folder}/outside/secret` }],
      [{ path: "hard", type: "link", linkPath: "../../outside/secret" }],
      [link("out", `${folder}/outside`), { path: "hard", type: "link", linkPath: "out/secret" }],
      [link("out", `${folder}/outside`), { path: "out/.wh.secret" }],
      [link("out", `${folder}/outside`), { path: "out/.wh..wh..opq" }],
      [link("loop", "loop"), { path: "loop/x", content: "x" }],
    ];
    for (const style of ["overlay", "delete", "keep"] as const)
      for (const entries of attempts) {
        await unpack(entries, style).catch((error: unknown) =>
          expect(error).toMatchObject({ code: expect.any(String) }),
        );
        expect([style, entries[0]?.path, around()]).toEqual([style, entries[0]?.path, before]);
      }
  });

  test("a deletion deletes a name of its folder, and not that or what is above", async () => {
    const before = around();
    for (const path of [".wh..", ".wh...", ".wh.", "d/.wh...", "d/.wh.."])
      for (const style of ["overlay", "delete"] as const) {
        const unpacked = unpack([{ path: "d/", type: "directory" }, { path }], style);
        await expect(unpacked, path).rejects.toMatchObject({ code: "invalid-tar" });
        expect(around()).toEqual(before);
      }
    await unpack([{ path: ".wh..wh.plnk" }, { path: ".wh..wh.aufs" }]); // as AUFS left them
    expect(readdirSync(root)).toEqual(["d"]);
  });

  test("a link that is absolute leads to its place in the image", async () => {
    await unpack([{ path: "run/", type: "directory" }, link("var/run", "/run"), { path: "var/run/pid", content: "1" }]);
    expect(readFileSync(`${root}/run/pid`, "utf8")).toBe("1");
  });

  test("who swaps folders for links while an archive is unpacked gets nothing out of the root", async () => {
    const before = around();
    const harm = (index: number): readonly Entry[] => [
      { path: `d/evil${index}`, content: "x" },
      { path: "d/secret", content: "x" },
      { path: "d/.wh.secret" },
      { path: `d/e/deep${index}/x`, content: "x" },
      { path: "d/e", content: "a file instead" },
      { path: "d/secret", mode: 0o4777, uid: 5, content: "x" },
      { path: "d/e/", type: "directory" },
    ];
    let swaps = 0;
    for (let round = 0; round < 300; round++) {
      for (const path of [`${root}/d`, `${root}/aside`, `${folder}/link`])
        rmSync(path, { recursive: true, force: true });
      mkdirSync(`${root}/d/e`, { recursive: true });
      symlinkSync(`${folder}/outside`, `${folder}/link`);
      const swapper = swapping(`${root}/d`, `${folder}/link`, `${root}/aside`);
      await unpack(harm(round), "delete").catch(() => {}); // what it meets is gone
      swaps += await swapper.stop();
    }
    expect(swaps).toBeGreaterThan(300);
    expect(around()).toEqual(before);
    expect(lstatSync(`${folder}/outside/secret`)).toMatchObject({ uid: 0 });
  }, 60_000);

  test("what names and numbers no file can have is refused", async () => {
    await expect(unpack([{ path: "x", uid: 2 ** 33 }])).rejects.toMatchObject({ code: "invalid-tar" });
    const named = Buffer.concat(await Array.fromAsync(archive([{ path: "x".repeat(150), content: "x" }])));
    named.writeUInt8(0, named.indexOf("path=x") + 5);
    await expect(unpackLayer(streamed([named]), root, "keep")).rejects.toMatchObject({ code: "invalid-tar" });
    const sparse = tarHeader({ path: "s", type: "file", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0 });
    sparse.write("S", 156);
    writeChecksum(sparse);
    const mapped = (...numbers: readonly number[]): Buffer => {
      const header = Buffer.from(sparse);
      for (const [index, number] of numbers.entries())
        header.write(number.toString(8).padStart(11, "0"), 386 + 12 * index, "latin1");
      writeChecksum(header);
      return header;
    };
    for (const map of [mapped(0, 512), mapped(600, 1, 512, 4)]) // more than there is, and in no order
      await expect(unpackLayer(streamed([map, TAR_END]), root, "keep")).rejects.toMatchObject({ code: "invalid-tar" });
  });

  test("of what is there twice the last one counts, and what was linked to the first stays", async () => {
    await unpack([
      { path: "a", content: "first", mode: 0o4755 },
      { path: "b", type: "link", linkPath: "a" },
      { path: "a", content: "second" },
      { path: "d/", type: "directory" },
      { path: "d/below", content: "x" },
      { path: "d", content: "a file now" },
      { path: "e", content: "x" },
      { path: "e/", type: "directory" },
      { path: "./e/../e/in", content: "in" },
    ]);
    const read = (name: string): string => readFileSync(`${root}/${name}`, "utf8");
    expect(["a", "b", "d", "e/in"].map(read)).toEqual(["second", "first", "a file now", "in"]);
    expect([lstatSync(`${root}/a`).mode & 0o7777, lstatSync(`${root}/a`).nlink]).toEqual([0o644, 1]);
  });

  test("links that nothing can be are refused, with their names", async () => {
    for (const [entries, message] of [
      [[{ path: "a", type: "link", linkPath: "a" }], '"a", a link to "a": ENOENT'],
      [[{ path: "a", type: "link", linkPath: "none" }], '"a", a link to "none": ENOENT'],
      [
        [
          { path: "d/", type: "directory" },
          { path: "a", type: "link", linkPath: "d" },
        ],
        '"a", a link to "d": EPERM',
      ],
      [[{ path: "a", type: "symlink", linkPath: "" }], '"a": ENOENT'],
    ] as const)
      await expect(unpack(entries)).rejects.toMatchObject({ code: "invalid-tar", message: `Cannot unpack ${message}` });
  });

  test("paths and names of any length but those that no file has", async () => {
    const names = (count: number, length: number): string =>
      Array.from({ length: count }, () => "x".repeat(length)).join("/");
    await unpack([{ path: names(15, 255), content: "deep" }]);
    for (const entry of [
      { path: "x".repeat(256) },
      { path: names(1000, 4) },
      { path: "a", type: "symlink", linkPath: "x".repeat(4096) },
    ] as const)
      await expect(unpack([entry])).rejects.toMatchObject({ code: "invalid-tar" });
  });

  test("records of pax are read in one way alone, and what stands in none is what the header says", async () => {
    const header = { path: "file", type: "file", mode: 0o644, uid: 1, gid: 2, size: 3, mtime: 4 } as const;
    const unpackWith = (records: string, type = "x") =>
      unpackLayer(
        streamed([...paxEntry(records, type), tarHeader(header), Buffer.from("abc"), tarPadding(3), TAR_END]),
        root,
        "keep",
      );
    await unpackWith(["path", "size", "uid", "mtime", "linkpath"].map((key) => paxRecord(key, "")).join(""));
    expect([readFileSync(`${root}/file`, "utf8"), lstatSync(`${root}/file`).uid]).toEqual(["abc", 1]);
    await unpackWith(paxRecord("uid", "7"), "g");
    expect(lstatSync(`${root}/file`).uid).toBe(7);
    await unpackWith(paxRecord("__proto__", "x") + paxRecord("constructor", "x"));
    for (const harmful of [
      ...["0x3", "3e0", " 3", "+3", "-3", "3,", "99999999999999999999"].map((size) => paxRecord("size", size)),
      ...["0x1", "1.5", "-1", "4294967296"].map((uid) => paxRecord("uid", uid)),
      paxRecord("mtime", "now"),
      paxRecord("path", "a\0b"),
      "12 path=file",
      "012x path=a\n",
      "5 a\n",
      "3 =\n",
      "-10 path=ab\n",
      "9999 path=a\n",
      paxRecord("GNU.sparse.offset", "0") + paxRecord("GNU.sparse.offset", "1"),
      paxRecord("GNU.sparse.numbytes", "3"),
      paxRecord("GNU.sparse.size", "9") + paxRecord("GNU.sparse.offset", "0"),
      paxRecord("GNU.sparse.size", "2") + paxRecord("GNU.sparse.offset", "0") + paxRecord("GNU.sparse.numbytes", "3"),
    ])
      await expect(unpackWith(harmful), harmful).rejects.toMatchObject({ code: "invalid-tar" });
  });

  test("entries without number, and headers without end, are refused before they take the memory", async () => {
    const empty = tarHeader({ path: "x", type: "file", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0 });
    const many = readTar(streamed(Array.from({ length: 11 }, () => empty)), 10);
    await expect(Array.fromAsync(many)).rejects.toMatchObject({
      code: "invalid-tar",
      message: expect.stringContaining("more than 10"),
    });
    for (const type of ["x", "g", "L", "K"]) {
      let sent = 0;
      const endless = (async function* () {
        for (; ; sent++) {
          const text =
            type === "L" || type === "K" ? "x".repeat(5000) : paxRecord(`SCHILY.xattr.user.${sent}`, "x".repeat(5000));
          yield* paxEntry(text, type);
        }
      })();
      await expect(unpackLayer(endless, root, "keep"), type).rejects.toMatchObject({ code: "invalid-tar" });
      expect(sent).toBeLessThan(300);
    }
  });

  test("what a harmful layer leaves of a snapshot goes, however deep it is", async () => {
    const snapshotter = new OverlaySnapshotter(`${folder}/layers`, systemMounts);
    const deep = Array.from({ length: 40 }, () => "x".repeat(99)).join("/");
    const chainId = `sha256:${"a".repeat(64)}`;
    const tar = () => archive([{ path: `${deep}/`, type: "directory" }, { path: ".wh..." }]);
    await expect(snapshotter.commit(chainId, [], { tar })).rejects.toMatchObject({ code: "invalid-tar" });
    expect([snapshotter.has(chainId), readdirSync(`${folder}/layers/new`)]).toEqual([false, []]);
  });

  test("devices of a layer are there, and a container's group of devices says who opens them", async () => {
    await unpack([{ path: "disk", type: "block", major: 254, minor: 0, mode: 0o666 }]);
    const { stdout } = await run("stat", ["-c", "%F %t:%T %a", `${root}/disk`]);
    expect(stdout.trim()).toBe("block special file fe:0 666");
  });
});

/** Puts the link in the folder's place and back, in each turn of the loop. @returns what ends it and tells how often that was. */
function swapping(folder: string, other: string, aside: string): { readonly stop: () => Promise<number> } {
  let isGoing = true;
  const swap = (): void => {
    try {
      renameSync(folder, aside);
      renameSync(other, folder);
      renameSync(aside, other);
    } catch {} // it is being replaced just now
  };
  const swapped = (async () => {
    for (let turn = 0; ; turn++) {
      await setImmediate();
      if (!isGoing) return turn;
      swap();
    }
  })();
  const stop = (): Promise<number> => {
    isGoing = false;
    return swapped;
  };
  return { stop };
}

function link(path: string, linkPath: string): Entry {
  return { path, type: "symlink", linkPath };
}

function archive(entries: readonly Entry[]): AsyncGenerator<Buffer> {
  const parts = entries.flatMap(({ content = "", ...entry }) => {
    const size = Buffer.byteLength(content);
    const header = { type: "file", mode: 0o644, uid: 0, gid: 0, mtime: 0, ...entry, size } as const;
    return [tarHeader(header), Buffer.from(content), tarPadding(size)];
  });
  return streamed([...parts, TAR_END]);
}

async function* streamed(parts: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* parts;
}
