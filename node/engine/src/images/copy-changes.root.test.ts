import { lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { scratchFolder } from "@tsukube/kernel/scratch";
import { expect, onTestFinished, test } from "vitest";
import { sizeOfCopyChanges, writeCopyChanges } from "./copy-changes.ts";

/** Inodes that are asked for between the first look at a file and the next. */
class Removing extends Map<string, string> {
  readonly #remove: (path: string) => void;

  constructor(remove: (path: string) => void) {
    super();
    this.#remove = remove;
  }

  override get(path: string): undefined {
    this.#remove(path);
  }
}

test.skipIf(process.getuid?.() !== 0)(
  "files that go while they are compared were never there (needs root)",
  async () => {
    const { path: folder, remove } = scratchFolder("changes");
    onTestFinished(remove);
    const [root, layer] = [`${folder}/root`, `${folder}/layer`];
    const fill = (): void => {
      for (const place of [root, layer]) {
        mkdirSync(`${place}/d/within`, { recursive: true });
        for (const name of ["a", "b", "d/c", "kept"]) writeFileSync(`${place}/${name}`, place);
      }
      writeFileSync(`${root}/d/new`, "");
    };
    const going = new Removing((path) => {
      if (path === "/a") for (const name of ["a", "b"]) rmSync(`${root}/${name}`, { force: true });
      if (path === "/d/c") rmSync(`${root}/d`, { recursive: true });
    });
    const copy = { root, layers: [layer], inodes: going, since: 1n << 62n };
    fill();
    mkdirSync(`${folder}/changes`);
    await writeCopyChanges(copy, `${folder}/changes`);
    const told = readdirSync(`${folder}/changes`).sort();
    expect(told).toEqual(["a", "b", "d", "kept"]);
    const isDeleted = (name: string): boolean => lstatSync(`${folder}/changes/${name}`).isCharacterDevice();
    expect(told.filter(isDeleted)).toEqual(["a", "b", "d"]);
    fill();
    expect(await sizeOfCopyChanges(copy)).toBeGreaterThan(0);
  },
);
