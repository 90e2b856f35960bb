import { jsonEqual } from "../../patch/json-equal.ts";
import { STORAGE } from "../../validation/groups/storage.ts";
import { driverWarnings } from "../../warnings/storage.ts";
import { booleanAt, created, listAt, name, or, UNSET } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** CSIDriver: storage.k8s.io/v1. */
export const csidrivers: Resource = {
  group: "storage.k8s.io",
  resource: "csidrivers",
  isUnreconciled: true,
  unconditionalUpdate: false,
  returnsDeleted: true,
  prepareForUpdate: (next, old) =>
    jsonEqual(next["spec"], old["spec"])
      ? next
      : { ...next, metadata: { ...next.metadata, generation: (old.metadata?.generation ?? 0) + 1 } },
  rules: STORAGE["storage.k8s.io/CSIDriver"],
  warnings: (driver: never, old) => driverWarnings(driver, old as never),
  cells: (object, now) => [
    name(object),
    booleanAt(object, "spec.attachRequired", true),
    booleanAt(object, "spec.podInfoOnMount", false),
    booleanAt(object, "spec.storageCapacity", false),
    or(
      listAt(object, "spec.tokenRequests")
        .map((request) => textAt(request, "audience"))
        .join(","),
      UNSET,
    ),
    booleanAt(object, "spec.requiresRepublish", false),
    or(listAt<string>(object, "spec.volumeLifecycleModes").join(",")),
    created(object, now),
  ],
};
