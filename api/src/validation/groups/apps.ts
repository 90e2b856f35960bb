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
  run,
  text,
  unlessUnset,
  type Values,
  valueAt,
} from "../check.ts";
import { claimSpec } from "../core/claim-spec.ts";
import { podAnnotations } from "../core/pod-annotations.ts";
import { alwaysTemplate, podTemplate } from "../core/pod-spec.ts";
import { allows } from "../gates-in-force.ts";
import { changed, immutable, immutableError, type RuleTable, type UpdateCheck } from "../kind-rules.ts";
import { isEmptySelector, labelSelector } from "../label-selectors.ts";
import { dnsLabel } from "../names.ts";
import { annotations, labels } from "../object-meta.ts";
import { shownSelector } from "../typed-value.ts";
import { amountOf, atMostWhole, countOrPercent } from "./percents.ts";

type Errors = Parameters<Check>[2];

/** A selector that must be there; absent, empty and broken ones are refused. */
function selector(kind: string): Check {
  return (value, at, errors) => {
    if (value === undefined) return void errors.push(fieldError.required(at));
    labelSelector(value, at, errors);
    if (isEmptySelector(value))
      errors.push(fieldError.invalid(at, shownSelector(value), `empty selector is invalid for ${kind}`));
  };
}

const MISMATCH = "`selector` does not match template `labels`";

/** The template of what `spec.selector` selects must carry labels that it matches; an empty selector matches all. */
export const matchingTemplate: Check = (spec, at, errors) => {
  const found = valueAt(spec, "template.metadata.labels");
  if (!selects(member(spec, "selector"), found))
    errors.push(fieldError.invalid(child(at, "template.metadata.labels"), found ?? null, MISMATCH));
};

function selects(value: unknown, found: unknown): boolean {
  if (value === undefined) return false;
  if (isEmptySelector(value)) return true;
  const matcher = matcherOf(value);
  return matcher === undefined || matcher.matches((found ?? {}) as Labels); // a broken selector is reported itself
}

/** Undefined for a selector that is broken: that is reported of itself. */
export function matcherOf(value: unknown): ReturnType<typeof labelMatcherOf> | undefined {
  try {
    return labelMatcherOf(value as LabelSelector | undefined);
  } catch {
    return undefined;
  }
}

/** Upstream also says of the whole selector that something is wrong with it, and then looks no further. */
function brokenSelector(spec: unknown, why: string, at: string, errors: Errors): boolean {
  const value = member(spec, "selector");
  if (value === undefined || matcherOf(value) !== undefined) return false;
  errors.push(fieldError.invalid(child(at, "selector"), shownSelector(value), why));
  return true;
}

const rolling: Check = (value, at, errors) => {
  fields({ maxUnavailable: countOrPercent, maxSurge: countOrPercent })(value, at, errors);
  const [unavailable, surge] = [member(value, "maxUnavailable"), member(value, "maxSurge")];
  if (amountOf(unavailable) === 0 && amountOf(surge) === 0) {
    const why = "may not be 0 when `maxSurge` is 0";
    errors.push(fieldError.invalid(child(at, "maxUnavailable"), unavailable ?? 0, why));
  }
  fields({ maxUnavailable: atMostWhole })(value, at, errors);
};

const deploymentStrategy: Check = (value, at, errors) => {
  const [type, update] = [member(value, "type"), member(value, "rollingUpdate")];
  const here = child(at, "rollingUpdate");
  if (type === "Recreate") {
    if (update !== undefined)
      errors.push(fieldError.forbidden(here, "may not be specified when strategy `type` is 'Recreate'"));
  } else if (type === "RollingUpdate") {
    if (update === undefined) errors.push(fieldError.required(here, "this should be defaulted and never be nil"));
    else rolling(update, here, errors);
  } else errors.push(fieldError.notSupported(at, value ?? {}, ["Recreate", "RollingUpdate"]));
};

const deploymentSpec: Check = (value, at, errors) => {
  fields({ replicas: nonNegative, selector: selector("deployment") })(value, at, errors);
  if (!brokenSelector(value, "invalid label selector", at, errors)) {
    matchingTemplate(value, at, errors);
    fields({ template: alwaysTemplate })(value, at, errors);
  }
  fields({
    strategy: deploymentStrategy,
    minReadySeconds: nonNegative,
    revisionHistoryLimit: nonNegative,
    progressDeadlineSeconds: nonNegative,
  })(value, at, errors);
  const [deadline, ready] = [member(value, "progressDeadlineSeconds"), member(value, "minReadySeconds")];
  if (deadline !== undefined && Number(deadline) <= Number(ready ?? 0)) {
    const why = "must be greater than minReadySeconds";
    errors.push(fieldError.invalid(child(at, "progressDeadlineSeconds"), deadline, why));
  }
};

const replicaSetSpec: Check = (value, at, errors) => {
  fields({ replicas: nonNegative, minReadySeconds: nonNegative, selector: selector("deployment") })(value, at, errors);
  if (brokenSelector(value, "invalid label selector", at, errors)) return;
  matchingTemplate(value, at, errors);
  fields({ template: alwaysTemplate })(value, at, errors);
};

const daemonStrategy: Check = (value, at, errors) => {
  const type = member(value, "type");
  if (type === "OnDelete") return;
  if (type !== "RollingUpdate")
    return void errors.push(fieldError.notSupported(at, value ?? {}, ["RollingUpdate", "OnDelete"]));
  const update = member(value, "rollingUpdate");
  const here = child(at, "rollingUpdate");
  if (update === undefined) return void errors.push(fieldError.required(here));
  fields({ maxUnavailable: countOrPercent, maxSurge: countOrPercent })(update, here, errors);
  fields({ maxUnavailable: atMostWhole, maxSurge: atMostWhole })(update, here, errors);
  const [unavailable, surge] = [member(update, "maxUnavailable"), member(update, "maxSurge")];
  if (amountOf(unavailable) !== 0 && amountOf(surge) !== 0)
    errors.push(fieldError.invalid(child(here, "maxSurge"), surge, "may not be set when maxUnavailable is non-zero"));
  else if (amountOf(unavailable) === 0 && amountOf(surge) === 0)
    errors.push(fieldError.required(child(here, "maxUnavailable"), "cannot be 0 when maxSurge is 0"));
};

/** What templates of pods that run forever may not have, in the words of their kind. */
function keptRunning(kind: string): Check {
  return (template, at, errors) => {
    const policy = valueAt(template, "spec.restartPolicy") ?? "";
    if (policy !== "Always") errors.push(fieldError.notSupported(child(at, "spec.restartPolicy"), policy, ["Always"]));
    if (valueAt(template, "spec.activeDeadlineSeconds") === undefined) return;
    const why = `activeDeadlineSeconds in ${kind} is not Supported`;
    errors.push(fieldError.forbidden(child(at, "spec.activeDeadlineSeconds"), why));
  };
}

const daemonSetSpec: Check = (value, at, errors) => {
  fields({ selector: optional(labelSelector) })(value, at, errors);
  matchingTemplate(value, at, errors);
  const chosen = member(value, "selector");
  if (chosen !== undefined && isEmptySelector(chosen))
    errors.push(
      fieldError.invalid(child(at, "selector"), shownSelector(chosen), "empty selector is invalid for daemonset"),
    );
  const template = member(value, "template");
  podTemplate(template, child(at, "template"), errors);
  keptRunning("DaemonSet")(template, child(at, "template"), errors);
  fields({
    minReadySeconds: nonNegative,
    updateStrategy: daemonStrategy,
    revisionHistoryLimit: nonNegative,
  })(value, at, errors);
};

const retention: Check = (value, at, errors) => {
  const policies = ["Retain", "Delete"];
  if (!policies.includes(String(value ?? ""))) errors.push(fieldError.notSupported(at, value ?? "", policies));
};

function recreates(old: Unstructured): boolean {
  return valueAt(old, "spec.updateStrategy.type") === "Recreate";
}

const mayRecreate = (): boolean => allows("StatefulSetRecreateStrategy", recreates);

const ONLY_ROLLING = "only allowed for updateStrategy 'RollingUpdate'";

const statefulStrategy: Check = (value, at, errors) => {
  const [type, update] = [member(value, "type"), member(value, "rollingUpdate")];
  const here = child(at, "rollingUpdate");
  if (isUnset(type)) errors.push(fieldError.required(at));
  else if (type === "OnDelete" || (type === "Recreate" && mayRecreate())) {
    if (update !== undefined) errors.push(fieldError.invalid(here, update, ONLY_ROLLING));
  } else if (type !== "RollingUpdate")
    errors.push(
      fieldError.invalid(
        at,
        value,
        mayRecreate() ? "must be 'RollingUpdate', 'OnDelete', or 'Recreate'" : "must be 'RollingUpdate' or 'OnDelete'",
      ),
    );
  else if (update !== undefined)
    fields({ partition: nonNegative, maxUnavailable: optional(someShare) })(update, here, errors);
};

const someShare: Check = (value, at, errors) => {
  countOrPercent(value, at, errors);
  if (amountOf(value) === 0) errors.push(fieldError.invalid(at, value, "cannot be 0"));
  atMostWhole(value, at, errors);
};

const managementPolicy: Check = (value, at, errors) => {
  if (isUnset(value)) errors.push(fieldError.required(at));
  else if (value !== "OrderedReady" && value !== "Parallel")
    errors.push(fieldError.invalid(at, value, "must be 'OrderedReady' or 'Parallel'"));
};

/** @param isNew Claims and the name of the service never change: what stands may stay. */
function statefulSetSpec(isNew: boolean): Check {
  return (value, at, errors) => {
    fields({
      podManagementPolicy: managementPolicy,
      updateStrategy: statefulStrategy,
      persistentVolumeClaimRetentionPolicy: optional(fields({ whenDeleted: retention, whenScaled: retention })),
      ...(isNew && { volumeClaimTemplates: each(fields({ spec: claimSpec })) }),
      replicas: nonNegative,
      minReadySeconds: nonNegative,
    })(value, at, errors);
    const ordinals = member(value, "ordinals");
    if (ordinals !== undefined) nonNegative(member(ordinals, "start"), child(at, "ordinals.start"), errors);
    if (isNew) fields({ serviceName: unlessUnset(text(dnsLabel)) })(value, at, errors);
    fields({ selector: selector("statefulset") })(value, at, errors);
    if (!brokenSelector(value, "", at, errors)) statefulTemplate(value, at, errors);
    keptRunning("StatefulSet")(member(value, "template"), child(at, "template"), errors);
  };
}

/** The template as its pods will be: with volumes for their claims, and named by the controller. */
const statefulTemplate: Check = (spec, at, errors) => {
  const here = child(at, "template");
  matchingTemplate(spec, at, errors);
  const template = (member(spec, "template") ?? {}) as Values;
  const { subdomain: _subdomain, hostname: _hostname, ...own } = (template["spec"] ?? {}) as Values;
  const claims = new Set(
    listOf(member(spec, "volumeClaimTemplates")).map((claim) => String(valueAt(claim, "metadata.name") ?? "")),
  );
  const claimed = [...claims].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  const others = listOf(own["volumes"]).filter((volume) => !claims.has(String(member(volume, "name"))));
  podTemplate({ ...template, spec: { ...own, volumes: [...claimed, ...others] } }, here, errors);
  labels(valueAt(template, "metadata.labels"), child(here, "labels"), errors);
  annotations(valueAt(template, "metadata.annotations"), child(here, "annotations"), errors);
  podAnnotations(valueAt(template, "metadata.annotations"), own, child(here, "annotations"), errors);
};

const STATEFUL_MUTABLE: ReadonlySet<string> = new Set([
  ...["replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit"],
  ...["persistentVolumeClaimRetentionPolicy", "minReadySeconds"],
]);

const STATEFUL_NAMED = ["selector", "volumeClaimTemplates", "serviceName", "podManagementPolicy"] as const;

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

const revisionNumber: Check = fields({ revision: nonNegative });

const revisionData: Check = (object, _at, errors) => {
  const data = member(object, "data");
  if (data === undefined) errors.push(fieldError.required("data", "data is mandatory"));
  else if (typeof data !== "object" || Array.isArray(data))
    errors.push(fieldError.required("data", "data must be a valid JSON object"));
};

export const APPS = {
  "apps/ControllerRevision": {
    state: revisionNumber,
    create: revisionData,
    update: immutable("data"),
  },
  "apps/DaemonSet": {
    state: fields({ spec: daemonSetSpec }),
    updateFirst: true,
    update: immutable("spec.selector"),
  },
  "apps/Deployment": {
    state: fields({ spec: deploymentSpec }),
    update: immutable("spec.selector"),
  },
  "apps/ReplicaSet": {
    state: fields({ spec: replicaSetSpec }),
    update: immutable("spec.selector"),
  },
  "apps/StatefulSet": {
    name: dnsLabel,
    state: fields({ spec: statefulSetSpec(true) }),
    updateState: (next) => run(fields({ spec: statefulSetSpec(false) }), next),
    update: statefulStays,
  },
} satisfies RuleTable;
