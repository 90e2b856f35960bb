import { fieldError } from "../../status/field-error.ts";
import { type Check, child, fields, isUnset, listOf, member, optional } from "../check.ts";
import { fieldReference, resourceReference } from "./references.ts";
import { fileMode, localPath, userId } from "./volume-files.ts";

const PATHS = ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

/** A file of what a pod is told of itself. Upstream names no index, so neither does `at`. */
const downwardApiFile: Check = (value, at, errors) => {
  const path = member(value, "path");
  if (isUnset(path)) errors.push(fieldError.required(child(at, "path")));
  localPath(path, child(at, "path"), errors);
  const [field, resource] = [member(value, "fieldRef"), member(value, "resourceFieldRef")];
  if (field !== undefined) {
    fieldReference(PATHS)(field, child(at, "fieldRef"), errors);
    if (resource !== undefined)
      errors.push(
        fieldError.invalid(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"),
      );
  } else if (resource !== undefined) resourceReference(true)(resource, child(at, "resourceFieldRef"), errors);
  else errors.push(fieldError.required(at, "one of fieldRef and resourceFieldRef is required"));
  fields({ mode: optional(fileMode), user: optional(userId) })(value, at, errors);
};

/** `items` of a downward API volume or projection. */
export const downwardApiFiles: Check = (value, at, errors) => {
  for (const one of listOf(member(value, "items"))) downwardApiFile(one, at, errors);
};
