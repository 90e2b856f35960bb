import { jsonEqual } from "../../patch/json-equal.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import {
  type Check,
  child,
  entriesOf,
  fields,
  isUnset,
  listOf,
  member,
  optional,
  optionalOneOf,
  required,
  text,
  type Values,
  valueAt,
} from "../check.ts";
import { allows } from "../gates-in-force.ts";
import type { KindRules, UpdateCheck } from "../kind-rules.ts";
import { dnsSubdomain } from "../names.ts";
import { accessModes, claimSpec } from "./claim-spec.ts";
import { positiveQuantity } from "./resources.ts";
import { nodeSelector } from "./scheduling.ts";
import { hostPath, nfs } from "./volumes.ts";

/** Members of a PersistentVolumeSpec that are no volume source. */
const OTHER_MEMBERS: ReadonlySet<string> = new Set([
  "capacity",
  "accessModes",
  "claimRef",
  "persistentVolumeReclaimPolicy",
  "storageClassName",
  "mountOptions",
  "volumeMode",
  "nodeAffinity",
  "volumeAttributesClassName",
]);

const SOURCES: Readonly<Record<string, Check>> = {
  hostPath,
  nfs,
  azureDisk: fields({ diskName: required(), diskURI: required() }),
  rbd: fields({ monitors: required(), image: required() }),
  scaleIO: fields({ gateway: required(), system: required(), volumeName: required() }),
  csi: fields({ driver: required(), volumeHandle: required() }),
  local: fields({ path: required() }),
  iscsi: fields({ targetPortal: required(), iqn: required() }),
};

const capacity: Check = (value, at, errors) => {
  if (isUnset(value)) errors.push(fieldError.required(at));
  const storage = member(value, "storage");
  if (storage === undefined || entriesOf(value).length > 1)
    errors.push(fieldError.notSupported(at, value ?? null, ["storage"]));
  if (storage !== undefined) positiveQuantity(storage, `${at}[storage]`, errors);
};

function sourcesOf(spec: unknown): readonly (readonly [string, unknown])[] {
  return entriesOf(spec).filter(([name, value]) => !OTHER_MEMBERS.has(name) && value !== null && value !== undefined);
}

const source: Check = (value, at, errors) => {
  const given = sourcesOf(value);
  given.forEach(([name, body], index) => {
    if (index > 0) errors.push(fieldError.forbidden(child(at, name), "may not specify more than 1 volume type"));
    else SOURCES[name]?.(body, child(at, name), errors);
  });
  if (given.length === 0) errors.push(fieldError.required(at, "must specify a volume type"));
  if (given.some(([name]) => name === "local") && isUnset(valueAt(value, "nodeAffinity.required"))) {
    errors.push(fieldError.required(child(at, "nodeAffinity"), "Local volume requires node affinity"));
  }
};

/** As of a claim, but that there are none is said in fewer words. */
const volumeModes: Check = (value, at, errors) => {
  if (isUnset(value)) errors.push(fieldError.required(at));
  else accessModes(value, at, errors);
};

const volumeSpec: Check = (value, at, errors) => {
  fields({ accessModes: volumeModes, capacity })(value, at, errors);
  source(value, at, errors);
  fields({
    nodeAffinity: optional(fields({ required: optional(nodeSelector) })),
    persistentVolumeReclaimPolicy: optionalOneOf("Delete", "Recycle", "Retain"),
    storageClassName: (name, here, found) => {
      if (!isUnset(name)) text(dnsSubdomain)(name, here, found);
    },
    volumeMode: optionalOneOf("Block", "Filesystem"),
  })(value, at, errors);
};

const sourceStays: UpdateCheck = (next, old) => {
  const now = Object.fromEntries(sourcesOf(valueAt(next, "spec")));
  const before = Object.fromEntries(sourcesOf(valueAt(old, "spec")));
  const errors: FieldError[] = [];
  if (!jsonEqual(now, before)) {
    errors.push(
      fieldError.forbidden("spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation"),
    );
  }
  return [...errors, ...volumeModeStays(next, old), ...affinityStays(next, old)];
};

/** Labels of zones and regions had other names once. */
const RENAMED: Readonly<Record<string, string>> = {
  "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
  "beta.kubernetes.io/arch": "kubernetes.io/arch",
  "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
  "beta.kubernetes.io/os": "kubernetes.io/os",
};

/** Where a volume can be used is given once. Upstream names the field without `spec`. */
function affinityStays(next: object, old: object): FieldError[] {
  const [now, before] = [valueAt(next, "spec.nodeAffinity"), valueAt(old, "spec.nodeAffinity")];
  if (before === undefined || allows("MutablePVNodeAffinity") || jsonEqual(now, before)) return [];
  if (jsonEqual(withNewLabels(now), withNewLabels(before))) return [];
  const why = "field is immutable, except for updating from beta label to GA";
  return [fieldError.invalid("nodeAffinity", now ?? null, why)];
}

function withNewLabels(affinity: unknown): unknown {
  const renamed = (expression: unknown): unknown => {
    const key = String(member(expression, "key"));
    return { ...(expression as Values), key: RENAMED[key] ?? key };
  };
  return listOf(valueAt(affinity, "required.nodeSelectorTerms")).map((term) => ({
    ...(term as Values),
    matchExpressions: listOf(member(term, "matchExpressions")).map(renamed),
  }));
}

/** Upstream names the field without `spec`. */
function volumeModeStays(next: object, old: object): FieldError[] {
  const [now, before] = [valueAt(next, "spec.volumeMode"), valueAt(old, "spec.volumeMode")];
  return now === before ? [] : [fieldError.invalid("volumeMode", now ?? null, "field is immutable")];
}

export const persistentVolume: KindRules = { state: fields({ spec: volumeSpec }), update: sourceStays };

const CLAIM_MUTABLE =
  "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";

/** The volume can be bound once, a class given once; requests grow once the claim is bound. */
const claimStays: UpdateCheck = (next, old) => {
  const [spec, before] = [valueAt(next, "spec") as Values, valueAt(old, "spec") as Values];
  const bound = valueAt(old, "status.phase") === "Bound";
  const masked = {
    ...spec,
    volumeName: isUnset(before["volumeName"]) ? before["volumeName"] : spec["volumeName"],
    storageClassName: before["storageClassName"] === undefined ? before["storageClassName"] : spec["storageClassName"],
    resources: bound
      ? { ...(spec["resources"] as Values), requests: valueAt(before, "resources.requests") }
      : spec["resources"],
    volumeAttributesClassName: bound ? before["volumeAttributesClassName"] : spec["volumeAttributesClassName"],
  };
  const errors: FieldError[] = [];
  if (!jsonEqual(present(masked), present(before))) errors.push(fieldError.forbidden("spec", CLAIM_MUTABLE));
  return [...errors, ...volumeModeStays(next, old)];
};

function present(value: Values): Values {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined && one !== null && one !== ""));
}

export const persistentVolumeClaim: KindRules = { state: fields({ spec: claimSpec }), update: claimStays };
