import { expect, test } from "vitest";
import { classesOfClaim, classesOfVolume } from "./classes.ts";

test("a volume uses the class that it has", () => {
  expect(classesOfVolume({ spec: { volumeAttributesClassName: "gold" } })).toEqual(["gold"]);
  expect(classesOfVolume({ spec: {} })).toEqual([]);
});

test("a claim uses the class that it asks for, the one that it has, and the one that it is changed to", () => {
  const status = {
    currentVolumeAttributesClassName: "silver",
    modifyVolumeStatus: { status: "InProgress", targetVolumeAttributesClassName: "gold" },
  };
  expect(classesOfClaim({ spec: { volumeAttributesClassName: "gold" }, status })).toEqual(["gold", "silver"]);
  expect(classesOfClaim({ spec: { volumeAttributesClassName: "" } })).toEqual([]);
});
