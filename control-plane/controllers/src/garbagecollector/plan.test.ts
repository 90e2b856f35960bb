import { expect, test } from "vitest";
import { judge, type OwnerState } from "./plan.ts";

const owners = (...states: OwnerState[]) =>
  states.map((state, i) => ({ apiVersion: "v1", kind: "X", name: `o${i}`, uid: `${state}-${i}` }));
const verdict = (states: OwnerState[], finalizers: string[] = [], hasDependents = false) =>
  judge(owners(...states), ({ uid = "" }) => uid.split("-")[0] as OwnerState, finalizers, hasDependents);

test.each([
  [[], "keep"],
  [["solid"], "keep"],
  [["solid", "absent"], "drop-owners"],
  [["solid", "waiting"], "drop-owners"],
  [["absent"], "delete"],
  [["absent", "waiting"], "delete"],
] as [OwnerState[], string][])("owners %j: %s", (states, action) => {
  expect(verdict(states).action).toBe(action);
});

test("only the owners that are gone are dropped", () => {
  expect(verdict(["solid", "absent", "absent"])).toEqual({ action: "drop-owners", uids: ["absent-1", "absent-2"] });
});

test("the policy follows what waits and what was asked for", () => {
  expect(verdict(["absent"])).toEqual({ action: "delete", policy: "Background" });
  expect(verdict(["waiting"], [], true)).toEqual({ action: "delete", policy: "Foreground" });
  expect(verdict(["waiting"], [], false)).toEqual({ action: "delete", policy: "Background" });
  expect(verdict(["absent"], ["orphan"])).toEqual({ action: "delete", policy: "Orphan" });
});
