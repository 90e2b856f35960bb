import { createWriteStream, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { chmod, chown, link, lutimes } from "node:fs/promises";
import { createServer } from "node:net";
import { pipeline } from "node:stream/promises";
import { run } from "@tsukube/host";
import { attribute, attributeNames, makeNode, setAttribute, systemMounts } from "@tsukube/kernel";
import { scratchFolder } from "@tsukube/kernel/scratch";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { containerChanges } from "../docker/containers/container-changes.ts";
import { digestOf, type LayerTarOptions, writeLayerTar } from "./layer-tar.ts";
import { readTar, type TarEntry } from "./tar-reader.ts";
import { unpackLayer } from "./unpack.ts";

/** cap_net_raw, permitted and effective (VFS_CAP_REVISION_2). */
const CAPABILITY = Buffer.from("0100000200200000000000000000000000000000", "hex");

describe.skipIf(process.getuid?.() !== 0)("writing a layer (needs root)", () => {
  let folder: string;
  let remove: () => void;
  let attributesWork: boolean;
  beforeEach(() => {
    ({ path: folder, remove } = scratchFolder("layer-tar"));
    attributesWork = takesAttributes();
    for (const name of ["in", "out", "again"]) mkdirSync(`${folder}/${name}`);
  });
  afterEach(() => remove());

  /** Not every kernel's tmpfs takes attributes of users. */
  function takesAttributes(): boolean {
    try {
      setAttribute(folder, "user.note", Buffer.from("x"));
      return true;
    } catch {
      return false;
    }
  }

  /** Everything that a layer can hold, but deletions. */
  async function fill(root: string): Promise<void> {
    mkdirSync(`${root}/d/${"deep".repeat(30)}/${"deeper".repeat(30)}`, { recursive: true });
    writeFileSync(`${root}/d/${"deep".repeat(30)}/${"deeper".repeat(30)}/Főtanúsítvány`, "long");
    writeFileSync(`${root}/d/big`, Buffer.alloc(3_000_001, "big "));
    writeFileSync(`${root}/d/empty`, "");
    writeFileSync(`${root}/program`, "#!");
    await chown(`${root}/program`, 3_000_000, 4_000_000_000);
    await chmod(`${root}/program`, 0o4755);
    await link(`${root}/program`, `${root}/z-same`);
    setAttribute(`${root}/program`, "security.capability", CAPABILITY);
    if (attributesWork) setAttribute(`${root}/d/empty`, "user.note", Buffer.from("a note"));
    symlinkSync("../nowhere/é", `${root}/link`);
    makeNode(`${root}/null`, "character", 1, 3);
    makeNode(`${root}/disk`, "block", 259, 70_000);
    makeNode(`${root}/pipe`, "fifo");
    await chown(`${root}/link`, 5, 6).catch(() => {});
    for (const name of ["link", "program", "d"]) await lutimes(`${root}/${name}`, 1_700_000_000.75, 1_700_000_000.75);
    await lutimes(`${root}/pipe`, -5, -5);
  }

  test("has what lies as deep as a layer carries, and the changes of a container all", async () => {
    const script = "i=0; while [ $i -lt 20 ]; do mkdir $1 && cd -P $1 && echo x > file || exit 1; i=$((i+1)); done";
    const make = (name: string): unknown =>
      run("sh", ["-c", script, "sh", "d".repeat(203)], { cwd: `${folder}/${name}` });
    const paths = Array.from(
      { length: 20 },
      (_, depth) =>
        `${Array(depth + 1)
          .fill("d".repeat(203))
          .join("/")}/file`,
    );
    await make("in");
    await make("out");
    const entries: string[] = [];
    for await (const { entry } of readTar(written(`${folder}/in`))) entries.push(entry.path);
    expect(entries).toEqual(expect.arrayContaining(paths));
    expect(Buffer.byteLength(`${folder}/in/${paths.at(-1)}`)).toBeGreaterThan(4096);
    const added = await containerChanges(`${folder}/in`, [`${folder}/again`]);
    expect(added.filter(({ kind }) => kind === 1)).toHaveLength(40);
    const changed = await containerChanges(`${folder}/in`, [`${folder}/again`, `${folder}/out`]);
    expect(changed.map(({ path, kind }) => [path, kind])).toContainEqual([`/${paths.at(-1)}`, 0]);
    expect(changed).toHaveLength(40);
    await run("sh", ["-c", `mv ${"d".repeat(203)} ${"e".repeat(250)}`], { cwd: `${folder}/in` });
    await expect(digestOf(written(`${folder}/in`))).rejects.toThrow(
      "is longer than 4095 bytes, which no layer carries",
    );
  });

  async function* written(root: string, options?: LayerTarOptions): AsyncGenerator<Buffer> {
    yield* writeLayerTar(root, options);
  }

  async function entries(root: string, options?: LayerTarOptions): Promise<readonly TarEntry[]> {
    const out: TarEntry[] = [];
    for await (const { entry } of readTar(written(root, options))) out.push(entry);
    return out;
  }

  test("what unpacks from it is the same layer, with the same digest", async () => {
    await fill(`${folder}/in`);
    const { digest } = await digestOf(writeLayerTar(`${folder}/in`));
    await unpackLayer(writeLayerTar(`${folder}/in`), `${folder}/out`, "overlay");
    expect((await digestOf(writeLayerTar(`${folder}/out`))).digest).toBe(digest);
    const program = lstatSync(`${folder}/out/program`);
    expect([program.uid, program.gid, program.mode & 0o7777, program.nlink, program.mtimeMs]).toEqual([
      3_000_000, 4_000_000_000, 0o4755, 2, 1_700_000_000_000,
    ]);
    expect(attribute(`${folder}/out/program`, "security.capability")).toEqual(CAPABILITY);
    if (attributesWork) expect(attribute(`${folder}/out/d/empty`, "user.note").toString()).toBe("a note");
    expect(readFileSync(`${folder}/out/d/big`).equals(readFileSync(`${folder}/in/d/big`))).toBe(true);
    expect(statSync(`${folder}/out/disk`).rdev).toBe(statSync(`${folder}/in/disk`).rdev);
  });

  test("GNU tar extracts it", async () => {
    await fill(`${folder}/in`);
    await pipeline(writeLayerTar(`${folder}/in`), createWriteStream(`${folder}/layer.tar`));
    const flags = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "-p"];
    const { stderr } = await run("tar", ["-C", `${folder}/out`, ...flags, "-xf", `${folder}/layer.tar`]);
    expect(stderr.replace(/.*implausibly old time stamp.*\n/, "")).toBe("");
    await run("diff", ["-r", "--no-dereference", `${folder}/in/d`, `${folder}/out/d`]);
    expect((await digestOf(writeLayerTar(`${folder}/out`))).digest).toBe(
      (await digestOf(writeLayerTar(`${folder}/in`))).digest,
    );
  });

  test("what overlayfs deleted and replaced becomes .wh. entries, and deletes again", async () => {
    for (const name of ["lower/old", "lower/keep", "upper", "work", "merged"])
      mkdirSync(`${folder}/o/${name}`, { recursive: true });
    for (const name of ["gone", "gone-too", "stays", "old/inner", "keep/inner"])
      writeFileSync(`${folder}/o/lower/${name}`, name);
    systemMounts.overlay(`${folder}/o/merged`, {
      lower: [`${folder}/o/lower`],
      upper: `${folder}/o/upper`,
      work: `${folder}/o/work`,
    });
    const deleted = ["gone", "gone-too", "old", "keep/inner"].map((name) => `${folder}/o/merged/${name}`);
    await run("rm", ["-r", ...deleted]);
    mkdirSync(`${folder}/o/merged/old`);
    writeFileSync(`${folder}/o/merged/old/new`, "");
    const names = (await entries(`${folder}/o/upper`)).map(({ path, type }) => `${path} ${type}`);
    expect(names).toEqual([
      ".wh.gone file",
      ".wh.gone-too file",
      "keep/ directory",
      "keep/.wh.inner file",
      "old/ directory",
      "old/.wh..wh..opq file",
      "old/new file",
    ]);
    await run("cp", ["-a", `${folder}/o/lower/.`, `${folder}/out`]);
    await unpackLayer(writeLayerTar(`${folder}/o/upper`), `${folder}/out`, "delete");
    await run("diff", ["-r", `${folder}/o/merged`, `${folder}/out`]);
    await unpackLayer(writeLayerTar(`${folder}/o/upper`), `${folder}/again`, "overlay");
    expect(attributeNames(`${folder}/again/old`)).toContain("trusted.overlay.opaque");
    expect((await digestOf(writeLayerTar(`${folder}/again`))).digest).toBe(
      (await digestOf(writeLayerTar(`${folder}/o/upper`))).digest,
    );
  });

  test("plain metadata depends on names and content alone", async () => {
    for (const root of ["in", "out"]) {
      mkdirSync(`${folder}/${root}/etc`, { mode: root === "in" ? 0o755 : 0o700 });
      writeFileSync(`${folder}/${root}/etc/a`, "a", { mode: root === "in" ? 0o644 : 0o600 });
      await chown(`${folder}/${root}/etc/a`, root === "in" ? 0 : 7, 0);
    }
    await link(`${folder}/in/etc/a`, `${folder}/in/etc/b`);
    writeFileSync(`${folder}/out/etc/b`, "a");
    setAttribute(`${folder}/out/etc/b`, "security.capability", CAPABILITY);
    const [one, other] = await Promise.all(
      ["in", "out"].map((root) => digestOf(writeLayerTar(`${folder}/${root}`, { metadata: "plain" }))),
    );
    expect(one).toEqual(other);
    expect(await entries(`${folder}/in`, { metadata: "plain" })).toMatchObject([
      { path: "etc/", mode: 0o755, uid: 0, mtime: 0 },
      { path: "etc/a", type: "file", mode: 0o644, size: 1 },
      { path: "etc/b", type: "file", mode: 0o644, size: 1 },
    ]);
  });

  test("what a layer cannot carry is refused by name; sockets are left out", async () => {
    const server = createServer().listen(`${folder}/in/socket`);
    await new Promise((resolve) => server.once("listening", resolve));
    expect(await entries(`${folder}/in`)).toEqual([]);
    server.close();
    writeFileSync(`${folder}/in/.wh.x`, "");
    await expect(entries(`${folder}/in`)).rejects.toMatchObject({ code: "unsupported" });
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/out/`), Buffer.from([0x61, 0xff])]), "");
    await expect(entries(`${folder}/out`)).rejects.toThrow("not UTF-8");
    mkdirSync(`${folder}/again/moved`);
    setAttribute(`${folder}/again/moved`, "trusted.overlay.redirect", Buffer.from("/x"));
    await expect(entries(`${folder}/again`)).rejects.toThrow("redirect_dir=off");
  });
});
