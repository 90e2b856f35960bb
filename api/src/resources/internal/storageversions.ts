import { STORAGE_VERSIONS } from "../../validation/groups/storage-versions.ts";
import { created, listAt, name, or, shortList, UNSET } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** StorageVersion: internal.apiserver.k8s.io/v1alpha1. */
export const storageversions: Resource = {
  group: "internal.apiserver.k8s.io",
  resource: "storageversions",
  isUnreconciled: true,
  unconditionalUpdate: false,
  rules: STORAGE_VERSIONS["internal.apiserver.k8s.io/StorageVersion"],
  cells: (object, now) => [
    name(object),
    or(textAt(object, "status.commonEncodingVersion"), UNSET),
    or(
      shortList(
        listAt<{ readonly apiServerID?: string; readonly encodingVersion?: string }>(
          object,
          "status.storageVersions",
        ).map(({ apiServerID, encodingVersion }) => `${apiServerID}=${encodingVersion}`),
      ),
      UNSET,
    ),
    created(object, now),
  ],
};
