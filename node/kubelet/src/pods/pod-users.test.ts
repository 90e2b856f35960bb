import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Pod } from "@tsukube/api/types/core-v1";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MOST_POD_USERS, PodUsers } from "./pod-users.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsukube-pod-users-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = () => new PodUsers({ folder, first: 131_072 });
const pod = (uid: string, hostUsers: boolean | undefined = false): Pod =>
  ({ metadata: { uid }, spec: { containers: [], hostUsers } }) as Pod;
const range = (index: number) => [{ containerId: 0, hostId: 131_072 + 65_536 * index, length: 65_536 }];

test("pods that want users of their own get ids that no other has", async () => {
  const users = open();
  expect(await users.of(pod("host", true))).toBeUndefined();
  expect(await users.of({ metadata: { uid: "unsaid" }, spec: { containers: [] } })).toBeUndefined();
  expect([await users.of(pod("a")), await users.of(pod("b")), await users.of(pod("a"))]).toEqual([0, 1, 0].map(range));
});

test("ids are kept over a restart, and free once nothing of the pod is there", async () => {
  const before = open();
  for (const uid of ["a", "b", "c"]) await before.of(pod(uid));
  rmSync(join(folder, "b"), { recursive: true });
  const users = open();
  expect([await users.of(pod("c")), await users.of(pod("d"))]).toEqual([range(2), range(1)]);
  users.forget("a");
  expect(await users.of(pod("e"))).toEqual(range(0));
});

test("when all are taken the pod is told so", async () => {
  const users = open();
  for (let index = 0; index < MOST_POD_USERS; index += 1) await users.of(pod(`p${index}`));
  await expect(users.of(pod("late"))).rejects.toThrow(/^Cannot give the pod users of its own: 512 pods have some/);
});
