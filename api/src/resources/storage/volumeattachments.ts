import { STORAGE } from "../../validation/groups/storage.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { booleanAt, created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** VolumeAttachment: storage.k8s.io/v1. */
export const volumeattachments: Resource = {
  group: "storage.k8s.io",
  resource: "volumeattachments",
  isUnreconciled: true,
  unconditionalUpdate: false,
  returnsDeleted: true,
  rules: STORAGE["storage.k8s.io/VolumeAttachment"],
  statusRules: STATUSES["storage.k8s.io/VolumeAttachment"],
  cells: (object, now) => [
    name(object),
    textAt(object, "spec.attacher"),
    textAt(object, "spec.source.persistentVolumeName"),
    textAt(object, "spec.nodeName"),
    booleanAt(object, "status.attached", false),
    created(object, now),
  ],
};
