import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from "../../generated/types/meta-v1.ts";
import type { Unstructured } from "../object.ts";
import { jsonEqual } from "../patch/json-equal.ts";
import { parseApiVersion } from "../schema.ts";
import { schemaOf } from "../schema-of.ts";
import { labelKeyProblems, labelValueProblems } from "../selectors/label-syntax.ts";
import { type FieldError, fieldError } from "../status/field-error.ts";
import type { Check, Problems } from "./check.ts";
import { managerErrors } from "./manager-name.ts";
import { dnsLabel, dnsSubdomain, pathSegment, pathSegmentPart } from "./names.ts";
import { typedValue } from "./typed-value.ts";

const MAX_ANNOTATION_BYTES = 262_144;
const STANDARD_FINALIZERS: ReadonlySet<string> = new Set(["kubernetes", "orphan", "foregroundDeletion"]);

/** metadata of an object to be created. */
export function validateMeta(object: Unstructured, nameProblems: Problems = dnsSubdomain): FieldError[] {
  const meta = object.metadata ?? {};
  const errors = nameErrors(meta, nameProblems);
  if (meta.namespace === "") errors.push(fieldError.required("metadata.namespace")); // of what has one
  if (Number(meta.generation ?? 0) < 0) {
    errors.push(fieldError.invalid("metadata.generation", meta.generation, "must be greater than or equal to 0"));
  }
  return [...errors, ...contentErrors(meta, object)];
}

/** metadata of an object that stands within another one. */
export function embeddedMetadataErrors(meta: ObjectMeta, at: string): FieldError[] {
  const named = (meta.name ?? "") === "" ? { ...meta, name: "x" } : meta;
  const namespace = meta.namespace ?? "";
  const spaces = namespace === "" ? [] : dnsLabel(namespace);
  return [
    ...nameErrors(named, pathSegment),
    ...spaces.map((problem) => fieldError.invalid("metadata.namespace", namespace, problem)),
    ...contentErrors(named, {} as Unstructured),
  ].map((error) => ({ ...error, field: error.field.replace(/^metadata/, () => at) }));
}

function nameErrors({ name = "", generateName = "" }: ObjectMeta, problems: Problems): FieldError[] {
  const errors = prefixErrors(generateName, problems);
  if (name === "") errors.push(fieldError.required("metadata.name", "name or generateName is required"));
  else for (const problem of problems(name)) errors.push(fieldError.invalid("metadata.name", name, problem));
  return errors;
}

/** What keeps a generateName from being the beginning of names of a form. */
export function prefixErrors(generateName: string, problems: Problems): FieldError[] {
  if (generateName === "") return [];
  const form = problems === pathSegment ? pathSegmentPart : problems;
  return form(maskTrailingDash(generateName)).map((problem) =>
    fieldError.invalid("metadata.generateName", generateName, problem),
  );
}

/** A prefix may end in a dash where the name may not. */
function maskTrailingDash(prefix: string): string {
  return prefix.length > 1 && prefix.endsWith("-") ? `${prefix.slice(0, -2)}a` : prefix;
}

function contentErrors(meta: ObjectMeta, object: Unstructured): FieldError[] {
  const errors: FieldError[] = [];
  labels(meta.labels, "metadata.labels", errors);
  annotations(meta.annotations, "metadata.annotations", errors);
  errors.push(
    ...ownerErrors(meta.ownerReferences ?? []),
    ...finalizerErrors(meta.finalizers ?? [], wantsQualified(object)),
    ...(meta.managedFields ?? []).flatMap((entry, index) => managedErrors(entry, `metadata.managedFields[${index}]`)),
  );
  return errors;
}

const MAX_SUBRESOURCE_BYTES = 256;

/** Entries that are no managers at all are gone before. */
function managedErrors({ manager = "", subresource = "" }: ManagedFieldsEntry, at: string): FieldError[] {
  const errors = managerErrors(manager, `${at}.manager`);
  if (byteLength(subresource) > MAX_SUBRESOURCE_BYTES)
    errors.push(fieldError.tooLong(`${at}.subresource`, MAX_SUBRESOURCE_BYTES));
  return errors;
}

const ANY_FINALIZER: ReadonlySet<string> = new Set([
  ...["apiextensions.k8s.io", "apiregistration.k8s.io", "admissionregistration.k8s.io", "coordination.k8s.io"],
  ...["node.k8s.io", "PodDisruptionBudget"],
]);

/** Most kinds of Kubernetes itself take short finalizers only where they are known; some, and custom resources, take any. */
function wantsQualified({ apiVersion = "", kind = "" }: Unstructured): boolean {
  const { group, version } = parseApiVersion(apiVersion);
  if (ANY_FINALIZER.has(group) || ANY_FINALIZER.has(kind) || (group === "" && kind === "Event")) return false;
  return schemaOf({ group, version, kind }) !== undefined;
}

/** A map of labels; errors carry no key in their field, as upstream's. */
export const labels: Check = (value, at, errors) => {
  for (const [key, text] of Object.entries((value ?? {}) as Record<string, string>)) {
    for (const problem of labelKeyProblems(key)) errors.push(fieldError.invalid(at, key, problem));
    for (const problem of labelValueProblems(text)) errors.push(fieldError.invalid(at, text, problem));
  }
};

/** Keys are qualified names whose case does not matter; keys and values together are at most 256 KiB. */
export const annotations: Check = (value, at, errors) => {
  let size = 0;
  for (const [key, text] of Object.entries((value ?? {}) as Record<string, string>)) {
    for (const problem of labelKeyProblems(key.toLowerCase())) errors.push(fieldError.invalid(at, key, problem));
    size += byteLength(key) + byteLength(text);
  }
  if (size > MAX_ANNOTATION_BYTES) errors.push(fieldError.tooLong(at, MAX_ANNOTATION_BYTES));
};

/** Length in UTF-8. */
export function byteLength(text: string): number {
  return text.length < 1024 && !/[^\x00-\x7f]/.test(text) ? text.length : new TextEncoder().encode(text).length;
}

function ownerErrors(owners: readonly OwnerReference[]): FieldError[] {
  const errors = owners.flatMap((owner, index) => ownerError(owner, `metadata.ownerReferences[${index}]`));
  const controllers = owners.filter((owner) => owner.controller === true);
  if (controllers.length > 1) {
    const [first, second] = controllers as [OwnerReference, OwnerReference];
    const why = `Only one reference can have Controller set to true. Found "true" in references for ${first.kind}/${first.name} and ${second.kind}/${second.name}`;
    errors.push(fieldError.invalid("metadata.ownerReferences", owners.map(shownOwner), why));
  }
  return errors;
}

function shownOwner(owner: OwnerReference): unknown {
  return typedValue(owner, "meta/v1.OwnerReference");
}

function ownerError(owner: OwnerReference, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const apiVersion = owner.apiVersion ?? "";
  if (apiVersion.split("/").length > 2) {
    errors.push(fieldError.invalid(`${at}.apiVersion`, apiVersion, "must be <group>/<version> or <version>"));
  }
  for (const name of ["apiVersion", "kind", "name", "uid"] as const) {
    if ((owner[name] ?? "") === "") errors.push(fieldError.required(`${at}.${name}`, "must not be empty"));
  }
  if (owner.kind === "Event" && (apiVersion === "v1" || apiVersion.startsWith("events.k8s.io/"))) {
    const kind = apiVersion.includes("/") ? apiVersion : `/${apiVersion}`;
    errors.push(fieldError.invalid(at, shownOwner(owner), `${kind}, Kind=Event is disallowed from being an owner`));
  }
  return errors;
}

function finalizerErrors(finalizers: readonly string[], qualified: boolean): FieldError[] {
  const errors = finalizers.flatMap((finalizer) =>
    labelKeyProblems(finalizer).map((problem) => fieldError.invalid("metadata.finalizers", finalizer, problem)),
  );
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion")) {
    const why = "finalizer orphan and foregroundDeletion cannot be both set";
    errors.push(fieldError.invalid("metadata.finalizers", finalizers, why));
  }
  if (qualified) errors.push(...finalizers.flatMap(unqualified));
  return errors;
}

function unqualified(finalizer: string, index: number): FieldError[] {
  if (finalizer.includes("/") || STANDARD_FINALIZERS.has(finalizer)) return [];
  const why = "name is neither a standard finalizer name nor is it fully qualified";
  return [fieldError.invalid(`metadata.finalizers[${index}]`, finalizer, why)];
}

/** A finalizer by itself, as in the spec of a namespace. */
export const finalizerName: Check = (value, at, errors) => {
  const name = String(value);
  for (const problem of labelKeyProblems(name)) errors.push(fieldError.invalid(at, name, problem));
  if (name.includes("/") || STANDARD_FINALIZERS.has(name)) return;
  errors.push(fieldError.invalid(at, name, "name is neither a standard finalizer name nor is it fully qualified"));
};

const IMMUTABLE = [
  "name",
  "namespace",
  "uid",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
] as const;

/** metadata of an update. */
export function validateMetaUpdate(next: Unstructured, old: Unstructured): FieldError[] {
  const [meta, before] = [next.metadata ?? {}, old.metadata ?? {}];
  const errors = prefixErrors(meta.generateName ?? "", pathSegment);
  const present = new Set(before.finalizers);
  const added = (meta.finalizers ?? []).filter((finalizer) => !present.has(finalizer));
  if (before.deletionTimestamp && added.length > 0) {
    const list = added.map((finalizer) => `"${finalizer}"`).join(", ");
    const why = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
    errors.push(fieldError.forbidden("metadata.finalizers", why));
  }
  if (Number(meta.generation ?? 0) < Number(before.generation ?? 0)) {
    errors.push(fieldError.invalid("metadata.generation", meta.generation, "must not be decremented"));
  }
  for (const name of IMMUTABLE) {
    if (!jsonEqual(meta[name] ?? null, before[name] ?? null)) {
      errors.push(fieldError.invalid(`metadata.${name}`, meta[name], "field is immutable"));
    }
  }
  return [...errors, ...contentErrors(meta, next)];
}
