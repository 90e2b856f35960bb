import { fieldError } from "../../status/field-error.ts";
import { type Check, element, fields, isUnset, listOf, member, run, text, valueAt } from "../check.ts";
import type { RuleTable, UpdateCheck } from "../kind-rules.ts";
import { dnsLabel, dnsSubdomain } from "../names.ts";
import { finalizerName } from "../object-meta.ts";
import { configMap, secret, serviceAccount } from "./configuration.ts";
import { endpoints } from "./endpoints.ts";
import { event } from "./event.ts";
import { limitRange } from "./limit-range.ts";
import { node } from "./node.ts";
import { persistentVolume, persistentVolumeClaim } from "./persistent-volumes.ts";
import { pod } from "./pod.ts";
import { podTemplate } from "./pod-spec.ts";
import { replicationController } from "./replication-controller.ts";
import { resourceQuota } from "./resource-quota.ts";
import { service } from "./service.ts";

/** Where a pod is bound to: a node. */
const binding: Check = (object, _at, errors) => {
  const target = member(object, "target");
  const [kind, name] = [member(target, "kind") ?? "", member(target, "name")];
  if (kind !== "" && kind !== "Node") errors.push(fieldError.notSupported("target.kind", kind, ["Node", "<empty>"]));
  if (isUnset(name)) errors.push(fieldError.required("target.name"));
  else if (kind === "" || kind === "Node") text(dnsSubdomain)(name, "target.name", errors);
};

/** Upstream names no element. */
const namespaceState: Check = (object, _at, errors) => {
  for (const name of listOf(valueAt(object, "spec.finalizers"))) finalizerName(name ?? "", "spec.finalizers", errors);
};

const namespaceFinalizers: UpdateCheck = (next) => {
  const at = "spec.finalizers";
  return listOf(valueAt(next, at)).flatMap((name, index) => run(finalizerName, name, element(at, index)));
};

export const CORE = {
  "/Binding": { hasMeta: false, state: binding },
  "/ConfigMap": configMap,
  "/Endpoints": endpoints,
  "/Event": event,
  "/LimitRange": limitRange,
  "/Namespace": { name: dnsLabel, state: namespaceState, subresources: { finalize: namespaceFinalizers } },
  "/Node": node,
  "/PersistentVolume": persistentVolume,
  "/PersistentVolumeClaim": persistentVolumeClaim,
  "/Pod": pod,
  "/PodTemplate": { state: fields({ template: podTemplate }) },
  "/ReplicationController": replicationController,
  "/ResourceQuota": resourceQuota,
  "/Secret": secret,
  "/Service": service,
  "/ServiceAccount": serviceAccount,
} satisfies RuleTable;
