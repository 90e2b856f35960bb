import { STORAGE } from "../../validation/groups/storage.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { conditionOf, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** StorageVersionMigration: storagemigration.k8s.io/v1, storagemigration.k8s.io/v1beta1. */
export const storageversionmigrations: Resource = {
  group: "storagemigration.k8s.io",
  resource: "storageversionmigrations",
  gate: "StorageVersionMigrator",
  unconditionalUpdate: false,
  rules: STORAGE["storagemigration.k8s.io/StorageVersionMigration"],
  statusRules: STATUSES["storagemigration.k8s.io/StorageVersionMigration"],
  cells: (object) => {
    const [group, resource] = ["group", "resource"].map((field) => textAt(object, `spec.resource.${field}`));
    const state = ["Succeeded", "Failed", "Running"].find((type) => conditionOf(object, type).status === "True");
    return [name(object), group === "" ? resource : `${resource}.${group}`, state ?? "Unknown"];
  },
  versions: {
    v1beta1: { lifetime: { since: 37, until: 40, use: "storagemigration.k8s.io/v1 StorageVersionMigration" } },
  },
};
