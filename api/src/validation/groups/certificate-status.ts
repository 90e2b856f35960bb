import type { Unstructured } from "../../object.ts";
import { jsonEqual } from "../../patch/json-equal.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import { element, isUnset, listOf, member, valueAt } from "../check.ts";
import { changed, type UpdateCheck } from "../kind-rules.ts";

const DECISIONS = ["Approved", "Denied"];
const CONDITIONS = "status.conditions";
const CERTIFICATE = "status.certificate";

/** Who approves writes conditions, no certificate, and takes no decision back. */
export const approval: UpdateCheck = (next, old) => [
  ...conditionErrors(next),
  ...removed(next, old),
  ...(changed(next, old, CERTIFICATE) ? [fieldError.forbidden(CERTIFICATE, "approvals may not change it")] : []),
];

/** Who signs writes the certificate once, and decides nothing. */
export const signing: UpdateCheck = (next, old) => [
  ...conditionErrors(next),
  ...removed(next, old),
  ...decided(next, old),
  ...certificateErrors(next, old),
];

function conditionsOf(object: Unstructured): readonly unknown[] {
  return listOf(valueAt(object, CONDITIONS));
}

function typesOf(object: Unstructured): readonly string[] {
  return conditionsOf(object).map((condition) => String(member(condition, "type") ?? ""));
}

function conditionErrors(next: Unstructured): readonly FieldError[] {
  const types = typesOf(next);
  const errors = conditionsOf(next).flatMap((condition, index) => {
    const at = element(CONDITIONS, index);
    const type = types[index] ?? "";
    const isTwice = types.indexOf(type) !== index;
    const wrong =
      type === "" ? [fieldError.required(`${at}.type`)] : isTwice ? [fieldError.duplicate(`${at}.type`, type)] : [];
    return [...wrong, ...statusErrors(type, member(condition, "status"), `${at}.status`)];
  });
  const isBoth = DECISIONS.every((type) => types.includes(type));
  const both = fieldError.invalid(CONDITIONS, "Denied", "Approved and Denied conditions are mutually exclusive");
  return isBoth ? [...errors, both] : errors;
}

function statusErrors(type: string, status: unknown, at: string): readonly FieldError[] {
  const allowed = [...DECISIONS, "Failed"].includes(type) ? ["True"] : ["False", "True", "Unknown"];
  if (isUnset(status)) return [fieldError.required(at)];
  return allowed.includes(String(status)) ? [] : [fieldError.notSupported(at, status, allowed)];
}

function removed(next: Unstructured, old: Unstructured): readonly FieldError[] {
  const lost = [...DECISIONS, "Failed"].filter((type) => typesOf(old).includes(type) && !typesOf(next).includes(type));
  return lost.map((type) => fieldError.forbidden(CONDITIONS, `updates may not remove a condition of type "${type}"`));
}

function decided(next: Unstructured, old: Unstructured): readonly FieldError[] {
  const of = (object: Unstructured, type: string): unknown =>
    conditionsOf(object).find((condition) => member(condition, "type") === type);
  return DECISIONS.flatMap((type) => {
    const [before, after] = [of(old, type), of(next, type)];
    if (after === undefined || (before !== undefined && jsonEqual(before, after))) return [];
    const verb = before === undefined ? "add" : "modify";
    return [fieldError.forbidden(CONDITIONS, `updates may not ${verb} a condition of type "${type}"`)];
  });
}

function certificateErrors(next: Unstructured, old: Unstructured): readonly FieldError[] {
  if (!changed(next, old, CERTIFICATE)) return [];
  if (!isUnset(valueAt(old, CERTIFICATE)))
    return [fieldError.forbidden(CERTIFICATE, "updates may not modify an existing certificate")];
  return isCertificates(String(valueAt(next, CERTIFICATE) ?? ""))
    ? []
    : [
        fieldError.invalid(
          CERTIFICATE,
          "<certificate data>",
          "must contain at least one CERTIFICATE block, and no others",
        ),
      ];
}

/** base64 of PEM with certificates and nothing else. */
function isCertificates(value: string): boolean {
  try {
    const types = [...atob(value).matchAll(/-----BEGIN ([^-]+)-----/g)].map(([, type]) => type);
    return types.length > 0 && types.every((type) => type === "CERTIFICATE");
  } catch {
    return false;
  }
}
