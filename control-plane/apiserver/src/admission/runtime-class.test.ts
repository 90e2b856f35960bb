import type { Pod, Toleration } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { runtimeClassAdmission } from "./runtime-class.ts";

/** What a pod tolerates that names a class. */
async function tolerated(own: readonly Toleration[], scheduling: object | undefined): Promise<unknown> {
  const cache = { get: () => ({ object: { handler: "h", ...(scheduling && { scheduling }) } }) };
  const object = { spec: { runtimeClassName: "c", ...(own.length > 0 && { tolerations: own }), containers: [] } };
  const pod = await runtimeClassAdmission(cache as never).mutate!({ object } as never);
  return (pod as Pod).spec?.tolerations;
}

const of = (key: string, operator: string, value = "", effect = "", tolerationSeconds?: number): Toleration => ({
  ...{ key, operator, value, effect },
  ...(tolerationSeconds !== undefined && { tolerationSeconds }),
});
const EXISTS = of("a", "Exists");
const EQUAL = of("a", "Equal", "x", "NoSchedule");

test.each<readonly [string, readonly Toleration[], readonly Toleration[], readonly Toleration[] | undefined]>([
  ["none and none", [], [], undefined],
  ["what is the same, once", [EQUAL], [EQUAL], [EQUAL]],
  ["what is the same in other words, the first", [EXISTS], [{ key: "a", operator: "Exists" }], [EXISTS]],
  ["the wider of the class alone", [EQUAL], [EXISTS], [EXISTS]],
  ["the wider of the pod alone", [EXISTS], [EQUAL], [EXISTS]],
  ["one for every key alone", [EQUAL, of("b", "Exists")], [of("", "Exists")], [of("", "Exists")]],
  ["other effects beside", [EQUAL], [of("a", "Exists", "", "NoExecute")], [EQUAL, of("a", "Exists", "", "NoExecute")]],
  [
    "the longer alone",
    [of("a", "Exists", "", "NoExecute", 5)],
    [of("a", "Exists", "", "NoExecute", 9)],
    [of("a", "Exists", "", "NoExecute", 9)],
  ],
  ["other values beside", [EQUAL], [of("a", "Equal", "y")], [EQUAL, of("a", "Equal", "y")]],
  ["numbers beside what is equal", [EQUAL], [of("a", "Gt", "x")], [EQUAL, of("a", "Gt", "x")]],
])("pods tolerate of their own and of their class's: %s", async (_what, own, given, expected) => {
  expect(await tolerated(own, { tolerations: given })).toEqual(expected);
});

test("pods of a class that says nothing of scheduling tolerate what they say, twice if they say so", async () => {
  expect(await tolerated([EQUAL, EQUAL], undefined)).toEqual([EQUAL, EQUAL]);
});
