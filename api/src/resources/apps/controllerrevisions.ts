import { APPS } from "../../validation/groups/apps.ts";
import { count, created, NONE, name } from "../cells.ts";
import type { Resource } from "../resource.ts";

/** ControllerRevision: apps/v1. */
export const controllerrevisions: Resource = {
  group: "apps",
  resource: "controllerrevisions",
  rules: APPS["apps/ControllerRevision"],
  cells: (object, now) => {
    const owner = object.metadata?.ownerReferences?.find((reference) => reference.controller === true);
    const shown =
      owner === undefined ? NONE : `${owner.kind?.toLowerCase()}.${owner.apiVersion?.split("/")[0]}/${owner.name}`;
    return [name(object), shown, count(object, "revision"), created(object, now)];
  },
};
