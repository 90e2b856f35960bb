import { STORAGE } from "../../validation/groups/storage.ts";
import { storageCapacityWarnings } from "../../warnings/storage.ts";
import type { Resource } from "../resource.ts";

/** CSIStorageCapacity: storage.k8s.io/v1. */
export const csistoragecapacities: Resource = {
  group: "storage.k8s.io",
  resource: "csistoragecapacities",
  isUnreconciled: true,
  unconditionalUpdate: false,
  rules: STORAGE["storage.k8s.io/CSIStorageCapacity"],
  warnings: storageCapacityWarnings,
};
