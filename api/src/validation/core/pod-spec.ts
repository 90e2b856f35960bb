import type { Unstructured } from "../../object.ts";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { fieldError } from "../../status/field-error.ts";
import {
  between,
  type Check,
  child,
  each,
  fields,
  isUnset,
  listOf,
  member,
  oneOf,
  optional,
  text,
  unlessUnset,
  valueAt,
} from "../check.ts";
import { allows, remembered } from "../gates-in-force.ts";
import { dnsLabel, dnsSubdomain, ipAddress, underscoredSubdomain } from "../names.ts";
import { annotations, labels } from "../object-meta.ts";
import { checkContainers, checkEphemeralContainers, checkInitContainers } from "./containers.ts";
import { fileReferences } from "./environment.ts";
import { evictionResponders } from "./eviction-responders.ts";
import { podAnnotations } from "./pod-annotations.ts";
import { osFields } from "./pod-os.ts";
import { podLevelResources } from "./pod-resources.ts";
import { podSpecOf } from "./pod-spec-of.ts";
import { profilesMatch } from "./profile-annotations.ts";
import { overhead } from "./resources.ts";
import { affinity, schedulingGates, tolerations, topologySpreadConstraints } from "./scheduling.ts";
import { podSecurity } from "./security-contexts.ts";
import { checkVolumes } from "./volumes.ts";

type Errors = Parameters<Check>[2];

const MAX_INT32 = 2 ** 31 - 1;
const MOST_SERVERS = 3;
const MOST_SEARCHES = 32;
const MOST_SEARCH_CHARACTERS = 2048;

const resourceClaims: Check = (value, at, errors) => {
  const names = new Set<unknown>();
  listOf(value).forEach((claim, index) => {
    const here = `${at}[${index}]`;
    const name = member(claim, "name") ?? "";
    if (name === "") errors.push(fieldError.required(child(here, "name")));
    else if (names.has(name)) errors.push(fieldError.duplicate(child(here, "name"), name));
    else text(dnsLabel)(name, child(here, "name"), errors);
    names.add(name);
    const given = ["resourceClaimName", "resourceClaimTemplateName"].filter((one) => member(claim, one) !== undefined);
    if (given.length === 2) {
      const why = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified";
      errors.push(fieldError.invalid(here, claim, why));
    }
    if (given.length === 0)
      errors.push(
        fieldError.invalid(here, claim, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"),
      );
    for (const one of given) text(dnsSubdomain)(member(claim, one), child(here, one), errors);
  });
};

/** A pod on the network of its host has the ports of the host. @param isPod Templates may leave host ports out. */
function hostNetworkPorts(spec: unknown, isPod: boolean, at: string, errors: Errors): void {
  if (member(spec, "hostNetwork") !== true) return;
  listOf(member(spec, "containers")).forEach((container, index) => {
    listOf(member(container, "ports")).forEach((port, place) => {
      const [host, own] = [member(port, "hostPort") ?? 0, member(port, "containerPort") ?? 0];
      if ((!isPod && host === 0) || host === own) return;
      const here = `${child(at, "containers")}[${index}].ports[${place}].hostPort`;
      errors.push(fieldError.invalid(here, host, "must match `containerPort` when `hostNetwork` is true"));
    });
  });
}

const dnsConfig: Check = (spec, at, errors) => {
  const config = member(spec, "dnsConfig");
  const servers = listOf(member(config, "nameservers"));
  if (member(spec, "dnsPolicy") === "None") {
    if (config === undefined)
      return void errors.push(fieldError.required(at, "must provide `dnsConfig` when `dnsPolicy` is None"));
    if (servers.length === 0) {
      const why = "must provide at least one DNS nameserver when `dnsPolicy` is None";
      return void errors.push(fieldError.required(child(at, "nameservers"), why));
    }
  }
  if (servers.length > MOST_SERVERS) {
    const why = `must not have more than ${MOST_SERVERS} nameservers`;
    errors.push(fieldError.invalid(child(at, "nameservers"), servers, why));
  }
  each(text(ipAddress))(servers, child(at, "nameservers"), errors);
  searches(listOf(member(config, "searches")), child(at, "searches"), errors);
  listOf(member(config, "options")).forEach((option, index) => {
    if (isUnset(member(option, "name")))
      errors.push(fieldError.required(`${child(at, "options")}[${index}]`, "must not be empty"));
  });
};

function searches(list: readonly unknown[], at: string, errors: Errors): void {
  if (list.length > MOST_SEARCHES)
    errors.push(fieldError.invalid(at, list, `must not have more than ${MOST_SEARCHES} search paths`));
  if (list.join(" ").length > MOST_SEARCH_CHARACTERS) {
    const why = `must not have more than ${MOST_SEARCH_CHARACTERS} characters (including spaces) in the search list`;
    errors.push(fieldError.invalid(at, list, why));
  }
  list.forEach((search, index) => {
    if (search !== ".") text(underscoredSubdomain)(String(search).replace(/\.$/, ""), `${at}[${index}]`, errors);
  });
}

const hostAliases: Check = each(fields({ ip: text(ipAddress), hostnames: each(text(dnsSubdomain)) }));

function sharesNetwork(old: Unstructured): boolean {
  const spec = podSpecOf(old);
  return member(spec, "hostUsers") === false && member(spec, "hostNetwork") === true;
}

/** Who has users of their own may not see into the host by other ways. Upstream names two of the fields so. */
function hostUsers(spec: unknown, at: string, errors: Errors): void {
  if (member(spec, "hostUsers") !== false) return;
  const reason = "when `hostUsers` is false";
  if (member(spec, "hostNetwork") === true && !allows("UserNamespacesHostNetworkSupport", sharesNetwork))
    errors.push(fieldError.forbidden(child(at, "hostNetwork"), reason));
  if (member(spec, "hostPID") === true) errors.push(fieldError.forbidden(child(at, "HostPID"), reason));
  if (member(spec, "hostIPC") === true) errors.push(fieldError.forbidden(child(at, "HostIPC"), reason));
  for (const list of ["initContainers", "containers", "ephemeralContainers"])
    listOf(member(spec, list)).forEach((container, index) => {
      if (!isUnset(member(container, "volumeDevices")))
        errors.push(fieldError.forbidden(`${child(at, list)}[${index}].volumeDevices`, reason));
    });
}

/** A hostname that replaces the one made of hostname and subdomain; the kernel's limit is 64. */
function hostnameOverride(spec: unknown, at: string, errors: Errors): void {
  const name = member(spec, "hostnameOverride");
  if (name === undefined) return;
  const here = child(at, "hostnameOverride");
  for (const other of ["setHostnameAsFQDN", "hostNetwork"])
    if (member(spec, other) === true)
      errors.push(fieldError.forbidden(here, `may not be specified when ${other} is true`));
  if (String(name).length > 64) errors.push(fieldError.tooLong(here, 64));
  text(dnsSubdomain)(name, here, errors);
}

function sharedProcesses(spec: unknown, at: string, errors: Errors): void {
  if (member(spec, "shareProcessNamespace") !== true || member(spec, "hostPID") !== true) return;
  const why = "ShareProcessNamespace and HostPID cannot both be enabled";
  errors.push(fieldError.invalid(child(at, "shareProcessNamespace"), true, why));
}

const schedulingGroup: Check = (value, at, errors) => {
  const name = member(value, "podGroupName");
  const here = child(at, "podGroupName");
  if (name === undefined) errors.push(fieldError.invalid(here, null, "must specify one of: `podGroupName`"));
  else text(dnsSubdomain)(name, here, errors);
};

const preemptionPolicy: Check = oneOf("PreemptLowerPriority", "Never");

const PLACEMENT: Check = fields({
  affinity: optional(affinity),
});

const REST: Check = fields({
  readinessGates: each(fields({ conditionType: text(labelKeyProblems) })),
  schedulingGates,
  topologySpreadConstraints,
});

const IDENTITY: Check = fields({
  serviceAccountName: unlessUnset(text(dnsSubdomain)),
  nodeName: unlessUnset(text(dnsSubdomain)),
  activeDeadlineSeconds: optional(between(1, MAX_INT32)),
  hostname: unlessUnset(text(dnsLabel)),
  subdomain: unlessUnset(text(dnsLabel)),
  tolerations,
  hostAliases,
  priorityClassName: unlessUnset(text(dnsSubdomain)),
  runtimeClassName: optional(text(dnsSubdomain)),
  preemptionPolicy: optional(preemptionPolicy),
  overhead,
});

/** 0 is set. */
const requiredUnlessSet: Check = (value, at, errors) => {
  if (value === undefined) errors.push(fieldError.required(at));
};

const GRACE: Check = fields({ terminationGracePeriodSeconds: requiredUnlessSet });

const CHOICES: Check = fields({
  restartPolicy: oneOf("Always", "OnFailure", "Never"),
  dnsPolicy: oneOf("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"),
  nodeSelector: labels,
});

const GROUP: Check = fields({ schedulingGroup: optional(schedulingGroup), evictionResponders });

/** core/v1.PodSpec. @param pod The pod's name, "" for templates; undefined where no pod is known. */
export const podSpec = remembered(podSpecOf, podSpecOfPod);

function podSpecOfPod(pod: string | undefined): Check {
  return (value, at, errors) => {
    GRACE(value, at, errors);
    const volumes = checkVolumes(member(value, "volumes"), pod ?? "", child(at, "volumes"), errors);
    const parts = { spec: value, volumes };
    resourceClaims(member(value, "resourceClaims"), child(at, "resourceClaims"), errors);
    checkContainers(parts, child(at, "containers"), errors);
    checkInitContainers(parts, child(at, "initContainers"), errors);
    checkEphemeralContainers(parts, child(at, "ephemeralContainers"), errors);
    podLevelResources(value, at, errors);
    hostNetworkPorts(value, pod !== undefined, at, errors);
    CHOICES(value, at, errors);
    podSecurity(value, at, errors);
    sharedProcesses(value, at, errors);
    PLACEMENT(value, at, errors);
    dnsConfig(value, child(at, "dnsConfig"), errors);
    REST(value, at, errors);
    hostUsers(value, at, errors);
    hostnameOverride(value, at, errors);
    IDENTITY(value, at, errors);
    osFields(value, at, errors);
    GROUP(value, at, errors);
    for (const list of ["initContainers", "containers", "ephemeralContainers"]) fileReferences(value, list, at, errors);
  };
}

/** core/v1.PodTemplateSpec. */
export const podTemplate: Check = (value, at, errors) => {
  labels(valueAt(value, "metadata.labels"), child(at, "labels"), errors); // upstream leaves out "metadata"
  annotations(valueAt(value, "metadata.annotations"), child(at, "annotations"), errors);
  podAnnotations(valueAt(value, "metadata.annotations"), member(value, "spec"), child(at, "annotations"), errors);
  podSpec(undefined)(member(value, "spec"), child(at, "spec"), errors);
  profilesMatch(valueAt(value, "metadata.annotations"), member(value, "spec"), child(at, "spec"), errors);
  if (!isUnset(valueAt(value, "spec.ephemeralContainers"))) {
    const why = "ephemeral containers not allowed in pod template";
    errors.push(fieldError.forbidden(child(at, "spec.ephemeralContainers"), why));
  }
};

/** A template whose pods are kept running forever: restartPolicy must be Always. */
export const alwaysTemplate: Check = (value, at, errors) => {
  podTemplate(value, at, errors);
  keptRunning(value, at, errors);
};

const keptRunning: Check = (value, at, errors) => {
  const policy = valueAt(value, "spec.restartPolicy") ?? "";
  if (policy !== "Always") errors.push(fieldError.notSupported(child(at, "spec.restartPolicy"), policy, ["Always"]));
  if (valueAt(value, "spec.activeDeadlineSeconds") !== undefined) {
    const why = "activeDeadlineSeconds in ReplicaSet is not Supported";
    errors.push(fieldError.forbidden(child(at, "spec.activeDeadlineSeconds"), why));
  }
};
