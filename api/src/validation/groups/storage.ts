import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { fieldError } from "../../status/field-error.ts";
import {
  all,
  between,
  type Check,
  child,
  each,
  element,
  entriesOf,
  fields,
  listOf,
  member,
  optional,
  optionalOneOf,
  required,
  requiredWith,
  run,
  text,
  unique,
  uniqueElements,
  unlessUnset,
  valueAt,
} from "../check.ts";
import { inlineVolume } from "../core/persistent-volumes.ts";
import { driverName } from "../core/volume-sources.ts";
import { changed, frozen, immutable, type RuleTable, type UpdateCheck, updates } from "../kind-rules.ts";
import { labelSelector } from "../label-selectors.ts";
import { caselessSubdomain, dns1035Label, dnsSubdomain } from "../names.ts";

const LONGEST_DRIVER = 63;

const provisioner: Check = required((value, at, errors) => {
  for (const problem of labelKeyProblems(String(value).toLowerCase()))
    errors.push(fieldError.invalid(at, String(value).toLowerCase(), problem));
});

const parameters: Check = (value, at, errors) => {
  if (entriesOf(value).some(([key]) => key === "")) errors.push(fieldError.invalid(at, "", "field must be non-empty"));
};

const ONE_SOURCE = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";

const attachmentSource: Check = (value, at, errors) => {
  const [inline, name] = [member(value, "inlineVolumeSpec"), member(value, "persistentVolumeName")];
  if (inline === undefined && name === undefined) return void errors.push(fieldError.required(at, ONE_SOURCE));
  if (inline !== undefined && name !== undefined) return void errors.push(fieldError.forbidden(at, ONE_SOURCE));
  if (inline !== undefined) return void inlineVolume(inline, child(at, "inlineVolumeSpec"), errors);
  if (name === "")
    errors.push(fieldError.required(child(at, "persistentVolumeName"), "must specify non empty persistentVolumeName"));
};

const attachmentSpec: Check = all(
  fields({ source: attachmentSource, nodeName: text(dnsSubdomain) }),
  fields({ source: fields({ persistentVolumeName: optional(text(dnsSubdomain)) }) }),
);

/** Of new attachments, as types declare it of themselves: in other words than of those that are. */
const newAttacher: Check = required((value, at, errors) => {
  text(caselessSubdomain)(value, at, errors);
  if (String(value).length > LONGEST_DRIVER) errors.push(fieldError.tooLong(at, LONGEST_DRIVER, "characters"));
});

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

const LIFECYCLES = ["Persistent", "Ephemeral"];

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

const topologyTerm: Check = fields({
  matchLabelExpressions: (value, at, errors) => {
    const requirement = fields({ values: required(uniqueElements(undefined)), key: text(labelKeyProblems) });
    const keys = new Set<unknown>();
    listOf(value).forEach((item, index) => {
      const here = element(at, index);
      const key = member(item, "key") ?? "";
      requirement(item, here, errors);
      if (keys.has(key)) errors.push(fieldError.duplicate(child(here, "key"), key));
      keys.add(key);
    });
  },
});

/** An empty term counts as one that was there before. */
const allowedTopologies: Check = (value, at, errors) => {
  const seen = new Set<string>([selectedBy({})]);
  listOf(value).forEach((term, index) => {
    const here = element(at, index);
    topologyTerm(term, here, errors);
    const selected = selectedBy(term);
    if (seen.has(selected)) errors.push(fieldError.duplicate(child(here, "matchLabelExpressions"), ""));
    seen.add(selected);
  });
};

/** The same for terms that say the same in another order. */
function selectedBy(term: unknown): string {
  const expressions = listOf(member(term, "matchLabelExpressions"));
  const byKey = new Map(
    expressions.map((one) => [String(member(one, "key") ?? ""), [...new Set(listOf(member(one, "values")))].sort()]),
  );
  return JSON.stringify([...byKey].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const migratedResource: Check = fields({
  group: unlessUnset(text(dnsSubdomain)),
  resource: requiredWith("resource is required to be set", text(dns1035Label)),
});

export const STORAGE = {
  "storage.k8s.io/CSIDriver": {
    state: fields({
      spec: fields({
        fsGroupPolicy: optionalOneOf("File", "None", "ReadWriteOnceWithFSType"),
        nodeAllocatableUpdatePeriodSeconds: optional(between(10, Number.MAX_SAFE_INTEGER)),
        volumeLifecycleModes: lifecycleModes,
        tokenRequests: unique("audience"),
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
      allowedTopologies,
      reclaimPolicy: unlessUnset(optionalOneOf("Delete", "Retain")),
      volumeBindingMode: (value, at, errors) => {
        if (value === undefined) errors.push(fieldError.required(at));
        else optionalOneOf("Immediate", "WaitForFirstConsumer")(value, at, errors);
      },
    }),
    update: updates(parametersStay, frozen("provisioner", "reclaimPolicy", "volumeBindingMode")),
  },
  "storage.k8s.io/VolumeAttachment": {
    state: fields({ spec: attachmentSpec }),
    create: fields({ spec: fields({ attacher: newAttacher }) }),
    updateState: (next) => run(fields({ spec: all(fields({ attacher: driverName }), attachmentSpec) }), next),
    update: frozen("spec"),
  },
  "storage.k8s.io/VolumeAttributesClass": {
    state: fields({
      driverName: provisioner,
      parameters: requiredWith("must contain at least one key/value pair", parameters),
    }),
    updateFirst: true,
    update: attributesStay,
  },
  "storagemigration.k8s.io/StorageVersionMigration": {
    state: fields({ spec: fields({ resource: migratedResource }) }),
    update: immutable("spec"),
  },
} satisfies RuleTable;
