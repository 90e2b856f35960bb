import type { Unstructured } from "../../object.ts";
import { jsonEqual } from "../../patch/json-equal.ts";
import { type FieldError, fieldError, OMITTED } from "../../status/field-error.ts";
import { type Check, each, element, fields, isUnset, listOf, member, optional, required, valueAt } from "../check.ts";
import { type UpdateCheck, updates } from "../kind-rules.ts";
import { dns1035Label } from "../names.ts";
import { conditions, typedConditions } from "./conditions.ts";
import { statusOf } from "./status-of.ts";
import { budgetCounts } from "./workloads.ts";

const withConditions = fields({ conditions });

export const namespaceStatus: UpdateCheck = (next) => {
  const [phase, isGoing] = [valueAt(next, "status.phase") ?? "", next.metadata?.deletionTimestamp !== undefined];
  const wanted = isGoing ? "Terminating" : "Active";
  if (phase === wanted) return [];
  const why = `may only be '${wanted}' if \`deletionTimestamp\` is ${isGoing ? "not empty" : "empty"}`;
  return [fieldError.invalid("status.Phase", phase, why)];
};

export const budgetStatus: UpdateCheck = statusOf(withConditions, budgetCounts);
export const flowStatus: UpdateCheck = statusOf(fields({ conditions: typedConditions }));
const warnings = fields({ expressionWarnings: each(fields({ fieldRef: required(), warning: required() })) });

export const policyStatus: UpdateCheck = statusOf(fields({ typeChecking: optional(warnings), conditions }));

export const apiServiceStatus: UpdateCheck = (next) =>
  listOf(valueAt(next, "status.conditions")).flatMap((condition, index) => {
    const [status, known] = [member(condition, "status") ?? "", ["True", "False", "Unknown"]];
    const at = `${element("status.conditions", index)}.status`;
    return known.includes(String(status)) ? [] : [fieldError.notSupported(at, status, known)];
  });

const label: Check = (value, at, errors) => {
  const problems = isUnset(value) ? [] : dns1035Label(String(value));
  if (problems.length > 0) errors.push(fieldError.invalid(at, value, problems.join(",")));
};

const kindName: Check = (value, at, errors) => {
  const problems = isUnset(value) ? [] : dns1035Label(String(value).toLowerCase());
  const why = `may have mixed case, but should otherwise match: ${problems.join(",")}`;
  if (problems.length > 0) errors.push(fieldError.invalid(at, value, why));
};

export const definitionStatus: UpdateCheck = statusOf(
  fields({
    acceptedNames: fields({
      plural: label,
      singular: label,
      kind: kindName,
      listKind: kindName,
      shortNames: each(label),
      categories: each(label),
    }),
  }),
);

const MOST_TAINT_CONDITIONS = 8;

export const taintRuleStatus: UpdateCheck = updates(statusOf(withConditions), (next) => {
  const count = listOf(valueAt(next, "status.conditions")).length;
  if (count <= MOST_TAINT_CONDITIONS) return [];
  return [fieldError.tooMany("status.conditions", count, MOST_TAINT_CONDITIONS)];
});

const NO_KIND = { kind: { group: "", version: "", kind: "" } };

const volumeError: Check = (value, at, errors) => {
  const code = Number(member(value, "errorCode") ?? 0);
  if (code < 0) errors.push(fieldError.invalid(`${at}.errorCode`, code, "must be between 0 and 2147483647, inclusive"));
};

export const attachmentStatus: UpdateCheck = statusOf(fields({ attachError: volumeError, detachError: volumeError }));

const isTrue = (object: Unstructured, type: string): boolean =>
  listOf(valueAt(object, "status.conditions")).some(
    (condition) => member(condition, "type") === type && member(condition, "status") === "True",
  );

export const migrationStatus: UpdateCheck = (next, old) => {
  const at = "status.resourceVersion";
  const [revision, before] = [valueAt(next, at) ?? "", valueAt(old, at) ?? ""];
  const isNumber = revision === "" || /^[1-9]\d*$/.test(String(revision));
  const malformed = fieldError.invalid(at, revision, `resource version is not well formed: ${revision}`);
  const ends = (type: string, name: string): readonly FieldError[] => {
    if (!isTrue(old, type) || isTrue(next, type)) return [];
    const why = `${name} condition cannot be set to false once it is true`;
    return [fieldError.invalid("status.conditions", valueAt(next, "status.conditions") ?? null, why)];
  };
  const isBoth = isTrue(next, "Succeeded") && isTrue(next, "Failed");
  const both = fieldError.invalid(
    "status.conditions",
    valueAt(next, "status.conditions"),
    "Both success and failed conditions cannot be true at the same time",
  );
  return [
    ...(isNumber ? [] : [malformed]),
    ...statusOf(withConditions)(next, old, NO_KIND),
    ...(before !== "" && revision !== before ? [fieldError.invalid(at, revision, "field is immutable")] : []),
    ...(isBoth ? [both] : []),
    ...ends("Succeeded", "Success"),
    ...ends("Failed", "Failed"),
  ];
};

const ENDS = ["Issued", "Denied", "Failed"];

/** A pod's certificate request ends once, and nothing changes before or after. */
export const podCertificateStatus: UpdateCheck = (next, old) => {
  const errors = listOf(valueAt(next, "status.conditions")).flatMap((condition, index) => {
    const [type, status] = [member(condition, "type") ?? "", member(condition, "status") ?? ""];
    const at = `status.conditions.[${index}]`;
    if (!ENDS.includes(String(type))) return [fieldError.notSupported(`${at}.type`, type, ENDS)];
    return status === "True" ? [] : [fieldError.notSupported(`${at}.status`, status, ["True"])];
  });
  const all = [...errors, ...endsOnce(next), ...statusOf(withConditions)(next, old, NO_KIND)];
  if (all.length > 0) return all;
  const hadEnded = ENDS.some((type) => isTrue(old, type));
  const isEnding = ENDS.some((type) => isTrue(next, type));
  const why = hadEnded
    ? "immutable after PodCertificateRequest is issued, denied, or failed"
    : 'status is immutable unless transitioning to "Issued", "Denied", or "Failed"';
  const isSame = jsonEqual((next["status"] ?? {}) as never, (old["status"] ?? {}) as never);
  return (hadEnded || !isEnding) && !isSame ? [fieldError.invalid("status", OMITTED, why)] : [];
};

function endsOnce(next: Unstructured): readonly FieldError[] {
  const types = listOf(valueAt(next, "status.conditions")).map((condition) => String(member(condition, "type") ?? ""));
  let seen = 0;
  return types.flatMap((type, index) => {
    if (ENDS.includes(type)) seen += 1;
    if (!ENDS.includes(type) || seen < 2) return [];
    const why = 'There may be at most one condition with type "Issued", "Denied", or "Failed"';
    return [fieldError.invalid(`status.conditions.[${index}].type`, type, why)];
  });
}
