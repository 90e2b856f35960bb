import { fieldError } from "../../status/field-error.ts";
import { type Check, each, fields, isUnset, member, nonNegative, required, text, valueAt } from "../check.ts";
import type { RuleTable } from "../kind-rules.ts";
import { dnsLabel, ipAddress } from "../names.ts";
import { configMap, secret, serviceAccount } from "./configuration.ts";
import { event } from "./event.ts";
import { persistentVolume, persistentVolumeClaim } from "./persistent-volumes.ts";
import { pod } from "./pod.ts";
import { alwaysTemplate, podTemplate } from "./pod-spec.ts";
import { nonNegativeQuantity } from "./resources.ts";
import { taints } from "./scheduling.ts";
import { service } from "./service.ts";

/** The selector of a ReplicationController is a plain map and must match its template. */
const controllerSpec: Check = (value, at, errors) => {
  fields({ minReadySeconds: nonNegative, selector: required(), replicas: nonNegative })(value, at, errors);
  const template = member(value, "template");
  if (template === undefined) return void errors.push(fieldError.required(`${at}.template`));
  const labels = valueAt(template, "metadata.labels");
  const selector = Object.entries((member(value, "selector") ?? {}) as Record<string, unknown>);
  if (!selector.every(([key, label]) => member(labels, key) === label)) {
    errors.push(
      fieldError.invalid(
        `${at}.template.metadata.labels`,
        labels ?? null,
        "`selector` does not match template `labels`",
      ),
    );
  }
  alwaysTemplate()(template, `${at}.template`, errors);
};

const quantities: Check = (value, at, errors) => {
  for (const [name, amount] of Object.entries((value ?? {}) as Record<string, unknown>))
    nonNegativeQuantity(amount, `${at}[${name}]`, errors);
};

const limit: Check = (value, at, errors) => {
  fields({ max: quantities, min: quantities, default: quantities, defaultRequest: quantities })(value, at, errors);
  if (isUnset(member(value, "type"))) errors.push(fieldError.required(`${at}.type`));
};

const subset: Check = (value, at, errors) => {
  if (isUnset(member(value, "addresses")) && isUnset(member(value, "notReadyAddresses")))
    errors.push(fieldError.required(at, "must specify `addresses` or `notReadyAddresses`"));
  subsetFields(value, at, errors);
};

const subsetFields: Check = fields({
  addresses: each(fields({ ip: text(ipAddress) })),
  notReadyAddresses: each(fields({ ip: text(ipAddress) })),
  ports: each(
    fields({
      port: (value, at, errors) => {
        if (Number(value) < 1 || Number(value) > 65_535)
          errors.push(fieldError.invalid(at, value ?? 0, "must be between 1 and 65535, inclusive"));
      },
    }),
  ),
});

const QUOTA_SCOPES = new Set([
  ...["BestEffort", "CrossNamespacePodAffinity", "NotBestEffort", "NotTerminating", "PriorityClass", "Terminating"],
  "VolumeAttributesClass",
]);

const quotaScope: Check = (value, at, errors) => {
  if (!QUOTA_SCOPES.has(String(value)))
    errors.push(fieldError.invalid(at.replace(/\[\d+\]$/, ""), [value], "unsupported scope"));
};

export const CORE: RuleTable = {
  "/Binding": { hasMeta: false, state: fields({ target: fields({ name: required() }) }) },
  "/ConfigMap": configMap,
  "/Endpoints": { state: fields({ subsets: each(subset) }) },
  "/Event": event,
  "/LimitRange": { state: fields({ spec: fields({ limits: each(limit) }) }) },
  "/Namespace": { name: dnsLabel },
  "/Node": { state: (object, _at, errors) => taints(valueAt(object, "spec.taints"), "metadata.taints", errors) },
  "/PersistentVolume": persistentVolume,
  "/PersistentVolumeClaim": persistentVolumeClaim,
  "/Pod": pod,
  "/PodTemplate": { state: fields({ template: podTemplate }) },
  "/ReplicationController": { state: fields({ spec: controllerSpec }) },
  "/ResourceQuota": { state: fields({ spec: fields({ hard: quantities, scopes: each(quotaScope) }) }) },
  "/Secret": secret,
  "/Service": service,
  "/ServiceAccount": serviceAccount,
};
