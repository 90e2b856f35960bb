import type { Unstructured } from "../../object.ts";
import { fieldError } from "../../status/field-error.ts";
import {
  between,
  type Check,
  child,
  each,
  entriesOf,
  fields,
  isUnset,
  listOf,
  member,
  oneOf,
  optional,
  optionalOneOf,
  text,
  unlessUnset,
  valueAt,
} from "../check.ts";
import { allows } from "../gates-in-force.ts";
import { dnsLabel, dnsSubdomain, ipAddress } from "../names.ts";
import { annotations, labels } from "../object-meta.ts";
import { containers } from "./containers.ts";
import { evictionResponders } from "./eviction-responders.ts";
import { podSpecOf } from "./pod-spec-of.ts";
import { nonNegativeQuantity } from "./resources.ts";
import { affinity, schedulingGates, tolerations, topologySpreadConstraints } from "./scheduling.ts";
import { stopSignals } from "./stop-signals.ts";
import { sysctls } from "./sysctls.ts";
import { volumeNames, volumes } from "./volumes.ts";

const MAX_INT32 = 2 ** 31 - 1;

const dnsPolicy: Check = (value, at, errors) => {
  const policy = member(value, "dnsPolicy");
  oneOf("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")(policy, child(at, "dnsPolicy"), errors);
  const config = member(value, "dnsConfig");
  const servers = listOf(member(config, "nameservers"));
  if (policy === "None") {
    if (config === undefined)
      errors.push(fieldError.required(child(at, "dnsConfig"), "must provide `dnsConfig` when `dnsPolicy` is None"));
    else if (servers.length === 0) {
      errors.push(
        fieldError.required(
          child(at, "dnsConfig.nameservers"),
          "must provide at least one DNS nameserver when `dnsPolicy` is None",
        ),
      );
    }
  }
  if (servers.length > 3)
    errors.push(
      fieldError.invalid(child(at, "dnsConfig.nameservers"), servers, "must not have more than 3 nameservers"),
    );
  each(text(ipAddress))(servers, child(at, "dnsConfig.nameservers"), errors);
};

const securityContext: Check = fields({
  runAsUser: optional(between(0, MAX_INT32)),
  runAsGroup: optional(between(0, MAX_INT32)),
  fsGroup: optional(between(0, MAX_INT32)),
  supplementalGroups: each(between(0, MAX_INT32)),
  fsGroupChangePolicy: optionalOneOf("Always", "OnRootMismatch"),
});

const hostAliases: Check = each(fields({ ip: text(ipAddress), hostnames: each(text(dnsSubdomain)) }));

const overhead: Check = (value, at, errors) => {
  for (const [name, amount] of entriesOf(value)) nonNegativeQuantity(amount, `${at}[${name}]`, errors);
};

function sharesNetwork(old: Unstructured): boolean {
  const spec = podSpecOf(old);
  return member(spec, "hostUsers") === false && member(spec, "hostNetwork") === true;
}

/** Who has users of their own may not see into the host by other ways. Upstream names two of the fields so. */
const hostUsers: Check = (spec, at, errors) => {
  if (member(spec, "hostUsers") !== false) return;
  const reason = "when `hostUsers` is false";
  if (member(spec, "hostNetwork") === true && !allows("UserNamespacesHostNetworkSupport", sharesNetwork))
    errors.push(fieldError.forbidden(child(at, "hostNetwork"), reason));
  if (member(spec, "hostPID") === true) errors.push(fieldError.forbidden(child(at, "HostPID"), reason));
  if (member(spec, "hostIPC") === true) errors.push(fieldError.forbidden(child(at, "HostIPC"), reason));
};

const PARTS: Check = fields({
  restartPolicy: oneOf("Always", "OnFailure", "Never"),
});

const REST: Check = fields({
  activeDeadlineSeconds: optional(between(1, MAX_INT32)),
  nodeSelector: labels,
  securityContext: optional(securityContext),
  affinity: optional(affinity),
  serviceAccountName: unlessUnset(text(dnsSubdomain)),
  nodeName: unlessUnset(text(dnsSubdomain)),
  hostname: unlessUnset(text(dnsLabel)),
  subdomain: unlessUnset(text(dnsLabel)),
  tolerations,
  hostAliases,
  priorityClassName: unlessUnset(text(dnsSubdomain)),
  runtimeClassName: optional(text(dnsSubdomain)),
  preemptionPolicy: optionalOneOf("Never", "PreemptLowerPriority"),
  topologySpreadConstraints,
  schedulingGates,
  overhead,
  os: optional(fields({ name: oneOf("linux", "windows") })),
  schedulingGroup: optional((value, at, errors) => {
    const name = member(value, "podGroupName");
    const here = child(at, "podGroupName");
    if (name === undefined) errors.push(fieldError.invalid(here, null, "must specify one of: `podGroupName`"));
    else text(dnsSubdomain)(name, here, errors);
  }),
  evictionResponders,
});

/** A hostname that replaces the one made of hostname and subdomain; the kernel's limit is 64. */
const hostnameOverride: Check = (spec, at, errors) => {
  const name = member(spec, "hostnameOverride");
  if (name === undefined) return;
  const here = child(at, "hostnameOverride");
  for (const other of ["setHostnameAsFQDN", "hostNetwork"])
    if (member(spec, other) === true)
      errors.push(fieldError.forbidden(here, `may not be specified when ${other} is true`));
  if (String(name).length > 64) errors.push(fieldError.tooLong(here, 64));
  text(dnsSubdomain)(name, here, errors);
};

/** @param claims Volumes that the pods get beside those of the spec. */
function podSpecWith(claims: readonly string[]): Check {
  return (value, at, errors) => {
    const mountable = new Set([...volumeNames(value), ...claims]);
    const seen = new Set<unknown>();
    fields({
      volumes,
      containers: containers("regular", mountable, seen),
      initContainers: containers("init", mountable, seen),
      ephemeralContainers: containers("ephemeral", mountable, seen),
    })(value, at, errors);
    PARTS(value, at, errors);
    dnsPolicy(value, at, errors);
    REST(value, at, errors);
    sysctls(value, at, errors);
    hostnameOverride(value, at, errors);
    hostUsers(value, at, errors);
    stopSignals(value, at, errors);
  };
}

/** core/v1.PodSpec, of pods and templates. */
export const podSpec: Check = podSpecWith([]);

function podTemplateWith(spec: Check): Check {
  return (value, at, errors) => {
    labels(valueAt(value, "metadata.labels"), child(at, "labels"), errors); // upstream leaves out "metadata"
    annotations(valueAt(value, "metadata.annotations"), child(at, "annotations"), errors);
    spec(member(value, "spec"), child(at, "spec"), errors);
  };
}

/** core/v1.PodTemplateSpec. */
export const podTemplate: Check = podTemplateWith(podSpec);

/** A template whose pods are kept running forever: restartPolicy must be Always. @param claims Volumes that its pods get, too. */
export function alwaysTemplate(claims: readonly string[] = []): Check {
  return (value, at, errors) => {
    podTemplateWith(podSpecWith(claims))(value, at, errors);
    keptRunning(value, at, errors);
  };
}

const keptRunning: Check = (value, at, errors) => {
  const policy = member(member(value, "spec"), "restartPolicy");
  const here = child(at, "spec.restartPolicy");
  if (!isUnset(policy) && policy !== "Always" && !errors.some((error) => error.field === here)) {
    errors.push(fieldError.notSupported(here, policy, ["Always"]));
  }
  if (member(member(value, "spec"), "activeDeadlineSeconds") !== undefined) {
    errors.push(
      fieldError.forbidden(
        child(at, "spec.activeDeadlineSeconds"),
        "activeDeadlineSeconds in ReplicaSet is not Supported",
      ),
    );
  }
};
