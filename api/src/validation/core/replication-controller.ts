import { fieldError } from "../../status/field-error.ts";
import { type Check, child, entriesOf, fields, member, nonNegative, required, valueAt } from "../check.ts";
import type { KindRules } from "../kind-rules.ts";
import { longName } from "../names.ts";
import { podTemplate } from "./pod-spec.ts";

/** The selector of a ReplicationController is a plain map and must match its template. */
const spec: Check = (value, at, errors) => {
  fields({ selector: required() })(value, at, errors);
  const template = member(value, "template");
  const here = child(at, "template");
  if (template === undefined) return void errors.push(fieldError.required(here));
  const labels = valueAt(template, "metadata.labels");
  const isMatched = entriesOf(member(value, "selector")).every(([key, label]) => member(labels, key) === label);
  if (!isMatched) {
    const why = "`selector` does not match template `labels`";
    errors.push(fieldError.invalid(child(here, "metadata.labels"), labels ?? null, why));
  }
  podTemplate(template, here, errors);
  keptRunning(template, here, errors);
};

const keptRunning: Check = (template, at, errors) => {
  const policy = valueAt(template, "spec.restartPolicy") ?? "";
  if (policy !== "Always") errors.push(fieldError.notSupported(child(at, "spec.restartPolicy"), policy, ["Always"]));
  if (valueAt(template, "spec.activeDeadlineSeconds") === undefined) return;
  const why = "activeDeadlineSeconds in ReplicationController is not Supported";
  errors.push(fieldError.forbidden(child(at, "spec.activeDeadlineSeconds"), why));
};

export const replicationController: KindRules = {
  name: longName,
  state: fields({ spec }),
  declared: fields({ spec: fields({ replicas: nonNegative, minReadySeconds: nonNegative }) }),
};
