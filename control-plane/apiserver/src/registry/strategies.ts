import { deleteReturnsObject, type GroupVersionResource, jsonEqual, type Unstructured } from "@tsukube/api";
import type { CertificateSigningRequest } from "@tsukube/api/types/certificates-v1";
import type { Node, PersistentVolume, PersistentVolumeClaim } from "@tsukube/api/types/core-v1";
import { formatTime } from "@tsukube/foundation";
import { withCondition } from "../crd/crd-conditions.ts";
import type { Strategy } from "./definition.ts";
import { withJobSelector } from "./job-selector.ts";
import { keyPairWarnings } from "./key-pair-warnings.ts";
import { preparedPod, updatedPod } from "./pod-preparation.ts";
import { preparedPodStatus } from "./pod-status.ts";
import { withoutFormerType } from "./service-type.ts";

type Tree = Readonly<Record<string, unknown>>;

/** The value at a dotted path, as text; "" when there is none. */
export function textAt(object: unknown, path: string): string {
  let value = object;
  for (const part of path.split(".")) value = (value as Tree | undefined | null)?.[part];
  return value === undefined || value === null ? "" : String(value);
}

const boolAt =
  (path: string) =>
  (object: Unstructured): string =>
    textAt(object, path) === "true" ? "true" : "false";

/** Resources that count generations, as facts/defaults.json shows. */
const GENERATION = new Set(
  (
    "pods podtemplates replicationcontrollers mutatingadmissionpolicies mutatingadmissionpolicybindings mutatingwebhookconfigurations " +
    "validatingadmissionpolicies validatingadmissionpolicybindings validatingwebhookconfigurations customresourcedefinitions daemonsets " +
    "deployments replicasets statefulsets horizontalpodautoscalers cronjobs jobs endpointslices flowschemas prioritylevelconfigurations " +
    "evictionrequests evictions ingressclasses ingresses networkpolicies poddisruptionbudgets deviceclasses devicetaintrules resourceslices " +
    "priorityclasses"
  ).split(" "),
);

/** PUT creates what is absent. */
const CREATE_ON_UPDATE = new Set(
  "endpoints events leases leasecandidates limitranges roles rolebindings clusterroles clusterrolebindings runtimeclasses services".split(
    " ",
  ),
);

/** PUT must say which version it replaces; of some in one version of the API alone. */
const CONDITIONAL = new Set(
  (
    "customresourcedefinitions leases poddisruptionbudgets apiservices persistentvolumeclaimtemplates validatingadmissionpolicies " +
    "validatingadmissionpolicybindings mutatingadmissionpolicies mutatingadmissionpolicybindings validatingwebhookconfigurations " +
    "mutatingwebhookconfigurations clustertrustbundles podcertificaterequests runtimeclasses csidrivers csinodes " +
    "csistoragecapacities volumeattachments storageversionmigrations storageversions leasecandidates evictions evictionrequests " +
    "resourcepoolstatusrequests compositepodgroups podgroups workloads v1/devicetaintrules"
  ).split(" "),
);

/** Kinds older than the garbage collector: their dependents stay unless the client says otherwise. */
const ORPHANING = new Set(["/replicationcontrollers", "batch/jobs"]);

/** No garbage collection: events are forgotten by themselves, definitions have a finalizer of their own. */
const NEVER_WAITING = new Set(["events", "customresourcedefinitions"]);

/** Field selectors besides name and namespace. */
const FIELD_LABELS: Readonly<Record<string, Strategy["fieldLabels"]>> = {
  pods: {
    "spec.nodeName": "spec.nodeName",
    "spec.host": "spec.nodeName", // its name of old
    "spec.restartPolicy": "spec.restartPolicy",
    "spec.schedulerName": "spec.schedulerName",
    "spec.serviceAccountName": "spec.serviceAccountName",
    "spec.hostNetwork": boolAt("spec.hostNetwork"),
    "status.phase": "status.phase",
    "status.podIP": "status.podIP",
    "status.podIPs": () => "", // upstream takes it and finds nothing by it
    "status.nominatedNodeName": "status.nominatedNodeName",
  },
  "/events": {
    "involvedObject.kind": "involvedObject.kind",
    "involvedObject.namespace": "involvedObject.namespace",
    "involvedObject.name": "involvedObject.name",
    "involvedObject.uid": "involvedObject.uid",
    "involvedObject.apiVersion": "involvedObject.apiVersion",
    "involvedObject.resourceVersion": "involvedObject.resourceVersion",
    "involvedObject.fieldPath": "involvedObject.fieldPath",
    reason: "reason",
    reportingComponent: "reportingComponent",
    source: (object) => textAt(object, "source.component") || textAt(object, "reportingComponent"),
    type: "type",
  },
  "events.k8s.io/events": {
    "regarding.kind": "regarding.kind",
    "regarding.namespace": "regarding.namespace",
    "regarding.name": "regarding.name",
    "regarding.uid": "regarding.uid",
    "regarding.apiVersion": "regarding.apiVersion",
    "regarding.resourceVersion": "regarding.resourceVersion",
    "regarding.fieldPath": "regarding.fieldPath",
    reason: "reason",
    reportingController: "reportingController",
    type: "type",
  },
  nodes: { "spec.unschedulable": boolAt("spec.unschedulable") },
  namespaces: { "status.phase": "status.phase" },
  secrets: { type: "type" },
  services: { "spec.clusterIP": "spec.clusterIP", "spec.type": "spec.type" },
  replicationcontrollers: { "status.replicas": (object) => textAt(object, "status.replicas") || "0" },
  jobs: { "status.successful": (object) => textAt(object, "status.succeeded") || "0" },
  certificatesigningrequests: { "spec.signerName": "spec.signerName" },
  clustertrustbundles: { "spec.signerName": "spec.signerName" },
  podcertificaterequests: {
    "spec.signerName": "spec.signerName",
    "spec.podName": "spec.podName",
    "spec.nodeName": "spec.nodeName",
  },
  resourceslices: {
    "spec.nodeName": "spec.nodeName",
    "spec.driver": "spec.driver",
    "spec.pool.name": "spec.pool.name",
  },
};

/** Everything of pods that depends on time: how long one that is deleted may still run. */
function podGracePeriod(pod: Unstructured, asked: number | undefined): number {
  const spec = pod["spec"] as { nodeName?: string; terminationGracePeriodSeconds?: number } | undefined;
  const phase = textAt(pod, "status.phase");
  // not on a node, or over already: nobody has to stop anything
  if ((spec?.nodeName ?? "") === "" || phase === "Failed" || phase === "Succeeded") return 0;
  const wanted = asked ?? spec?.terminationGracePeriodSeconds ?? 30;
  return wanted < 0 ? 1 : wanted;
}

/** The behaviour of a built-in resource. @param hasStatus It has a status subresource. */
export function builtinStrategy({ group, version, resource }: GroupVersionResource, hasStatus: boolean): Strategy {
  const isIn = (set: ReadonlySet<string>): boolean => set.has(resource) || set.has(`${version}/${resource}`);
  const labels = FIELD_LABELS[`${group}/${resource}`] ?? (resource === "events" ? undefined : FIELD_LABELS[resource]);
  return {
    generation: GENERATION.has(resource),
    createOnUpdate: CREATE_ON_UPDATE.has(resource),
    unconditionalUpdate: !isIn(CONDITIONAL),
    status: hasStatus && resource !== "persistentvolumes" ? true : hasStatus,
    returnsDeleted: deleteReturnsObject(version, resource),
    dependents: ORPHANING.has(`${group}/${resource}`) ? "orphan" : NEVER_WAITING.has(resource) ? "none" : "background",
    ...(resource === "pods" && { gracePeriod: podGracePeriod }),
    ...(labels !== undefined && { fieldLabels: labels }),
    ...preparations(group, resource),
  };
}

type Preparations = Pick<
  Strategy,
  | "complete"
  | "checksWhole"
  | "createdWithStatus"
  | "prepareForCreate"
  | "prepareForUpdate"
  | "prepareForStatus"
  | "prepareForDelete"
  | "warnings"
  | "resets"
  | "holds"
>;

function preparations(group: string, resource: string): Preparations {
  switch (`${group}/${resource}`) {
    case "/pods":
      return {
        checksWhole: true,
        prepareForCreate: (pod, _context, now) => preparedPod(pod, now),
        prepareForUpdate: updatedPod,
        prepareForStatus: preparedPodStatus,
      };
    case "/nodes":
      return {
        createdWithStatus: true,
        prepareForCreate: (node) => withPodCidrs(withoutConfig(node)),
        prepareForUpdate: withPodCidrs,
      };
    case "/namespaces":
      return {
        prepareForCreate: (namespace) => ({
          ...withLabel(namespace),
          spec: { finalizers: ["kubernetes"] },
          status: { phase: "Active" },
        }),
        prepareForUpdate: (next, old) => withLabel({ ...next, spec: old["spec"], status: old["status"] }),
      };
    case "/persistentvolumes":
      return {
        prepareForCreate: (volume, _context, now) => ({
          ...volume,
          status: { phase: "Pending", lastPhaseTransitionTime: formatTime(now) },
        }),
        prepareForStatus: withTransitionTime,
      };
    case "/persistentvolumeclaims":
      return {
        prepareForCreate: (claim) => ({ ...withDataSources(claim), status: { phase: "Pending" } }),
        prepareForUpdate: withDataSources,
      };
    case "/limitranges":
      return { prepareForCreate: withName };
    case "/services":
      return { prepareForUpdate: withoutFormerType };
    case "/secrets":
      return { warnings: keyPairWarnings };
    case "apps/daemonsets":
      return {
        prepareForCreate: (set) => withTemplateGeneration(set, undefined),
        prepareForUpdate: withTemplateGeneration,
      };
    case "resource.k8s.io/devicetaintrules":
      return { complete: withTaintTime };
    case "batch/jobs":
      return { prepareForCreate: withJobSelector };
    case "apiextensions.k8s.io/customresourcedefinitions":
      return {
        holds: ["customresourcecleanup.apiextensions.k8s.io"],
        prepareForDelete: (crd, now) => withCondition(crd as never, DELETION_PENDING, formatTime(now)) as never,
        prepareForCreate: (crd) =>
          withNames({
            ...crd,
            status: { conditions: null, acceptedNames: { plural: "", kind: "" }, storedVersions: storedVersionOf(crd) },
          }),
        prepareForUpdate: (next, old) => {
          const status = (old["status"] ?? {}) as { storedVersions?: readonly string[] };
          const storedVersions = [...new Set([...(status.storedVersions ?? []), ...storedVersionOf(next)])];
          return withNames({ ...next, status: { ...status, storedVersions } });
        },
      };
    case "certificates.k8s.io/certificatesigningrequests":
      return {
        resets: ["f:spec"],
        prepareForCreate: (csr, { user }) => ({
          ...csr,
          spec: {
            ...(csr["spec"] as object),
            username: user.name,
            groups: user.groups,
            ...(user.uid !== undefined && { uid: user.uid }),
            ...(Object.keys(user.extra).length > 0 && { extra: user.extra }),
          },
          status: {},
        }),
        prepareForUpdate: (next, old) => ({ ...next, spec: old["spec"], status: old["status"] }),
        prepareForStatus: withConditionTimes,
      };
    default:
      return {};
  }
}

/** Of all kinds only this one may be made without a name. */
function withName(limits: Unstructured): Unstructured {
  const { name, uid } = limits.metadata ?? {};
  return name ? limits : { ...limits, metadata: { ...limits.metadata, name: uid ?? "" } };
}

/** Kubelets are no longer configured through the API. */
function withoutConfig(node: Unstructured): Unstructured {
  const { configSource: _source, ...spec } = (node as Node).spec ?? {};
  const { config: _config, ...status } = (node as Node).status ?? {};
  return { ...node, spec, status } as Unstructured;
}

function withPodCidrs(node: Unstructured): Unstructured {
  const { podCIDR = "", podCIDRs = [], ...spec } = (node as Node).spec ?? {};
  const all = podCIDR === "" || podCIDRs[0] === podCIDR ? podCIDRs : [podCIDR]; // who changed one meant both
  return all.length === 0 ? node : ({ ...node, spec: { ...spec, podCIDR: all[0], podCIDRs: all } } as Unstructured);
}

/** New conditions are of now; the others keep their times. */
function withConditionTimes(next: Unstructured, old: Unstructured, now: number): Unstructured {
  const conditionsOf = (of: Unstructured) => (of as CertificateSigningRequest & Unstructured).status?.conditions ?? [];
  const conditions = conditionsOf(next).map((condition) => {
    const before = conditionsOf(old).find(({ type }) => type === condition.type);
    const isKept = before?.status === condition.status;
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? formatTime(now),
      lastTransitionTime:
        condition.lastTransitionTime ?? (isKept ? before?.lastTransitionTime : undefined) ?? formatTime(now),
    };
  });
  return conditions.length === 0 ? next : { ...next, status: { ...(next["status"] as object), conditions } };
}

/** When a volume last changed its phase (KEP-3762). */
function withTransitionTime(next: Unstructured, old: Unstructured, now: number): Unstructured {
  const [status, before] = [(next as PersistentVolume).status ?? {}, (old as PersistentVolume).status ?? {}];
  const asked = status.lastPhaseTransitionTime;
  const isMoved = status.phase !== before.phase;
  if (asked && (!isMoved || asked !== before.lastPhaseTransitionTime)) return next;
  const time = isMoved ? formatTime(now) : before.lastPhaseTransitionTime;
  return time ? { ...next, status: { ...status, lastPhaseTransitionTime: time } } : next;
}

/** dataSource and dataSourceRef say the same, unless the latter is in another namespace (KEP-1495). */
function withDataSources(claim: Unstructured): Unstructured {
  const spec = ((claim as PersistentVolumeClaim).spec ?? {}) as NonNullable<PersistentVolumeClaim["spec"]>;
  const { dataSource, dataSourceRef } = spec;
  if (dataSource && !dataSourceRef) return { ...claim, spec: { ...spec, dataSourceRef: dataSource } } as Unstructured;
  if (!dataSourceRef || dataSource || (dataSourceRef.namespace ?? "") !== "") return claim;
  const { namespace: _own, ...source } = dataSourceRef;
  return { ...claim, spec: { ...spec, dataSource: source } } as Unstructured;
}

const TEMPLATE_GENERATION = "deprecated.daemonset.template.generation";

/** An annotation of the times before ControllerRevisions, which upstream still keeps. */
function withTemplateGeneration(set: Unstructured, old: Unstructured | undefined): Unstructured {
  const template = (of: Unstructured): unknown => (of["spec"] as { template?: unknown } | undefined)?.template;
  const before = Number(old?.metadata?.annotations?.[TEMPLATE_GENERATION] ?? 0);
  const isNew = old === undefined || !jsonEqual(template(set), template(old));
  const annotations = { ...set.metadata?.annotations, [TEMPLATE_GENERATION]: String(before + (isNew ? 1 : 0)) };
  return { ...set, metadata: { ...set.metadata, annotations } };
}

function withTaintTime(rule: Unstructured, now: number): Unstructured {
  const spec = (rule["spec"] ?? {}) as { readonly taint?: { readonly timeAdded?: string | null } };
  if (spec.taint === undefined || spec.taint.timeAdded) return rule;
  return { ...rule, spec: { ...spec, taint: { ...spec.taint, timeAdded: formatTime(now) } } };
}

/** Every namespace carries its name as a label, so that selectors can name it (KEP-2161). */
function withLabel(namespace: Unstructured): Unstructured {
  const name = namespace.metadata?.name ?? "";
  const labels = { ...namespace.metadata?.labels, "kubernetes.io/metadata.name": name };
  return name === "" ? namespace : { ...namespace, metadata: { ...namespace.metadata, labels } };
}

interface CrdSpec {
  readonly names?: { readonly kind?: string; readonly singular?: string; readonly listKind?: string };
  readonly versions?: readonly { readonly name?: string; readonly storage?: boolean }[];
}

/** The version that objects of a definition are written in from now on, if it says so. */
/** Of a definition whose deletion was asked for. */
const DELETION_PENDING = {
  type: "Terminating",
  status: "True",
  reason: "InstanceDeletionPending",
  message: "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
};

function storedVersionOf(crd: Unstructured): readonly string[] {
  const { versions } = (crd["spec"] ?? {}) as CrdSpec;
  const stored = (versions ?? []).find((version) => version.storage === true);
  return stored === undefined ? [] : [stored.name ?? ""];
}

/** Singular and list kind follow from the kind unless they are given. */
function withNames(crd: Unstructured): Unstructured {
  const spec = (crd["spec"] ?? {}) as CrdSpec;
  const { kind = "" } = spec.names ?? {};
  const singular = spec.names?.singular || kind.toLowerCase();
  const listKind = spec.names?.listKind || (kind === "" ? "" : `${kind}List`);
  return { ...crd, spec: { ...spec, names: { ...spec.names, singular, listKind } } };
}
