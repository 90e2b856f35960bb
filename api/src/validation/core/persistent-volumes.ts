import { jsonEqual } from "../../patch/json-equal.ts";
import { compareQuantities, parseQuantity } from "../../quantity.ts";
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
  requiredWith,
  text,
  unlessUnset,
  type Values,
  valueAt,
} from "../check.ts";
import { allows } from "../gates-in-force.ts";
import type { KindRules, UpdateCheck } from "../kind-rules.ts";
import { dnsSubdomain } from "../names.ts";
import { accessModes, claimSpec } from "./claim-spec.ts";
import { basicQuantity, positiveQuantity } from "./resources.ts";
import { nodeSelector } from "./scheduling.ts";
import { withStructDiff } from "./struct-diff.ts";
import * as sources from "./volume-sources.ts";

/** @param name The volume's own: iSCSI joins it with the portal. */
function sourcesOfVolume(name: string): readonly sources.VolumeSource[] {
  return [
    { name: "hostPath", check: sources.hostPath },
    { name: "gcePersistentDisk", check: sources.gcePersistentDisk, shown: "persistentDisk" },
    { name: "awsElasticBlockStore", check: sources.awsElasticBlockStore },
    { name: "glusterfs", check: sources.persistentGlusterfs },
    { name: "flocker", check: sources.flocker },
    { name: "nfs", check: sources.nfs },
    { name: "rbd", check: sources.rbd },
    { name: "quobyte", check: sources.quobyte },
    { name: "cephfs", check: sources.cephfs, known: "cephFS" },
    { name: "iscsi", check: sources.persistentIscsi(name) },
    { name: "cinder", check: sources.persistentCinder },
    { name: "fc", check: sources.fc },
    { name: "flexVolume", check: sources.flexVolume, joins: true },
    { name: "azureFile", check: sources.persistentAzureFile },
    { name: "vsphereVolume", check: sources.vsphereVolume },
    { name: "photonPersistentDisk", check: sources.photonPersistentDisk },
    { name: "portworxVolume", check: sources.portworxVolume },
    { name: "azureDisk", check: sources.azureDisk },
    { name: "scaleIO", check: sources.scaleIO },
    { name: "local", check: sources.local },
    { name: "storageos", check: sources.persistentStorageos },
    { name: "csi", check: sources.persistentCsi },
  ];
}

const SOURCE_NAMES = sourcesOfVolume("").map(({ name }) => name);

const capacity: Check = (value, at, errors) => {
  if (isUnset(value)) errors.push(fieldError.required(at));
  if (member(value, "storage") === undefined || entriesOf(value).length > 1)
    errors.push(fieldError.notSupported(at, value ?? null, ["storage"]));
  for (const [name, amount] of entriesOf(value)) {
    basicQuantity(amount, `${at}[${name}]`, errors);
    positiveQuantity(amount, `${at}[${name}]`, errors);
  }
};

/** As of a claim, but that there are none is said in fewer words. */
const volumeModes: Check = (value, at, errors) => {
  if (isUnset(value)) errors.push(fieldError.required(at));
  else accessModes(value, at, errors);
};

const nodeAffinity: Check = (value, at, errors) => {
  const here = child(at, "required");
  const selector = member(value, "required");
  if (selector === undefined) errors.push(fieldError.required(here, "must specify required node constraints"));
  else nodeSelector(selector, here, errors);
};

const attributesClass: Check = (spec, at, errors) => {
  const name = member(spec, "volumeAttributesClassName");
  if (name === undefined) return;
  requiredWith("an empty string is disallowed", text(dnsSubdomain))(
    name,
    child(at, "volumeAttributesClassName"),
    errors,
  );
  if (member(spec, "csi") === undefined)
    errors.push(fieldError.required(child(at, "csi"), "has to be specified when using volumeAttributesClassName"));
};

/** core/v1.PersistentVolumeSpec. @param name The volume's own. */
function volumeSpec(name: string): Check {
  return (value, at, errors) => {
    fields({
      accessModes: volumeModes,
      capacity,
      persistentVolumeReclaimPolicy: unlessUnset(optionalOneOf("Delete", "Recycle", "Retain")),
      nodeAffinity: optional(nodeAffinity),
    })(value, at, errors);
    volumeSource(name, value, at, errors);
    fields({
      storageClassName: unlessUnset(text(dnsSubdomain)),
      volumeMode: optional(oneOfModes),
    })(value, at, errors);
    attributesClass(value, at, errors);
  };
}

const INLINE_WHY = "may not be specified in the context of inline volumes";

/** A volume that stands in a VolumeAttachment: such as were part of pods before they were volumes of a CSI driver. */
export const inlineVolume: Check = (value, at, errors) => {
  const forbidden: Check = unlessUnset(
    (_value, here, found) => void found.push(fieldError.forbidden(here, INLINE_WHY)),
  );
  fields({ persistentVolumeReclaimPolicy: forbidden, capacity: forbidden })(value, at, errors);
  if (member(value, "csi") === undefined)
    errors.push(fieldError.required(child(at, "csi"), "has to be specified in the context of inline volumes"));
  fields({ accessModes: volumeModes, nodeAffinity: optional(nodeAffinity) })(value, at, errors);
  volumeSource("", value, at, errors);
  fields({ storageClassName: forbidden, volumeMode: forbidden })(value, at, errors);
};

const oneOfModes: Check = (value, at, errors) => {
  if (value !== "Block" && value !== "Filesystem")
    errors.push(fieldError.notSupported(at, value, ["Block", "Filesystem"]));
};

function volumeSource(name: string, spec: unknown, at: string, errors: FieldError[]): void {
  const before = errors.length;
  sources.oneSource(sourcesOfVolume(name))(spec, at, errors);
  if (member(spec, "local") !== undefined && member(spec, "nodeAffinity") === undefined) {
    const lacks = fieldError.required(child(at, "nodeAffinity"), "Local volume requires node affinity");
    // said where the source is looked at, before what comes after it
    const storage = errors.findIndex((error, index) => index >= before && /\.(storageos|csi)$/.test(error.field));
    errors.splice(storage < 0 ? errors.length : storage, 0, lacks);
  }
  const path = String(valueAt(spec, "hostPath.path") ?? "x");
  if (/^\/+\.?$/.test(path) && member(spec, "persistentVolumeReclaimPolicy") === "Recycle") {
    const why = "may not be 'recycle' for a hostPath mount of '/'";
    errors.push(fieldError.forbidden(child(at, "persistentVolumeReclaimPolicy"), why));
  }
}

const state: Check = (object, _at, errors) =>
  volumeSpec(String(valueAt(object, "metadata.name") ?? ""))(member(object, "spec"), "spec", errors);

function sourceOf(object: object): Values {
  const spec = (valueAt(object, "spec") ?? {}) as Values;
  return Object.fromEntries(SOURCE_NAMES.flatMap((name) => (spec[name] == null ? [] : [[name, spec[name]]])));
}

const SOURCE_STAYS = "spec.persistentvolumesource is immutable after creation";

const sourceStays: UpdateCheck = (next, old) => {
  const [now, before] = [withoutNewSecret(sourceOf(next), sourceOf(old)), sourceOf(old)];
  const moved = jsonEqual(now, before)
    ? []
    : [fieldError.forbidden("spec.persistentvolumesource", withStructDiff(SOURCE_STAYS, before, now))];
  const attributes = "spec.volumeAttributesClassName";
  const isDropped = valueAt(old, attributes) !== undefined && valueAt(next, attributes) === undefined;
  return [
    ...moved,
    ...volumeModeStays(next, old),
    ...affinityStays(next, old),
    ...(isDropped ? [fieldError.forbidden(attributes, "update from non-nil value to nil is forbidden")] : []),
  ];
};

/** A driver may be given the secret to grow its volume later. */
function withoutNewSecret(now: Values, before: Values): Values {
  const secret = "controllerExpandSecretRef";
  if (before["csi"] === undefined || member(before["csi"], secret) !== undefined) return now;
  const { [secret]: _secret, ...csi } = (now["csi"] ?? {}) as Values;
  return now["csi"] === undefined ? now : { ...now, csi };
}

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

export const persistentVolume: KindRules = { state, update: sourceStays };

const CLAIM_MUTABLE =
  "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
const STORAGE_CLASS = "volume.beta.kubernetes.io/storage-class";

/** The volume can be bound once, a class given once; requests grow once the claim is bound. */
const claimStays: UpdateCheck = (next, old) => {
  const [spec, before] = [valueAt(next, "spec") as Values, valueAt(old, "spec") as Values];
  const bound = valueAt(next, "status.phase") === "Bound";
  const was = { ...before, ...(isUnset(before["volumeName"]) && { volumeName: spec["volumeName"] }) };
  const masked = {
    ...spec,
    ...(classIsGiven(next, old) && { storageClassName: before["storageClassName"] }),
    ...(bound && { volumeAttributesClassName: before["volumeAttributesClassName"] }),
    ...(bound && valueAt(spec, "resources.requests") !== undefined && { resources: grown(spec, before) }),
  };
  const [now, then] = [present(masked), present(was)];
  const errors = annotationStays(next, old);
  if (!jsonEqual(now, then)) errors.push(fieldError.forbidden("spec", withStructDiff(CLAIM_MUTABLE, then, now)));
  return [...errors, ...sizeOnlyGrows(next, old), ...volumeModeStays(next, old), ...attributesStay(next, old)];
};

function grown(spec: Values, before: Values): Values {
  const requests = {
    ...(valueAt(spec, "resources.requests") as Values),
    storage: valueAt(before, "resources.requests.storage"),
  };
  return { ...(spec["resources"] as Values), requests };
}

/** A claim without a class, or with one in its annotation, may be told it. */
function classIsGiven(next: object, old: object): boolean {
  const [name, annotated] = [valueAt(next, "spec.storageClassName"), annotationOf(old)];
  return (
    name !== undefined &&
    valueAt(old, "spec.storageClassName") === undefined &&
    (annotated === undefined || annotated === name)
  );
}

function annotationOf(object: object): unknown {
  return member(valueAt(object, "metadata.annotations"), STORAGE_CLASS);
}

function annotationStays(next: object, old: object): FieldError[] {
  const [now, before] = [annotationOf(next), annotationOf(old)];
  const isUpgrade = before !== undefined && classIsGiven(next, old) && (now === undefined || now === before);
  if (isUpgrade || (now ?? "") === (before ?? "")) return [];
  return [fieldError.invalid(`metadata.annotations.${STORAGE_CLASS}`, now ?? "", "field is immutable")];
}

function sizeOnlyGrows(next: object, old: object): FieldError[] {
  const at = "spec.resources.requests.storage";
  const [now, before, status] = [quantityAt(next, at), quantityAt(old, at), quantityAt(old, "status.capacity.storage")];
  if (compareQuantities(now, before) >= 0 || compareQuantities(now, status) > 0) return [];
  return [fieldError.forbidden(at, "field can not be less than status.capacity")];
}

function quantityAt(object: object, path: string) {
  return parseQuantity(String(valueAt(object, path) ?? "0"));
}

function attributesStay(next: object, old: object): FieldError[] {
  const at = "spec.volumeAttributesClassName";
  const [now, before] = [valueAt(next, at), valueAt(old, at)];
  if (now === before || valueAt(old, "status.currentVolumeAttributesClassName") === undefined) return [];
  const to = now === undefined ? "nil" : now === "" ? "empty string" : undefined;
  if (to === undefined) return [];
  return [
    fieldError.forbidden(at, `update to ${to} is forbidden when status.currentVolumeAttributesClassName is not nil`),
  ];
}

/** Absent and null are one to the API's types, and for what is no pointer there also "". */
function present(value: Values): Values {
  const isThere = (name: string, one: unknown): boolean =>
    one !== undefined && one !== null && (name !== "volumeName" || one !== "");
  return Object.fromEntries(Object.entries(value).filter(([name, one]) => isThere(name, one)));
}

const statusOfClaim: UpdateCheck = (next) => {
  const errors: FieldError[] = [];
  if (isUnset(valueAt(next, "spec.accessModes"))) errors.push(fieldError.required("Spec.accessModes"));
  for (const [name, amount] of entriesOf(valueAt(next, "status.capacity")))
    basicQuantity(amount, `status.capacity[${name}]`, errors);
  return errors;
};

export const persistentVolumeClaim: KindRules = {
  state: fields({ spec: claimSpec }),
  update: claimStays,
  subresources: { status: statusOfClaim },
};
