import { mkdir, readdir, rm } from "node:fs/promises";
import { writeRecord } from "@tsukube/host";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RegistryUnderTest } from "../registry-under-test.ts";

let registry: RegistryUnderTest;
beforeEach(async () => void (registry = await RegistryUnderTest.start()));
afterEach(() => registry.close());

const push = (tag: string, round: string) => registry.pushImage("app", tag, [], { annotations: { round } });
const remove = (digest: string) => registry.status("DELETE", `/v2/app/manifests/${digest}`);
const tags = async (): Promise<readonly string[]> =>
  ((await (await registry.ask("GET", "/v2/app/tags/list")).json()) as { tags: string[] }).tags;

test("a tag that was moved goes with the manifest that it leads to now", async () => {
  const old = await push("latest", "1");
  await push("1", "1");
  const now = await push("latest", "2");
  await push("2", "2");
  expect(await remove(old)).toBe(202);
  expect(await tags()).toEqual(["2", "latest"]);
  await push("back", "1");
  expect(await remove(now)).toBe(202);
  expect(await tags()).toEqual(["back"]);
});

test("deleting a manifest looks at its own tags alone, however many there are", async () => {
  await push("kept", "1");
  const gone = await push("gone", "2");
  await mkdir(`${registry.folder}/repositories/app/_tags/unreadable`);
  expect(await remove(gone)).toBe(202);
  expect(await registry.status("GET", "/v2/app/manifests/gone")).toBe(404);
  expect(await registry.status("GET", "/v2/app/manifests/kept")).toBe(200);
});

test("a tag that was deleted, or that a kill left half moved, is not brought along by what it led to", async () => {
  const one = await push("a", "1");
  await registry.ask("DELETE", "/v2/app/manifests/a");
  const two = await push("a", "2");
  await mkdir(`${registry.folder}/repositories/app/_tagged/sha256/${one.slice(7)}`, { recursive: true });
  await writeRecord(`${registry.folder}/repositories/app/_tagged/sha256/${one.slice(7)}/a`, {}); // as before the move
  expect(await remove(one)).toBe(202);
  expect(await tags()).toEqual(["a"]);
  expect(await remove(two)).toBe(202);
});

test("a registry of format 1 finds its tags by digest once it was opened", async () => {
  const digest = await push("a", "1");
  await push("b", "1");
  await rm(`${registry.folder}/repositories/app/_tagged`, { recursive: true });
  await writeRecord(`${registry.folder}/format`, { version: 1 });
  await registry.restart();
  await push("other", "2");
  expect(await remove(digest)).toBe(202);
  expect(await tags()).toEqual(["other"]);
  expect(await readdir(`${registry.folder}/repositories/app/_tagged/sha256`)).toHaveLength(1);
});
