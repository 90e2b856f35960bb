import { fieldError } from "../../status/field-error.ts";
import {
  type Check,
  child,
  element,
  exactlyOneOf,
  fields,
  isUnset,
  listOf,
  member,
  optional,
  text,
  unlessUnset,
} from "../check.ts";
import { labelSelector } from "../label-selectors.ts";
import { dnsSubdomain } from "../names.ts";
import { positiveQuantity } from "./resources.ts";

const ACCESS_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"] as const;

export const accessModes: Check = (value, at, errors) => {
  const modes = listOf(value);
  if (modes.length === 0) return void errors.push(fieldError.required(at, "at least 1 access mode is required"));
  for (const mode of modes)
    if (!ACCESS_MODES.includes(mode as never)) errors.push(fieldError.notSupported(at, mode, ACCESS_MODES));
  if (modes.includes("ReadWriteOncePod") && modes.length > 1) {
    errors.push(fieldError.forbidden(at, "may not use ReadWriteOncePod with other access modes"));
  }
};

const storageRequest: Check = (value, at, errors) => {
  const storage = member(member(value, "requests"), "storage");
  if (storage === undefined) errors.push(fieldError.required(element(at, "storage")));
  else positiveQuantity(storage, element(at, "storage"), errors);
};

const dataSource: Check = (value, at, errors) => {
  for (const name of ["name", "kind"])
    if (isUnset(member(value, name))) errors.push(fieldError.required(child(at, name)));
  if (isUnset(member(value, "apiGroup")) && member(value, "kind") !== "PersistentVolumeClaim") {
    errors.push(
      fieldError.invalid(
        at,
        member(value, "kind") ?? "",
        "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
      ),
    );
  }
};

const source: Check = (value, at, errors) => {
  dataSource(value, at, errors);
  fields({ apiGroup: unlessUnset(text(dnsSubdomain)) })(value, at, errors);
};

/** Upstream shows nothing of the spec. */
const sameSources: Check = (value, at, errors) => {
  const [local, reference] = [member(value, "dataSource"), member(value, "dataSourceRef")];
  if (local === undefined || reference === undefined) return;
  if (!isUnset(member(reference, "namespace"))) {
    return void errors.push(
      fieldError.invalid(at, {}, "may not be specified when dataSourceRef.namespace is specified"),
    );
  }
  const differs =
    member(local, "apiGroup") !== member(reference, "apiGroup") ||
    ["kind", "name"].some((name) => (member(local, name) ?? "") !== (member(reference, name) ?? ""));
  if (differs) errors.push(fieldError.invalid(at, {}, "must match dataSourceRef"));
};

/** core/v1.PersistentVolumeClaimSpec. */
export const claimSpec: Check = (value, at, errors) => {
  fields({
    accessModes,
    selector: optional(labelSelector),
    resources: storageRequest,
    storageClassName: optional((name, here, found) => {
      if (name !== "") text(dnsSubdomain)(name, here, found);
    }),
    volumeMode: optional(exactlyOneOf("Block", "Filesystem")),
    dataSource: optional(source),
    dataSourceRef: optional(source),
  })(value, at, errors);
  sameSources(value, at, errors);
};
