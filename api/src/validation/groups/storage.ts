import { jsonEqual } from "../../patch/json-equal.ts";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { fieldError } from "../../status/field-error.ts";
import {
  between,
  type Check,
  child,
  each,
  entriesOf,
  fields,
  isUnset,
  member,
  optional,
  optionalOneOf,
  required,
  text,
  unlessUnset,
  valueAt,
} from "../check.ts";
import { immutable, type RuleTable, type UpdateCheck } from "../kind-rules.ts";
import { labelSelector } from "../label-selectors.ts";
import { dnsSubdomain } from "../names.ts";

const driverName: Check = required((value, at, errors) => {
  if (String(value).length > 63) errors.push(fieldError.tooLong(at, 63));
  text(dnsSubdomain)(String(value).toLowerCase(), at, errors);
});

const provisioner: Check = required((value, at, errors) => {
  for (const problem of labelKeyProblems(String(value).toLowerCase()))
    errors.push(fieldError.invalid(at, value, problem));
});

const parameters: Check = (value, at, errors) => {
  if (entriesOf(value).some(([key]) => key === "")) errors.push(fieldError.invalid(at, "", "field must be non-empty"));
};

const attachmentSource: Check = (value, at, errors) => {
  const [inline, name] = [member(value, "inlineVolumeSpec"), member(value, "persistentVolumeName")];
  if (inline === undefined && isUnset(name))
    errors.push(fieldError.required(at, "must specify exactly one of inlineVolumeSpec and persistentVolumeName"));
  if (inline !== undefined && !isUnset(name))
    errors.push(fieldError.forbidden(at, "must specify exactly one of inlineVolumeSpec and persistentVolumeName"));
};

const attachmentSpec: Check = (value, at, errors) => {
  attachmentSource(member(value, "source"), child(at, "source"), errors);
  text(dnsSubdomain)(member(value, "nodeName"), child(at, "nodeName"), errors);
  required()(member(value, "attacher"), child(at, "attacher"), errors);
};

/** The parameters are what the class means. */
const classStays: UpdateCheck = (next, old) => {
  const errors = jsonEqual(valueAt(next, "parameters") ?? null, valueAt(old, "parameters") ?? null)
    ? []
    : [fieldError.forbidden("parameters", "updates to parameters are forbidden.")];
  for (const name of ["provisioner"]) {
    if (valueAt(next, name) !== valueAt(old, name))
      errors.push(fieldError.forbidden(name, `updates to ${name} are forbidden.`));
  }
  if (valueAt(next, "reclaimPolicy") !== valueAt(old, "reclaimPolicy")) {
    errors.push(fieldError.forbidden("reclaimPolicy", "updates to reclaimPolicy are forbidden."));
  }
  return [
    ...errors,
    ...immutable("volumeBindingMode")(next, old, {
      kind: { group: "storage.k8s.io", version: "v1", kind: "StorageClass" },
    }),
  ];
};

export const STORAGE: RuleTable = {
  "storage.k8s.io/CSIDriver": {
    state: fields({
      spec: fields({
        fsGroupPolicy: optionalOneOf("File", "None", "ReadWriteOnceWithFSType"),
        nodeAllocatableUpdatePeriodSeconds: optional(between(10, Number.MAX_SAFE_INTEGER)),
        volumeLifecycleModes: each(optionalOneOf("Ephemeral", "Persistent")),
      }),
    }),
    update: immutable("spec.attachRequired", "spec.fsGroupPolicy", "spec.volumeLifecycleModes"),
  },
  "storage.k8s.io/CSINode": {
    state: fields({ spec: fields({ drivers: each(fields({ name: driverName, nodeID: required() })) }) }),
  },
  "storage.k8s.io/CSIStorageCapacity": {
    state: fields({ storageClassName: text(dnsSubdomain), nodeTopology: optional(labelSelector) }),
    update: immutable("nodeTopology", "storageClassName"),
  },
  "storage.k8s.io/StorageClass": {
    state: fields({
      provisioner,
      parameters,
      reclaimPolicy: unlessUnset(optionalOneOf("Delete", "Retain")),
      volumeBindingMode: (value, at, errors) => {
        if (value === undefined) errors.push(fieldError.required(at));
        else optionalOneOf("Immediate", "WaitForFirstConsumer")(value, at, errors);
      },
    }),
    update: classStays,
  },
  "storage.k8s.io/VolumeAttachment": { state: fields({ spec: attachmentSpec }), update: immutable("spec") },
  "storage.k8s.io/VolumeAttributesClass": {
    state: fields({ driverName, parameters: required(parameters) }),
    update: immutable("driverName", "parameters"),
  },
  "storagemigration.k8s.io/StorageVersionMigration": {
    state: fields({ spec: fields({ resource: fields({ resource: required() }) }) }),
    update: immutable("spec"),
  },
};
