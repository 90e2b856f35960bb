import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@tsukube/foundation";
import { VirtualClock } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EtcdProgressNote, readEtcdProgress } from "./etcd-progress.ts";
import { filesOf } from "./paths.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsukube-progress-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function begin() {
  const clock = new VirtualClock();
  const paths = { name: "a", state: join(folder, "state"), runtime: join(folder, "run") };
  const error = vi.fn();
  const note = new EtcdProgressNote(paths, { seen: 0, told: 0 }, clock, { ...silentLogger, error });
  const noted = (progress: object) => expect.poll(() => readEtcdProgress(paths)).toEqual(progress);
  return { clock, paths, error, note, noted };
}

test("where etcd is is noted far ahead at once, exactly each second and in the end", async () => {
  const { clock, note, noted } = begin();
  note.reach(7);
  await noted({ seen: 7, told: 5007 });
  note.reach(900);
  await clock.advance(1000);
  await noted({ seen: 900, told: 5900 });
  note.reach(901);
  await note.close();
  await noted({ seen: 901, told: 901 });
});

test("a process that is killed has noted all that anybody was told of; what is not whole on the disk is as if it was not there", async () => {
  const { paths, note: killed, noted } = begin();
  killed.reach(7);
  await noted({ seen: 7, told: 5007 });
  killed.reach(8);
  killed.reach(6); // they come in no order
  expect(await readEtcdProgress(paths)).toEqual({ seen: 8, told: 5007 });
  for (const lost of ["", "0".repeat(20), "\0".repeat(21)]) {
    writeFileSync(filesOf(paths).etcdRevision, lost);
    expect(await readEtcdProgress(paths)).toEqual({ seen: 7, told: 5007 });
  }
  await killed.close();
});

test("what could not be noted is noted a second later, and told once", async () => {
  const { clock, paths, error, note } = begin();
  writeFileSync(paths.state, "no folder");
  note.reach(7);
  await expect.poll(() => error.mock.calls.length).toBe(1);
  await clock.advance(3000);
  rmSync(paths.state);
  const later = async () => {
    await clock.advance(1000);
    return readEtcdProgress(paths);
  };
  await expect.poll(later).toEqual({ seen: 7, told: 5007 });
  expect(error).toHaveBeenCalledOnce();
  await note.close();
});
