import type { LabelSelector } from "../../../generated/types/meta-v1.ts";
import type { Unstructured } from "../../object.ts";
import { jsonEqual } from "../../patch/json-equal.ts";
import type { Labels } from "../../selectors/label-selector.ts";
import { labelMatcherOf } from "../../selectors/label-selector-object.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import {
  type Check,
  child,
  each,
  fields,
  isUnset,
  listOf,
  member,
  nonNegative,
  optional,
  optionalOneOf,
  type Values,
  valueAt,
} from "../check.ts";
import { claimSpec } from "../core/claim-spec.ts";
import { alwaysTemplate } from "../core/pod-spec.ts";
import { allows } from "../gates-in-force.ts";
import { changed, immutable, immutableError, type RuleTable, type UpdateCheck } from "../kind-rules.ts";
import { isEmptySelector, labelSelector } from "../label-selectors.ts";
import { dnsLabel } from "../names.ts";

/** A selector that must be there; absent, empty and broken ones are refused. */
function selector(kind: string): Check {
  return (value, at, errors) => {
    if (value === undefined) return void errors.push(fieldError.required(at));
    labelSelector(value, at, errors);
    if (isEmptySelector(value)) errors.push(fieldError.invalid(at, value, `empty selector is invalid for ${kind}`));
  };
}

/** The template of what `spec.selector` selects must carry labels that it matches. */
export const matchingTemplate: Check = (spec, at, errors) => {
  const template = member(spec, "template");
  const labels = valueAt(template, "metadata.labels");
  if (!selects(member(spec, "selector"), labels)) {
    const why = "`selector` does not match template `labels`";
    errors.push(fieldError.invalid(child(at, "template.metadata.labels"), labels ?? null, why));
  }
};

function selects(value: unknown, labels: unknown): boolean {
  try {
    const matcher = labelMatcherOf(value as LabelSelector | undefined);
    return matcher.requirements.length > 0 && matcher.matches((labels ?? {}) as Labels);
  } catch {
    return true; // the selector itself is reported
  }
}

const PERCENT = /^[0-9]+%$/;

/** A count, or a share such as "25%" of at most 100%. */
export const countOrPercent: Check = (value, at, errors) => {
  if (typeof value === "string" && !PERCENT.test(value)) {
    const why =
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
    errors.push(fieldError.invalid(at, value, why));
  }
  if (typeof value === "number" && value < 0)
    errors.push(fieldError.invalid(at, value, "must be greater than or equal to 0"));
};

const atMostWhole: Check = (value, at, errors) => {
  countOrPercent(value, at, errors);
  if (typeof value === "string" && PERCENT.test(value) && Number.parseInt(value, 10) > 100) {
    errors.push(fieldError.invalid(at, value, "must not be greater than 100%"));
  }
};

function isZeroShare(value: unknown): boolean {
  return value === 0 || value === "0%" || value === undefined;
}

const rolling: Check = (value, at, errors) => {
  fields({ maxUnavailable: atMostWhole, maxSurge: countOrPercent })(value, at, errors);
  if (isZeroShare(member(value, "maxUnavailable")) && isZeroShare(member(value, "maxSurge"))) {
    errors.push(
      fieldError.invalid(
        child(at, "maxUnavailable"),
        member(value, "maxUnavailable") ?? 0,
        "may not be 0 when `maxSurge` is 0",
      ),
    );
  }
};

const deploymentStrategy: Check = (value, at, errors) => {
  const type = member(value, "type");
  const update = member(value, "rollingUpdate");
  const here = child(at, "rollingUpdate");
  if (type === "Recreate") {
    if (update !== undefined)
      errors.push(fieldError.forbidden(here, "may not be specified when strategy `type` is 'Recreate'"));
  } else if (type === "RollingUpdate") {
    if (update === undefined) errors.push(fieldError.required(here, "this should be defaulted and never be nil"));
    else rolling(update, here, errors);
  } else errors.push(fieldError.notSupported(child(at, "type"), type ?? "", ["Recreate", "RollingUpdate"]));
};

const deploymentSpec: Check = (value, at, errors) => {
  fields({ replicas: nonNegative, selector: selector("deployment") })(value, at, errors);
  matchingTemplate(value, at, errors);
  fields({
    template: alwaysTemplate(),
    strategy: deploymentStrategy,
    minReadySeconds: nonNegative,
    revisionHistoryLimit: nonNegative,
    progressDeadlineSeconds: nonNegative,
  })(value, at, errors);
  const [deadline, ready] = [member(value, "progressDeadlineSeconds"), member(value, "minReadySeconds")];
  if (Number(deadline) >= 0 && Number(deadline) <= Number(ready ?? 0)) {
    errors.push(
      fieldError.invalid(child(at, "progressDeadlineSeconds"), deadline, "must be greater than minReadySeconds"),
    );
  }
};

const replicaSetSpec: Check = (value, at, errors) => {
  fields({ replicas: nonNegative, minReadySeconds: nonNegative, selector: selector("ReplicaSet") })(value, at, errors);
  matchingTemplate(value, at, errors);
  fields({ template: alwaysTemplate() })(value, at, errors);
};

const daemonStrategy: Check = (value, at, errors) => {
  const type = member(value, "type");
  if (type === "OnDelete") return;
  if (type !== "RollingUpdate")
    return void errors.push(fieldError.notSupported(child(at, "type"), type ?? "", ["OnDelete", "RollingUpdate"]));
  const update = member(value, "rollingUpdate");
  const here = child(at, "rollingUpdate");
  if (update === undefined) return void errors.push(fieldError.required(here));
  fields({ maxUnavailable: atMostWhole, maxSurge: atMostWhole })(update, here, errors);
  const [unavailable, surge] = [member(update, "maxUnavailable"), member(update, "maxSurge")];
  if (!isZeroShare(unavailable) && !isZeroShare(surge)) {
    errors.push(fieldError.invalid(child(here, "maxSurge"), surge, "may not be set when maxUnavailable is non-zero"));
  } else if (isZeroShare(unavailable) && isZeroShare(surge)) {
    errors.push(fieldError.required(child(here, "maxUnavailable"), "cannot be 0 when maxSurge is 0"));
  }
};

const daemonSetSpec: Check = (value, at, errors) => {
  fields({ selector: optional(labelSelector) })(value, at, errors);
  matchingTemplate(value, at, errors);
  if (member(value, "selector") !== undefined && isEmptySelector(member(value, "selector"))) {
    errors.push(
      fieldError.invalid(child(at, "selector"), member(value, "selector"), "empty selector is invalid for daemonset"),
    );
  }
  fields({
    template: alwaysTemplate(),
    minReadySeconds: nonNegative,
    updateStrategy: daemonStrategy,
    revisionHistoryLimit: nonNegative,
  })(value, at, errors);
};

const RETENTION = fields({
  whenDeleted: optionalOneOf("Delete", "Retain"),
  whenScaled: optionalOneOf("Delete", "Retain"),
});

function recreates(old: Unstructured): boolean {
  return valueAt(old, "spec.updateStrategy.type") === "Recreate";
}

const someShare: Check = (value, at, errors) => {
  if (isZeroShare(value)) errors.push(fieldError.invalid(at, value, "cannot be 0"));
};

const statefulStrategy: Check = (value, at, errors) => {
  const type = member(value, "type");
  const update = member(value, "rollingUpdate");
  if (isUnset(type)) errors.push(fieldError.required(child(at, "type")));
  else if (type === "OnDelete" || (type === "Recreate" && allows("StatefulSetRecreateStrategy", recreates))) {
    if (update !== undefined)
      errors.push(
        fieldError.invalid(child(at, "rollingUpdate"), update, "only allowed for updateStrategy 'RollingUpdate'"),
      );
  } else if (type === "RollingUpdate")
    fields({ partition: nonNegative, maxUnavailable: optional(atMostWhole, someShare) })(
      update,
      child(at, "rollingUpdate"),
      errors,
    );
  else errors.push(fieldError.invalid(at, value, "must be 'RollingUpdate' or 'OnDelete'"));
};

const statefulSetSpec: Check = (value, at, errors) => {
  const policy = member(value, "podManagementPolicy");
  if (isUnset(policy)) errors.push(fieldError.required(child(at, "podManagementPolicy")));
  else if (policy !== "OrderedReady" && policy !== "Parallel") {
    errors.push(fieldError.invalid(child(at, "podManagementPolicy"), policy, "must be 'OrderedReady' or 'Parallel'"));
  }
  fields({
    updateStrategy: statefulStrategy,
    persistentVolumeClaimRetentionPolicy: optional(RETENTION),
    volumeClaimTemplates: each(fields({ spec: claimSpec })),
    replicas: nonNegative,
    minReadySeconds: nonNegative,
    ordinals: optional(fields({ start: nonNegative })),
    selector: selector("statefulset"),
  })(value, at, errors);
  matchingTemplate(value, at, errors);
  const claims = listOf(member(value, "volumeClaimTemplates")).map((claim) => String(valueAt(claim, "metadata.name")));
  fields({ template: alwaysTemplate(claims) })(value, at, errors);
};

const STATEFUL_MUTABLE: ReadonlySet<string> = new Set([
  "replicas",
  "ordinals",
  "template",
  "updateStrategy",
  "revisionHistoryLimit",
  "persistentVolumeClaimRetentionPolicy",
  "minReadySeconds",
]);

const STATEFUL_NAMED = ["selector", "podManagementPolicy", "serviceName", "volumeClaimTemplates"] as const;

/** Identity and storage of the pods are fixed. */
const statefulStays: UpdateCheck = (next, old) => {
  const errors: FieldError[] = STATEFUL_NAMED.filter((name) => changed(next, old, `spec.${name}`)).map((name) =>
    immutableError(next, `spec.${name}`),
  );
  const rest = (object: unknown): Values =>
    Object.fromEntries(
      Object.entries((valueAt(object, "spec") ?? {}) as Values).filter(
        ([name, value]) => !STATEFUL_MUTABLE.has(name) && !STATEFUL_NAMED.includes(name as never) && value !== null,
      ),
    );
  if (!jsonEqual(rest(next), rest(old))) {
    const why =
      "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
    errors.push(fieldError.forbidden("spec", why));
  }
  return errors;
};

const revision: Check = (object, _at, errors) => {
  if (member(object, "data") === undefined) errors.push(fieldError.required("data", "data is mandatory"));
  nonNegative(member(object, "revision"), "revision", errors);
};

export const APPS: RuleTable = {
  "apps/ControllerRevision": { state: revision, update: immutable("data") },
  "apps/DaemonSet": { state: fields({ spec: daemonSetSpec }), update: immutable("spec.selector") },
  "apps/Deployment": { state: fields({ spec: deploymentSpec }), update: immutable("spec.selector") },
  "apps/ReplicaSet": { state: fields({ spec: replicaSetSpec }), update: immutable("spec.selector") },
  "apps/StatefulSet": { name: dnsLabel, state: fields({ spec: statefulSetSpec }), update: statefulStays },
};
