import { autoscalerToV2 } from "../../autoscaler-versions.ts";
import type { Unstructured } from "../../object.ts";
import { parseQuantity } from "../../quantity.ts";
import { fieldError } from "../../status/field-error.ts";
import {
  all,
  atLeast,
  type Check,
  child,
  each,
  exactlyOneOf,
  fields,
  isUnset,
  listOf,
  member,
  nonNegative,
  optional,
  positive,
  required,
  requiredWith,
  text,
  type Values,
  valueAt,
} from "../check.ts";
import { allows } from "../gates-in-force.ts";
import type { RuleTable } from "../kind-rules.ts";
import { dnsLabel, pathSegment } from "../names.ts";

const reference: Check = fields({ kind: required(text(pathSegment)), name: required(text(pathSegment)) });

const target: Check = (value, at, errors) => {
  reference(value, at, errors);
  const isGrouped = String(member(value, "apiVersion") ?? "").includes("/");
  if (!isGrouped && member(value, "kind") !== "ReplicationController") {
    errors.push(
      fieldError.invalid(
        child(at, "apiVersion"),
        member(value, "apiVersion") ?? "",
        "apiVersion must specify API group",
      ),
    );
  }
};

const positiveQuantity: Check = (value, at, errors) => {
  if (parseQuantity(String(value)).nanos <= 0n) errors.push(fieldError.invalid(at, value, "must be positive"));
};

const identifier: Check = requiredWith("must specify a metric name", text(pathSegment));

/** Which target a source needs, one of these, and which do not go together. */
const targetOf =
  (needed: readonly string[], why: string, together = ""): Check =>
  (value, at, errors) => {
    const here = child(at, "target");
    const given = needed.filter((name) => member(member(value, "target"), name) !== undefined);
    metricTarget(member(value, "target"), here, errors);
    if (given.length === 0) errors.push(fieldError.required(child(here, needed[0]!), why));
    if (given.length > 1 && together !== "") errors.push(fieldError.forbidden(child(here, needed[1]!), together));
  };

const UTILIZATION = targetOf(
  ["averageUtilization", "averageValue"],
  "must set either a target raw value or a target utilization",
  "may not set both a target raw value and a target utilization",
);
const resourceName = requiredWith("must specify a resource name");

/** By member of a metric. */
const SOURCES: Readonly<Record<string, Check>> = {
  containerResource: all(
    fields({ name: resourceName, container: requiredWith("must specify a container", text(dnsLabel)) }),
    UTILIZATION,
  ),
  external: all(
    fields({ metric: fields({ name: identifier }) }),
    targetOf(
      ["averageValue", "value"],
      "must set either a target value for metric or a per-pod target",
      "may not set both a target value for metric and a per-pod target",
    ),
  ),
  object: all(
    fields({ describedObject: reference, metric: fields({ name: identifier }) }),
    targetOf(["averageValue", "value"], "must set either a target value or averageValue"),
  ),
  pods: all(
    fields({ metric: fields({ name: identifier }) }),
    targetOf(["averageValue"], "must specify a positive target averageValue"),
  ),
  resource: all(fields({ name: resourceName }), UTILIZATION),
};

const metricTarget: Check = (value, at, errors) => {
  const type = member(value, "type");
  if (isUnset(type)) errors.push(fieldError.required(child(at, "type"), "must specify a metric target type"));
  if (!["Utilization", "Value", "AverageValue"].includes(String(type ?? ""))) {
    const why = "must be either Utilization, Value, or AverageValue";
    errors.push(fieldError.invalid(child(at, "type"), type ?? "", why));
  }
  const utilization = member(value, "averageUtilization");
  for (const name of ["value", "averageValue"])
    optional(positiveQuantity)(member(value, name), child(at, name), errors);
  if (utilization !== undefined && Number(utilization) < 1)
    errors.push(fieldError.invalid(child(at, "averageUtilization"), utilization, "must be greater than 0"));
};

const METRICS: Readonly<Record<string, string>> = {
  ContainerResource: "containerResource",
  External: "external",
  Object: "object",
  Pods: "pods",
  Resource: "resource",
};

const metric: Check = (value, at, errors) => {
  const type = String(member(value, "type") ?? "");
  const name = METRICS[type];
  if (type === "") errors.push(fieldError.required(child(at, "type"), "must specify a metric source type"));
  if (name === undefined)
    return void errors.push(fieldError.notSupported(child(at, "type"), type, Object.keys(METRICS)));
  if (member(value, name) === undefined)
    errors.push(fieldError.required(child(at, name), "must populate information for the given metric source"));
  for (const source of Object.values(METRICS)) {
    const body = member(value, source);
    if (body !== undefined) SOURCES[source]?.(body, child(at, source), errors);
  }
};

const scalingRules: Check = fields({
  stabilizationWindowSeconds: optional((value, at, errors) => {
    nonNegative(value, at, errors);
    if (Number(value) > 3600) errors.push(fieldError.invalid(at, value, "must be less than or equal to 3600"));
  }),
  selectPolicy: optional(exactlyOneOf("Disabled", "Max", "Min")),
  policies: requiredWith(
    "must specify at least one Policy",
    each(fields({ type: exactlyOneOf("Percent", "Pods"), value: positive, periodSeconds: positive })),
  ),
});

const spec: Check = (value, at, errors) => {
  const [low, high] = [member(value, "minReplicas"), member(value, "maxReplicas")];
  const least = allows("HPAScaleToZero", scaledToZero) ? 0 : 1;
  if (low !== undefined && Number(low) < least)
    errors.push(fieldError.invalid(child(at, "minReplicas"), low, `must be greater than or equal to ${least}`));
  if (Number(high ?? 0) < 1 && low === undefined)
    errors.push(fieldError.invalid(child(at, "maxReplicas"), high ?? 0, "must be greater than 0"));
  else if (low !== undefined && Number(high ?? 0) < Number(low)) {
    errors.push(
      fieldError.invalid(child(at, "maxReplicas"), high ?? 0, "must be greater than or equal to `minReplicas`"),
    );
  }
  target(member(value, "scaleTargetRef"), child(at, "scaleTargetRef"), errors);
  fields({
    metrics: each(metric),
    behavior: fields({ scaleUp: optional(scalingRules), scaleDown: optional(scalingRules) }),
  })(value, at, errors);
  required(atLeast(1))(high, child(at, "maxReplicas"), errors);
  if (low === 0 && least === 0) outsideMetric(member(value, "metrics"), child(at, "metrics"), errors);
};

function scaledToZero(old: Unstructured): boolean {
  return valueAt(old, "spec.minReplicas") === 0;
}

/** Without a pod there is nothing to measure but what is outside of pods. */
const outsideMetric: Check = (value, at, errors) => {
  const types = listOf(value).map((one) => member(one, "type"));
  const why = "must specify at least one Object or External metric to support scaling to zero replicas";
  if (!types.includes("Object") && !types.includes("External")) errors.push(fieldError.forbidden(at, why));
};

export const AUTOSCALING = {
  "autoscaling/v1.HorizontalPodAutoscaler": {
    // its metrics are checked, and named, as those of v2 that they stand for
    state: (object, at, errors) => fields({ spec })(autoscalerToV2(object as Values), at, errors),
  },
  "autoscaling/HorizontalPodAutoscaler": { state: fields({ spec }) },
  "autoscaling/Scale": {
    state: (object, _at, errors) => nonNegative(valueAt(object, "spec.replicas"), "spec.replicas", errors),
  },
} satisfies RuleTable;
