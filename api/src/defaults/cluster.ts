import { type Defaulter, type Defaulters, type Draft, isEmpty, nested, setAbsent } from "./defaulter.ts";

const HTTPS_PORT: Defaulter = { values: { port: 443 } };
const RBAC = "rbac.authorization.k8s.io";

/** Defaulting of networking, discovery, RBAC, storage, scheduling, flow control, device claims and extension. */
export const clusterDefaults: Defaulters = {
  "networking/v1.NetworkPolicyPort": { values: { protocol: "TCP" } },
  "networking/v1.NetworkPolicySpec": {
    apply: (spec) => {
      if (isEmpty(spec["policyTypes"]))
        spec["policyTypes"] = isEmpty(spec["egress"]) ? ["Ingress"] : ["Ingress", "Egress"];
    },
  },
  "networking/v1.IngressClassParametersReference": { values: { scope: "Cluster" } },
  "discovery/v1.EndpointPort": { values: { name: "", protocol: "TCP" } },
  "rbac/v1.RoleRef": { values: { apiGroup: RBAC } },
  "rbac/v1.Subject": {
    apply: (subject) => {
      if (subject["kind"] === "User" || subject["kind"] === "Group") setAbsent(subject, { apiGroup: RBAC });
    },
  },
  "storage/v1.StorageClass": { values: { reclaimPolicy: "Delete", volumeBindingMode: "Immediate" } },
  "storage/v1.CSIDriverSpec": {
    values: {
      attachRequired: true,
      podInfoOnMount: false,
      volumeLifecycleModes: ["Persistent"],
      storageCapacity: false,
      fsGroupPolicy: "ReadWriteOnceWithFSType",
      requiresRepublish: false,
      seLinuxMount: false,
      preventPodSchedulingIfMissing: false,
    },
  },
  "scheduling/v1.PriorityClass": { values: { preemptionPolicy: "PreemptLowerPriority" } },
  "flowcontrol/v1.FlowSchemaSpec": { values: { matchingPrecedence: 1000 } },
  "flowcontrol/v1.LimitedPriorityLevelConfiguration": { values: { nominalConcurrencyShares: 30, lendablePercent: 0 } },
  "flowcontrol/v1.ExemptPriorityLevelConfiguration": { values: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  "flowcontrol/v1.QueuingConfiguration": { values: { queues: 64, handSize: 8, queueLengthLimit: 50 } },
  ...forVersions("resource", ["v1", "v1beta2"], {
    ExactDeviceRequest: { apply: countDevices },
    DeviceSubRequest: { apply: countDevices },
  }),
  "resource/v1beta1.DeviceRequest": {
    apply: (request) => {
      // Without a class the request is a choice of subrequests, which have modes of their own.
      if ((request["deviceClassName"] ?? "") !== "") countDevices(request);
    },
  },
  "resource/v1beta1.DeviceSubRequest": { apply: countDevices },
  // all devices are basic in later versions
  "resource/v1beta1.Device": { values: { basic: {} } },
  ...forVersions("admissionregistration", ["v1", "v1beta1", "v1alpha1"], {
    MatchResources: { values: { matchPolicy: "Equivalent", namespaceSelector: {}, objectSelector: {} } },
    NamedRuleWithOperations: { values: { scope: "*" } },
    RuleWithOperations: { values: { scope: "*" } },
    ValidatingAdmissionPolicySpec: { values: { failurePolicy: "Fail" } },
    MutatingAdmissionPolicySpec: { values: { failurePolicy: "Fail" } },
    ServiceReference: HTTPS_PORT,
  }),
  "admissionregistration/v1alpha1.ParamRef": { values: { parameterNotFoundAction: "Deny" } },
  "admissionregistration/v1.ValidatingWebhook": webhook({}),
  "admissionregistration/v1.MutatingWebhook": webhook({ reinvocationPolicy: "Never" }),
  "apiregistration/v1.ServiceReference": HTTPS_PORT,
  "apiextensions/v1.ServiceReference": HTTPS_PORT,
  "apiextensions/v1.CustomResourceDefinition": { apply: defaultStoredVersions },
  "apiextensions/v1.CustomResourceDefinitionSpec": { apply: defaultDefinition },
};

/** The same defaulters for several versions of a group; types that a version lacks are never met. */
function forVersions(group: string, versions: readonly string[], defaulters: Defaulters): Defaulters {
  return Object.fromEntries(
    versions.flatMap((version) =>
      Object.entries(defaulters).map(([name, value]) => [`${group}/${version}.${name}`, value]),
    ),
  );
}

function webhook(more: Readonly<Record<string, unknown>>): Defaulter {
  return {
    values: {
      failurePolicy: "Fail",
      matchPolicy: "Equivalent",
      namespaceSelector: {},
      objectSelector: {},
      timeoutSeconds: 10,
      ...more,
    },
  };
}

function countDevices(request: Draft): void {
  setAbsent(request, { allocationMode: "ExactCount" });
  if (request["allocationMode"] === "ExactCount") setAbsent(request, { count: 1 });
}

function defaultDefinition(spec: Draft): void {
  const names = nested(spec, "names");
  const kind = String(names["kind"] ?? "");
  setAbsent(names, { singular: kind.toLowerCase() });
  if (kind !== "") setAbsent(names, { listKind: `${kind}List` });
  setAbsent(spec, { conversion: { strategy: "None" } });
}

/** Some version is always stored: the one that is now. */
function defaultStoredVersions(definition: Draft): void {
  const status = definition["status"] as Draft | undefined;
  if (status === undefined || (status["storedVersions"] as readonly unknown[] | undefined)?.length) return;
  const versions = nested(definition, "spec")["versions"] as readonly Draft[] | undefined;
  const stored = versions?.find((version) => version["storage"] === true);
  if (stored !== undefined) nested(definition, "status")["storedVersions"] = [stored["name"]];
}
