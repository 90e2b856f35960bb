import { labelMatcherOf, type Unstructured } from "@tsukube/api";
import { textAt } from "../registry/strategies.ts";
import { age, duration } from "./ages.ts";
import { type Cells, count, created, labelsText, listAt, NONE, name, or, shortList } from "./cells.ts";

const UNSET = "<unset>";

/** The status of a condition: "True", "False", "Unknown", or "" where there is none. */
function conditionOf(object: Unstructured, type: string): { readonly status: string; readonly reason: string } {
  const found = listAt(object, "status.conditions").find((condition) => condition["type"] === type);
  return { status: textAt(found, "status"), reason: textAt(found, "reason") };
}

const booleanAt = (object: Unstructured, path: string, byDefault: boolean): boolean =>
  textAt(object, path) === "" ? byDefault : textAt(object, path) === "true";

const webhookCells: Cells = (object, now) => [name(object), listAt(object, "webhooks").length, created(object, now)];

const bindingCells: Cells = (object, now) => {
  const { paramRef } = (object["spec"] ?? {}) as {
    readonly paramRef?: { readonly name?: string; readonly namespace?: string; readonly selector?: object };
  };
  const named = paramRef?.name === undefined ? "" : `${or(paramRef.namespace ?? "", "*")}/${paramRef.name}`;
  const selected = paramRef?.selector === undefined ? UNSET : labelMatcherOf(paramRef.selector).toString();
  return [name(object), textAt(object, "spec.policyName"), or(named, selected), created(object, now)];
};

const policyCells =
  (rules: string): Cells =>
  (object, now) => {
    const kind = textAt(object, "spec.paramKind.kind");
    const shown = kind === "" ? UNSET : `${textAt(object, "spec.paramKind.apiVersion")}/${kind}`;
    return [name(object), listAt(object, `spec.${rules}`).length, shown, created(object, now)];
  };

const claimState = (object: Unstructured): string => {
  const isDeleted = object.metadata?.deletionTimestamp !== undefined;
  const isAllocated = textAt(object, "status.allocation") !== "";
  const isReserved = isAllocated && listAt(object, "status.reservedFor").length > 0;
  return [
    ...(isDeleted ? ["deleted"] : []),
    ...(isAllocated ? ["allocated"] : isDeleted ? [] : ["pending"]),
    ...(isReserved ? ["reserved"] : []),
  ].join(",");
};

/** Cells of what administrators look at: admission, certificates, autoscaling, flow control, quotas, drivers, definitions. */
export const ADMINISTRATION_CELLS: Readonly<Record<string, Cells>> = {
  "/podtemplates": (object) => {
    const containers = listAt(object, "template.spec.containers");
    const labels = (object["template"] as Unstructured | undefined)?.metadata?.labels;
    const all = (field: string): string => containers.map((container) => textAt(container, field)).join(",");
    return [name(object), all("name"), all("image"), labelsText(labels)];
  },
  "/resourcequotas": (object, now) => {
    const { hard = {}, used = {} } = (object["status"] ?? {}) as {
      readonly hard?: Readonly<Record<string, string>>;
      readonly used?: Readonly<Record<string, string>>;
    };
    const isLimit = (resource: string): boolean => resource.startsWith("limits.");
    const shown = (wanted: boolean): string =>
      Object.keys(hard)
        .filter((resource) => isLimit(resource) === wanted)
        .sort()
        .map((resource) => `${resource}: ${used[resource] ?? 0}/${hard[resource]}`)
        .join(", ");
    return [name(object), shown(false), shown(true), created(object, now)];
  },
  "admissionregistration.k8s.io/mutatingwebhookconfigurations": webhookCells,
  "admissionregistration.k8s.io/validatingwebhookconfigurations": webhookCells,
  "admissionregistration.k8s.io/mutatingadmissionpolicies": policyCells("mutations"),
  "admissionregistration.k8s.io/validatingadmissionpolicies": policyCells("validations"),
  "admissionregistration.k8s.io/mutatingadmissionpolicybindings": bindingCells,
  "admissionregistration.k8s.io/validatingadmissionpolicybindings": bindingCells,
  "apiextensions.k8s.io/customresourcedefinitions": (object) => {
    const served = listAt(object, "spec.versions").filter((version) => version["served"] === true);
    const versions = served.map((version) => `${version["name"]}${version["storage"] === true ? "(storage)" : ""}`);
    return [
      name(object),
      textAt(object, "spec.scope"),
      versions.sort().join(","),
      object.metadata?.creationTimestamp,
      textAt(object, "spec.group"),
      textAt(object, "spec.names.kind"),
      listAt<string>(object, "spec.names.shortNames").join(","),
      conditionOf(object, "Established").status === "True",
    ];
  },
  "apiregistration.k8s.io/apiservices": (object, now) => {
    const service = textAt(object, "spec.service.name");
    const { status, reason } = conditionOf(object, "Available");
    return [
      name(object),
      service === "" ? "Local" : `${textAt(object, "spec.service.namespace")}/${service}`,
      status === "" ? "Unknown" : status === "True" ? status : `${status} (${reason})`,
      created(object, now),
    ];
  },
  "autoscaling/horizontalpodautoscalers": (object, now) => [
    name(object),
    `${textAt(object, "spec.scaleTargetRef.kind")}/${textAt(object, "spec.scaleTargetRef.name")}`,
    targetsText(object),
    or(textAt(object, "spec.minReplicas"), UNSET),
    count(object, "spec.maxReplicas"),
    count(object, "status.currentReplicas"),
    created(object, now),
  ],
  "certificates.k8s.io/certificatesigningrequests": (object, now) => {
    const seconds = textAt(object, "spec.expirationSeconds");
    return [
      name(object),
      created(object, now),
      or(textAt(object, "spec.signerName")),
      textAt(object, "spec.username"),
      seconds === "" ? NONE : duration(Number(seconds)),
      signingState(object),
    ];
  },
  "certificates.k8s.io/clustertrustbundles": (object) => [name(object), or(textAt(object, "spec.signerName"))],
  "certificates.k8s.io/podcertificaterequests": (object) => [
    name(object),
    ...["podName", "serviceAccountName", "nodeName", "signerName"].map((field) => textAt(object, `spec.${field}`)),
    ["Issued", "Denied", "Failed"].find((type) => conditionOf(object, type).status === "True") ?? "Pending",
    or(annotationsText(object)),
  ],
  "flowcontrol.apiserver.k8s.io/flowschemas": (object, now) => [
    name(object),
    textAt(object, "spec.priorityLevelConfiguration.name"),
    count(object, "spec.matchingPrecedence"),
    or(textAt(object, "spec.distinguisherMethod.type")),
    created(object, now),
    or(conditionOf(object, "Dangling").status, "?"),
  ],
  "flowcontrol.apiserver.k8s.io/prioritylevelconfigurations": (object, now) => {
    const exempt = textAt(object, "spec.exempt.nominalConcurrencyShares");
    const queuing = "spec.limited.limitResponse.queuing";
    return [
      name(object),
      textAt(object, "spec.type"),
      numberOr(textAt(object, "spec.limited.nominalConcurrencyShares") || exempt),
      numberOr(textAt(object, `${queuing}.queues`)),
      numberOr(textAt(object, `${queuing}.handSize`)),
      numberOr(textAt(object, `${queuing}.queueLengthLimit`)),
      created(object, now),
    ];
  },
  "networking.k8s.io/ingressclasses": (object, now) => {
    const kind = textAt(object, "spec.parameters.kind");
    const group = textAt(object, "spec.parameters.apiGroup");
    const type = group === "" ? kind : `${kind}.${group}`;
    const parameters = kind === "" ? NONE : `${type}/${textAt(object, "spec.parameters.name")}`;
    return [name(object), textAt(object, "spec.controller"), parameters, created(object, now)];
  },
  "networking.k8s.io/ipaddresses": (object) => {
    const parts = ["resource", "namespace", "name"].map((field) => textAt(object, `spec.parentRef.${field}`));
    const group = textAt(object, "spec.parentRef.group");
    if (parts[0] !== "" && group !== "") parts[0] = `${parts[0]}.${group}`;
    return [name(object), or(parts.filter((part) => part !== "").join("/"))];
  },
  "networking.k8s.io/networkpolicies": (object, now) => {
    const selector = (object["spec"] as { readonly podSelector?: object } | undefined)?.podSelector ?? {};
    return [name(object), or(labelMatcherOf(selector).toString()), created(object, now)];
  },
  "networking.k8s.io/servicecidrs": (object, now) => [
    name(object),
    listAt<string>(object, "spec.cidrs").join(","),
    created(object, now),
  ],
  "node.k8s.io/runtimeclasses": (object, now) => [name(object), textAt(object, "handler"), created(object, now)],
  "resource.k8s.io/devicetaintrules": (object, now) => [
    name(object),
    ...["key", "value", "effect"].map((field) => textAt(object, `spec.taint.${field}`)),
    age(textAt(object, "spec.taint.timeAdded"), now),
    created(object, now),
  ],
  "resource.k8s.io/resourceclaims": (object, now) => [name(object), claimState(object), created(object, now)],
  "resource.k8s.io/resourceslices": (object, now) => [
    name(object),
    or(textAt(object, "spec.nodeName")),
    textAt(object, "spec.driver"),
    textAt(object, "spec.pool.name"),
    created(object, now),
  ],
  "storagemigration.k8s.io/storageversionmigrations": (object) => {
    const [group, resource] = ["group", "resource"].map((field) => textAt(object, `spec.resource.${field}`));
    const state = ["Succeeded", "Failed", "Running"].find((type) => conditionOf(object, type).status === "True");
    return [name(object), group === "" ? resource : `${resource}.${group}`, state ?? "Unknown"];
  },
  "storage.k8s.io/csidrivers": (object, now) => [
    name(object),
    booleanAt(object, "spec.attachRequired", true),
    booleanAt(object, "spec.podInfoOnMount", false),
    booleanAt(object, "spec.storageCapacity", false),
    or(
      listAt(object, "spec.tokenRequests")
        .map((request) => textAt(request, "audience"))
        .join(","),
      UNSET,
    ),
    booleanAt(object, "spec.requiresRepublish", false),
    or(listAt<string>(object, "spec.volumeLifecycleModes").join(",")),
    created(object, now),
  ],
  "storage.k8s.io/csinodes": (object, now) => [
    name(object),
    listAt(object, "spec.drivers").length,
    created(object, now),
  ],
  "storage.k8s.io/volumeattachments": (object, now) => [
    name(object),
    textAt(object, "spec.attacher"),
    textAt(object, "spec.source.persistentVolumeName"),
    textAt(object, "spec.nodeName"),
    booleanAt(object, "status.attached", false),
    created(object, now),
  ],
  "storage.k8s.io/volumeattributesclasses": (object, now) => [
    name(object),
    textAt(object, "driverName"),
    created(object, now),
  ],
};

function annotationsText(object: Unstructured): string {
  const { unverifiedUserAnnotations = {} } = (object["spec"] ?? {}) as {
    readonly unverifiedUserAnnotations?: Readonly<Record<string, string>>;
  };
  return labelsText(unverifiedUserAnnotations).replace(NONE, "");
}

function numberOr(text: string): number | string {
  return text === "" ? NONE : Number(text);
}

function signingState(object: Unstructured): string {
  const is = (type: string): boolean => listAt(object, "status.conditions").some(({ type: found }) => found === type);
  const decided = is("Denied") ? "Denied" : is("Approved") ? "Approved" : "Pending";
  const failed = is("Failed") ? ",Failed" : "";
  return `${decided}${failed}${textAt(object, "status.certificate") === "" ? "" : ",Issued"}`;
}

interface Metric {
  readonly type?: string;
  readonly [source: string]: unknown;
}

/** "cpu: 12%/50%": each metric's current value and its target; two metrics at most. Reads autoscaling/v1 and v2. */
function targetsText(object: Unstructured): string {
  const utilization = textAt(object, "spec.targetCPUUtilizationPercentage"); // autoscaling/v1
  if (utilization !== "") {
    const now = textAt(object, "status.currentCPUUtilizationPercentage");
    return `cpu: ${now === "" ? "<unknown>" : `${now}%`}/${utilization}%`;
  }
  const current = listAt<Metric>(object, "status.currentMetrics");
  const shown = listAt<Metric>(object, "spec.metrics").map((metric, index) => metricText(metric, current[index]));
  return or(shortList(shown, 2, ", "));
}

function metricText(metric: Metric, current: Metric | undefined): string {
  const type = metric.type ?? "";
  const source = `${type.slice(0, 1).toLowerCase()}${type.slice(1)}`;
  const target = (field: string): string => textAt(metric, `${source}.target.${field}`);
  const now = (field: string, unit = ""): string => {
    const value = textAt(current, `${source}.current.${field}`);
    return value === "" || value === "0" ? "<unknown>" : `${value}${unit}`;
  };
  const of = textAt(metric, `${source}.name`);
  const prefix = of === "" ? "" : `${of}: `; // Resource and ContainerResource
  if (target("averageUtilization") !== "")
    return `${prefix}${now("averageUtilization", "%")}/${target("averageUtilization")}%`;
  const isAverageOfAll = type === "External" || type === "Object";
  if (target("averageValue") !== "")
    return `${prefix}${now("averageValue")}/${target("averageValue")}${isAverageOfAll ? " (avg)" : ""}`;
  return `${prefix}${now("value")}/${target("value")}`;
}
