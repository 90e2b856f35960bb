import { base64OfBytes } from "../codec/base64.ts";
import { type Defaulters, type Draft, isEmpty, nested, setAbsent } from "./defaulter.ts";
import { podDefaults } from "./pod.ts";

const encoder = new TextEncoder();

/** Defaulting of the core group, but for what stands within pods. */
export const coreDefaults: Defaulters = {
  ...podDefaults,
  "authentication/v1.TokenRequestSpec": { values: { expirationSeconds: 3600 } },
  "core/v1.PersistentVolumeClaimSpec": { values: { volumeMode: "Filesystem" } },
  "core/v1.PersistentVolumeClaim": { apply: (claim) => setAbsent(nested(claim, "status"), { phase: "Pending" }) },
  "core/v1.PersistentVolume": {
    // Only of volumes themselves: the same spec stands inline in attachments.
    apply: (volume) => {
      setAbsent(nested(volume, "spec"), { persistentVolumeReclaimPolicy: "Retain", volumeMode: "Filesystem" });
      setAbsent(nested(volume, "status"), { phase: "Pending" });
    },
  },
  "core/v1.Secret": { values: { type: "Opaque" }, apply: mergeStringData },
  "core/v1.Namespace": { apply: defaultNamespace },
  "core/v1.Node": { apply: defaultNode },
  "core/v1.EndpointPort": { values: { protocol: "TCP" } },
  "core/v1.LimitRangeItem": { apply: defaultLimits },
  "core/v1.ReplicationController": { apply: defaultReplicationController },
  "core/v1.Service": { apply: defaultService },
};

/** stringData is write-only: it goes into data. */
function mergeStringData(secret: Draft): void {
  if (isEmpty(secret["stringData"])) return;
  const data = nested(secret, "data");
  for (const [key, text] of Object.entries(secret["stringData"] as Readonly<Record<string, string>>)) {
    data[key] = base64OfBytes(encoder.encode(text));
  }
  delete secret["stringData"];
}

function defaultNamespace(namespace: Draft): void {
  setAbsent(nested(namespace, "status"), { phase: "Active" });
  const metadata = nested(namespace, "metadata");
  if (metadata["name"] !== undefined) nested(metadata, "labels")["kubernetes.io/metadata.name"] = metadata["name"];
}

function defaultNode(node: Draft): void {
  const spec = nested(node, "spec");
  if (spec["podCIDR"] !== undefined && isEmpty(spec["podCIDRs"])) spec["podCIDRs"] = [spec["podCIDR"]];
  const status = nested(node, "status");
  if (isEmpty(status["allocatable"]) && !isEmpty(status["capacity"]))
    status["allocatable"] = { ...(status["capacity"] as Draft) };
}

/** A container's default limit is its maximum, its default request the default limit, else the minimum. */
function defaultLimits(item: Draft): void {
  if (item["type"] !== "Container") return;
  const limits = { ...(item["max"] as Draft), ...(item["default"] as Draft) };
  const requests = { ...(item["min"] as Draft), ...limits, ...(item["defaultRequest"] as Draft) };
  if (!isEmpty(limits)) item["default"] = limits;
  if (!isEmpty(requests)) item["defaultRequest"] = requests;
}

function defaultReplicationController(controller: Draft): void {
  const spec = nested(controller, "spec");
  const labels = ((spec["template"] as Draft | undefined)?.["metadata"] as Draft | undefined)?.["labels"];
  if (!isEmpty(labels)) {
    if (isEmpty(spec["selector"])) spec["selector"] = { ...(labels as Draft) };
    const metadata = nested(controller, "metadata");
    if (isEmpty(metadata["labels"])) metadata["labels"] = { ...(labels as Draft) };
  }
  setAbsent(spec, { replicas: 1 });
}

const THREE_HOURS = 10800;

function defaultService(service: Draft): void {
  const spec = nested(service, "spec");
  setAbsent(spec, { sessionAffinity: "None", type: "ClusterIP" });
  if (spec["sessionAffinity"] === "None") delete spec["sessionAffinityConfig"];
  if (spec["sessionAffinity"] === "ClientIP") {
    setAbsent(nested(nested(spec, "sessionAffinityConfig"), "clientIP"), { timeoutSeconds: THREE_HOURS });
  }
  if (Array.isArray(spec["ports"])) spec["ports"] = spec["ports"].map(defaultServicePort);
  const external = spec["type"] === "NodePort" || spec["type"] === "LoadBalancer";
  if (external || (spec["type"] === "ClusterIP" && !isEmpty(spec["externalIPs"]))) {
    setAbsent(spec, { externalTrafficPolicy: "Cluster" });
  }
  if (spec["type"] !== "ExternalName") setAbsent(spec, { internalTrafficPolicy: "Cluster" });
  if (spec["type"] === "LoadBalancer") {
    setAbsent(spec, { allocateLoadBalancerNodePorts: true });
    defaultIngressModes(service);
  }
}

function defaultServicePort(port: Draft): Draft {
  const target = port["targetPort"];
  return target === undefined || target === 0 || target === "" ? { ...port, targetPort: port["port"] } : port;
}

function defaultIngressModes(service: Draft): void {
  const balancer = nested(nested(service, "status"), "loadBalancer");
  if (!Array.isArray(balancer["ingress"])) return;
  balancer["ingress"] = balancer["ingress"].map((ingress: Draft) =>
    ingress["ip"] !== undefined && ingress["ipMode"] === undefined ? { ...ingress, ipMode: "VIP" } : ingress,
  );
}
