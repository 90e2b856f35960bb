import { expect, test } from "vitest";
import { compareStatuses } from "./statuses.ts";

function status(...causes: readonly (readonly [field: string, message: string])[]) {
  const list = causes.map(([field, message]) => ({ field, reason: "FieldValueInvalid", message }));
  return { kind: "Status", message: causes.join(), details: { causes: list } } as const;
}

function differences(a: ReturnType<typeof status>, b: ReturnType<typeof status>): string[] {
  const parts: string[] = [];
  compareStatuses(a, b, (part, one, other) => parts.push(`${part}: ${JSON.stringify([one, other])}`));
  return parts;
}

const GO: readonly [string, string] = ["spec", 'Invalid value: {"Name":"a]\\"","Ports":null}: no'];
const OWN: readonly [string, string] = ["spec", 'Invalid value: {"name":"a]\\""}: no'];

test.each([
  ["the same", status(GO), status(GO), []],
  ["a Go value", status(GO), status(OWN), ["Go values in causes"]],
  [
    "a diff of Go values",
    status(["spec", "Forbidden: no\n\t- A"]),
    status(["spec", "Forbidden: no\n-a"]),
    ["Go values in causes"],
  ],
  ["another detail", status(GO), status(["spec", 'Invalid value: {"name":"a"}: yes']), ["causes"]],
  [
    "another value",
    status(["spec", 'Invalid value: {"a":1}: no']),
    status(["spec", 'Invalid value: {"a":2}: no']),
    ["causes"],
  ],
  ["a missing cause", status(GO, ["a", "b"]), status(OWN), ["Go values in causes", "causes"]],
  [
    "an empty list",
    status(["a", "Invalid value: []: no"]),
    status(["a", "Invalid value: null: no"]),
    ["empty values in causes"],
  ],
  ["another order", status(["a", "b"], ["c", "d"]), status(["c", "d"], ["a", "b"]), ["order of causes"]],
])("%s", (_name, a, b, parts) => {
  expect(differences(a, b).map((text) => text.slice(0, text.indexOf(":")))).toEqual(parts);
});
