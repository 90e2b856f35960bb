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
  listOf,
  member,
  optional,
  optionalOneOf,
  required,
  text,
  unlessUnset,
  valueAt,
} from "../check.ts";
import { changed, immutable, type RuleTable, type UpdateCheck, updates } from "../kind-rules.ts";
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
const parametersStay: UpdateCheck = (next, old) =>
  changed(next, old, "parameters") ? [fieldError.forbidden("parameters", "updates to parameters are forbidden.")] : [];

/** Upstream words this one as forbidden where others are invalid. */
const attributesStay: UpdateCheck = (next, old) =>
  ["driverName", "parameters"]
    .filter((name) => changed(next, old, name))
    .map((name) => fieldError.forbidden(name, `updates to ${name} are forbidden.`));

/** Upstream misspells the field. */
const attachStays: UpdateCheck = (next, old) =>
  changed(next, old, "spec.attachRequired")
    ? [fieldError.invalid("spec.attachedRequired", valueAt(next, "spec.attachRequired"), "field is immutable")]
    : [];

const LIFECYCLES = ["Ephemeral", "Persistent"];

const lifecycleModes: Check = (value, at, errors) => {
  for (const mode of listOf(value))
    if (!LIFECYCLES.includes(String(mode))) errors.push(fieldError.notSupported(at, mode, LIFECYCLES));
};

/** Drivers come and go, but one that is there does not change. */
const driversStay: UpdateCheck = (next, old) => {
  const before = listOf(valueAt(old, "spec.drivers"));
  return listOf(valueAt(next, "spec.drivers"))
    .filter((driver) =>
      before.some(
        (one) => member(one, "name") === member(driver, "name") && member(one, "nodeID") !== member(driver, "nodeID"),
      ),
    )
    .map((driver) => fieldError.invalid("spec.drivers", driver, "field is immutable"));
};

export const STORAGE: RuleTable = {
  "storage.k8s.io/CSIDriver": {
    state: fields({
      spec: fields({
        fsGroupPolicy: optionalOneOf("File", "None", "ReadWriteOnceWithFSType"),
        nodeAllocatableUpdatePeriodSeconds: optional(between(10, Number.MAX_SAFE_INTEGER)),
        volumeLifecycleModes: lifecycleModes,
      }),
    }),
    update: updates(attachStays, immutable("spec.volumeLifecycleModes")),
  },
  "storage.k8s.io/CSINode": {
    state: fields({ spec: fields({ drivers: each(fields({ name: driverName, nodeID: required() })) }) }),
    update: driversStay,
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
    update: updates(parametersStay, immutable("provisioner", "reclaimPolicy", "volumeBindingMode")),
  },
  "storage.k8s.io/VolumeAttachment": { state: fields({ spec: attachmentSpec }), update: immutable("spec") },
  "storage.k8s.io/VolumeAttributesClass": {
    state: fields({ driverName, parameters: required(parameters) }),
    update: attributesStay,
  },
  "storagemigration.k8s.io/StorageVersionMigration": {
    state: fields({ spec: fields({ resource: fields({ resource: required() }) }) }),
    update: immutable("spec"),
  },
};
