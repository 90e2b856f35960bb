import type { Unstructured } from "../../object.ts";
import { jsonEqual } from "../../patch/json-equal.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import { element, isUnset, listOf, member, valueAt } from "../check.ts";
import { changed, type UpdateCheck } from "../kind-rules.ts";
import { isSequence, pemBlocks } from "../pem-blocks.ts";

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
  const [approved, denied] = DECISIONS.map((type) => `conditions[{"type": "${type}"}]`);
  const why = `must specify at most one of: \`${approved}\`, \`${denied}\``;
  const both = fieldError.invalid(CONDITIONS, `{${approved}, ${denied}}`, why);
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
    return [fieldError.forbidden(CERTIFICATE, "updates may not modify existing certificate content")];
  const why = certificateProblem(valueAt(next, CERTIFICATE));
  return why === undefined ? [] : [fieldError.invalid(CERTIFICATE, "<certificate data>", why)];
}

/** Why base64 is no PEM of certificates and nothing else. */
function certificateProblem(value: unknown): string | undefined {
  const blocks = pemBlocks(value);
  for (const { type, hasHeaders, bytes } of blocks) {
    if (type !== "CERTIFICATE") return `only CERTIFICATE PEM blocks are allowed, found "${type}"`;
    if (hasHeaders) return "no PEM block headers are permitted";
    if (!isSequence(bytes)) return "x509: malformed certificate";
  }
  return blocks.length === 0 ? "must contain at least one CERTIFICATE PEM block" : undefined;
}
