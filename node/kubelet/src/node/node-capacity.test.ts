import { expect, test } from "vitest";
import { withExtendedResources } from "./node-capacity.ts";

const own = { cpu: "2", memory: "900Ki" };

test("what others write into a node's capacity is allocatable, until they take it away", () => {
  const capacity = { cpu: "2", memory: "1000Ki", "example.com/dongle": "4" };
  const noted = withExtendedResources(own, { capacity, allocatable: own });
  expect(noted).toEqual({ ...own, "example.com/dongle": "4" });
  const after = withExtendedResources(own, {
    capacity: { cpu: "2", memory: "1000Ki" },
    allocatable: { ...own, "example.com/dongle": "4" },
  });
  expect(after).toEqual({ ...own, "example.com/dongle": null });
});

test("a node without a status has what the machine has", () => {
  expect(withExtendedResources(own, undefined)).toEqual(own);
});
