import { ApiError, aggregateMessage, type FeatureGates, jsonEqual, type Unstructured } from "@tsukube/api";
import type { TokenRequest } from "@tsukube/api/types/authentication-v1";
import type { CertificateSigningRequest, PodCertificateRequest } from "@tsukube/api/types/certificates-v1";
import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeSpec,
  Pod,
  Volume,
} from "@tsukube/api/types/core-v1";
import type { ResourceSlice } from "@tsukube/api/types/resource-v1";
import type { CSIDriver } from "@tsukube/api/types/storage-v1";
import { nodeNameOf } from "../authorization/node.ts";
import { claimsOf, firstReferenceOf } from "../authorization/pod-references.ts";
import type { AdmissionAttributes, AdmissionPlugin, Authorizer } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { forbiddenLabels } from "./node-labels.ts";

const MIRROR = "kubernetes.io/config.mirror";
const LEASES = "kube-node-lease";
const KUBELET_SIGNERS = ["kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet"];

/**
 * What a node may write: itself, its Lease and CSINode, the status of its pods and their claims, mirror pods, and tokens
 * and certificates for the pods that run there. The Node authorizer has let it come this far.
 */
export function nodeRestriction(cache: WatchCache, authorizer: Authorizer, gates: FeatureGates): AdmissionPlugin {
  const restriction = new NodeRestriction(cache, authorizer, gates);
  return {
    name: "NodeRestriction",
    handles: ({ operation, context }) => operation !== "CONNECT" && nodeNameOf(context.user) !== undefined,
    async mutate(attributes) {
      await restriction.check(attributes);
      return attributes.object;
    },
  };
}

class NodeRestriction {
  readonly #cache: WatchCache;
  readonly #authorizer: Authorizer;
  readonly #gates: FeatureGates;

  constructor(cache: WatchCache, authorizer: Authorizer, gates: FeatureGates) {
    this.#cache = cache;
    this.#authorizer = authorizer;
    this.#gates = gates;
  }

  /** @throws {ApiError} 403. */
  async check(attributes: AdmissionAttributes): Promise<void> {
    const { resource, context } = attributes;
    const node = nodeNameOf(context.user) ?? "";
    if (node === "") refuse(attributes, `could not determine node from user "${context.user.name}"`);
    switch (`${resource.group}/${resource.resource}`) {
      case "/pods":
        return this.#pod(node, attributes);
      case "/nodes":
        return ownNode(node, attributes);
      case "/persistentvolumeclaims":
        return claimStatus(node, attributes);
      case "/serviceaccounts":
        return this.#token(node, attributes);
      case "certificates.k8s.io/podcertificaterequests":
        return this.#podCertificate(node, attributes);
      case "coordination.k8s.io/leases":
        return ownLease(node, attributes);
      case "storage.k8s.io/csinodes":
        if (attributes.name !== node)
          refuse(attributes, "can only access CSINode with the same name as the requesting node");
        return undefined;
      case "resource.k8s.io/resourceslices":
        return ownSlice(node, attributes);
      case "certificates.k8s.io/certificatesigningrequests":
        return ownCertificate(node, attributes);
      default:
        return undefined;
    }
  }

  #pod(node: string, attributes: AdmissionAttributes): void {
    const { subresource, operation } = attributes;
    if (subresource === "status") podStatus(node, attributes);
    else if (subresource === "" && operation === "CREATE") this.#mirrorPod(node, attributes);
    else this.#ownPod(node, attributes);
  }

  #ownPod(node: string, attributes: AdmissionAttributes): void {
    const { subresource, operation, namespace, name } = attributes;
    if (subresource === "" && operation !== "DELETE") {
      refuse(attributes, `unexpected operation "${operation}", node "${node}" can only create and delete mirror pods`);
    }
    if (subresource !== "" && subresource !== "eviction") {
      refuse(attributes, `unexpected pod subresource "${subresource}", only 'status' and 'eviction' are allowed`);
    }
    const pod = this.#get<Pod>("pods", namespace, name);
    if (pod.spec?.nodeName === node) return;
    refuse(
      attributes,
      subresource === ""
        ? `node "${node}" can only delete pods with spec.nodeName set to itself`
        : `node ${node} can only evict pods with spec.nodeName set to itself`,
    );
  }

  #mirrorPod(node: string, attributes: AdmissionAttributes): void {
    const pod = attributes.object as Pod & Unstructured;
    const no: (why: string) => never = (why) => refuse(attributes, why);
    if (pod.metadata?.annotations?.[MIRROR] === undefined)
      no(`pod does not have "${MIRROR}" annotation, node "${node}" can only create mirror pods`);
    const only = `node "${node}" can only create pods with`;
    if (pod.spec?.nodeName !== node) no(`${only} spec.nodeName set to itself`);
    const owners = pod.metadata?.ownerReferences ?? [];
    if (owners.length > 1) no(`${only} a single owner reference set to itself`);
    const owner = owners[0];
    if (owner === undefined || owner.apiVersion !== "v1" || owner.kind !== "Node" || owner.name !== node)
      no(`${only} an owner reference set to itself`);
    if (owner.controller !== true) no(`${only} a controller owner reference set to itself`);
    if (owner.blockOwnerDeletion === true) no(`node "${node}" must not set blockOwnerDeletion on an owner reference`);
    const { uid } = this.#node(node).metadata ?? {};
    if (owner.uid !== uid) no(`node ${node} UID mismatch: expected ${owner.uid} got ${uid}`);
    const reference = firstReferenceOf(pod);
    if (reference !== undefined) no(`node "${node}" can not create pods that reference ${reference}`);
  }

  async #token(node: string, attributes: AdmissionAttributes): Promise<void> {
    if (attributes.operation !== "CREATE" || attributes.subresource !== "token") return;
    const request = attributes.object as unknown as TokenRequest;
    const ref = request.spec?.boundObjectRef;
    if (ref?.apiVersion !== "v1" || ref.kind !== "Pod" || (ref.name ?? "") === "")
      return refuse(attributes, "node requested token not bound to a pod");
    if ((ref.uid ?? "") === "") refuse(attributes, "node requested token with a pod binding without a uid");
    const pod = this.#get<Pod>("pods", attributes.namespace, ref.name ?? "");
    if (ref.uid !== pod.metadata?.uid)
      refuse(
        attributes,
        `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      );
    if (pod.spec?.nodeName !== node)
      refuse(attributes, "node requested token bound to a pod scheduled on a different node");
    if (this.#gates.isOn("ServiceAccountNodeAudienceRestriction")) await this.#audience(attributes, request, pod);
  }

  /** A node asks only for audiences that its pod mounts, unless a role lets it ask for more (KEP-4412). */
  async #audience(attributes: AdmissionAttributes, request: TokenRequest, pod: Pod): Promise<void> {
    const audiences = request.spec?.audiences ?? [];
    if (audiences.length > 1) refuse(attributes, "node may only request 0 or 1 audiences");
    const audience = audiences[0] ?? "";
    if (this.#mounts(attributes, pod, audience)) return;
    if (await this.#may(attributes, "request-serviceaccounts-token-audience", audience, attributes.name)) return;
    refuse(
      attributes,
      `${attributes.context.user.name} is not authorized to request tokens for audience "${audience}"`,
    );
  }

  /** @throws {ApiError} 403 where no volume is for the audience, and of some it cannot be known. */
  #mounts(attributes: AdmissionAttributes, pod: Pod, audience: string): boolean {
    const problems: string[] = [];
    for (const volume of pod.spec?.volumes ?? []) {
      try {
        if (this.#isFor(audience, pod, volume)) return true;
      } catch (error) {
        if (!ApiError.is(error, "NotFound")) throw error;
        problems.push(error.message);
      }
    }
    if (problems.length === 0) return false;
    refuse(attributes, `error validating audience ${JSON.stringify(audience)}: ${aggregateMessage(problems)}`);
  }

  #isFor(audience: string, pod: Pod, volume: Volume): boolean {
    const isProjected = (volume.projected?.sources ?? []).some(
      ({ serviceAccountToken }) => serviceAccountToken && (serviceAccountToken.audience ?? "") === audience,
    );
    if (isProjected) return true;
    const name = this.#driverOf(pod, volume);
    if (name === undefined) return false;
    const { spec } = this.#there<CSIDriver>("csidrivers", "storage.k8s.io", "csidriver", name);
    return (spec?.tokenRequests ?? []).some((request) => request.audience === audience);
  }

  #driverOf(pod: Pod, volume: Volume): string | undefined {
    const [claimName] = claimsOf({ ...pod, spec: { ...pod.spec, volumes: [volume] } } as Pod);
    if (claimName === undefined) return driverIn(volume);
    const key = `${pod.metadata?.namespace}/${claimName}`;
    const claim = this.#there<PersistentVolumeClaim>("persistentvolumeclaims", "", "persistentvolumeclaim", key);
    const bound = claim.spec?.volumeName ?? "";
    const { spec = {} } = this.#there<PersistentVolume>("persistentvolumes", "", "persistentvolume", bound);
    return driverIn(spec);
  }

  /** @throws {ApiError} 404 as upstream's caches, which call resources by a singular. */
  #there<T>(resource: string, group: string, singular: string, key: string): T {
    const object = this.#cache.get(`/registry/${resource}/${key}`)?.object;
    if (object === undefined) throw ApiError.notFound({ group, resource: singular }, key.slice(key.indexOf("/") + 1));
    return object as T;
  }

  async #podCertificate(node: string, attributes: AdmissionAttributes): Promise<void> {
    const { operation, subresource, namespace } = attributes;
    if (operation !== "CREATE") refuse(attributes, `unexpected operation ${operation}`);
    if (subresource !== "") refuse(attributes, `unexpected subresource ${subresource}`);
    const spec = ((attributes.object as unknown as PodCertificateRequest).spec ?? {}) as NonNullable<
      PodCertificateRequest["spec"]
    >;
    const { podName, podUID, nodeName, nodeUID, serviceAccountName, serviceAccountUID, signerName } = spec;
    const who = `"${namespace}/${podName}"`;
    const asked = `PodCertificateRequest for pod ${who}`;
    if (nodeName !== node)
      refuse(
        attributes,
        `PodCertificateRequest.Spec.NodeName="${nodeName}", which is not the requesting node "${node}"`,
      );
    const { uid } = this.#node(node).metadata ?? {};
    if (uid !== nodeUID)
      throw ApiError.unknown(`${asked} names node UID "${nodeUID}", inconsistent with the running node ("${uid}")`);
    const pod = this.#get<Pod>("pods", namespace, podName ?? "");
    if (pod.metadata?.uid !== podUID)
      throw ApiError.unknown(
        `${asked} contains pod UID ("${podUID}") which differs from running pod "${pod.metadata?.uid}"`,
      );
    if (pod.spec?.nodeName !== nodeName)
      refuse(attributes, `pod ${who} is not running on node "${nodeName}" named in the PodCertificateRequest`);
    if (pod.metadata?.annotations?.[MIRROR] !== undefined) refuse(attributes, `pod ${who} is a mirror pod`);
    if (pod.spec?.serviceAccountName !== serviceAccountName)
      refuse(
        attributes,
        `${asked} contains serviceAccountName ("${serviceAccountName}") that differs from running pod ("${pod.spec?.serviceAccountName}")`,
      );
    const account = this.#get<Unstructured>("serviceaccounts", namespace, serviceAccountName ?? "");
    if (account.metadata?.uid !== serviceAccountUID)
      throw ApiError.unknown(
        `${asked} names service account UID "${serviceAccountUID}", which differs from the running service account ("${account.metadata?.uid}")`,
      );
    const sources = (pod.spec?.volumes ?? []).flatMap((volume) => volume.projected?.sources ?? []);
    if (sources.some((source) => source.podCertificate?.signerName === signerName)) return;
    const signer = (signerName ?? "").replaceAll("/", ":");
    if (await this.#may(attributes, "request-serviceaccounts-podcertificate-signer", signer, serviceAccountName ?? ""))
      return;
    refuse(attributes, `pod ${who} does not mount a podCertificate projected volume for signer "${signerName}"`);
  }

  async #may(attributes: AdmissionAttributes, verb: string, resource: string, name: string): Promise<boolean> {
    const { context, namespace } = attributes;
    const { group, version } = attributes.resource;
    const { decision } = await this.#authorizer.authorize({
      user: context.user,
      verb,
      isResource: true,
      group,
      version,
      resource,
      subresource: "",
      namespace,
      name,
      path: "",
    });
    return decision === "allow";
  }

  #get<T>(resource: string, namespace: string, name: string): T & Unstructured {
    const object = this.#cache.get(`/registry/${resource}/${namespace}/${name}`)?.object;
    if (object === undefined) throw ApiError.notFound({ group: "", resource }, name);
    return object as T & Unstructured;
  }

  #node(name: string): Node & Unstructured {
    const object = this.#cache.get(`/registry/minions/${name}`)?.object;
    if (object === undefined) throw ApiError.notFound({ group: "", resource: "nodes" }, name);
    return object as Node & Unstructured;
  }
}

/** The drivers that took the place of what Kubernetes mounted by itself once. */
const MIGRATED = {
  awsElasticBlockStore: "ebs.csi.aws.com",
  azureDisk: "disk.csi.azure.com",
  azureFile: "file.csi.azure.com",
  cinder: "cinder.csi.openstack.org",
  gcePersistentDisk: "pd.csi.storage.gke.io",
  portworxVolume: "pxd.portworx.com",
  vsphereVolume: "csi.vsphere.vmware.com",
} as const satisfies Partial<Record<keyof Volume & keyof PersistentVolumeSpec, string>>;

/** The driver of a volume; undefined: it has none. */
function driverIn(source: Pick<Volume, keyof typeof MIGRATED | "csi"> | PersistentVolumeSpec): string | undefined {
  if (source.csi) return source.csi.driver;
  const [migrated] = Object.entries(MIGRATED).filter(([name]) => source[name as keyof typeof MIGRATED]);
  return migrated?.[1];
}

function refuse({ resource, name }: AdmissionAttributes, why: string): never {
  throw ApiError.forbidden(resource, name, why);
}

function podStatus(node: string, attributes: AdmissionAttributes): void {
  const { operation } = attributes;
  if (operation !== "UPDATE") refuse(attributes, `unexpected operation "${operation}"`);
  const [old, next] = [attributes.oldObject, attributes.object] as readonly (Pod & Unstructured)[];
  if (old?.spec?.nodeName !== node)
    refuse(attributes, `node "${node}" can only update pod status for pods with spec.nodeName set to itself`);
  if (!isSame(old?.metadata?.labels, next?.metadata?.labels))
    refuse(attributes, `node "${node}" cannot update labels through pod status`);
  const [before, now] = [old?.status, next?.status];
  if (!isSame(before?.resourceClaimStatuses, now?.resourceClaimStatuses))
    refuse(attributes, `node "${node}" cannot update resource claim statues`);
  if (!isSame(before?.extendedResourceClaimStatus, now?.extendedResourceClaimStatus))
    refuse(attributes, `node "${node}" cannot update extended resource claim status`);
  if (!isSame(before?.nodeAllocatableResourceClaimStatuses, now?.nodeAllocatableResourceClaimStatuses))
    refuse(attributes, `node "${node}" cannot update node allocatable resource claim statuses`);
}

/** Absent and empty are the same. */
function isSame(a: unknown, b: unknown): boolean {
  const bare = (value: unknown): unknown =>
    typeof value === "object" && value !== null && Object.keys(value).length > 0 ? value : undefined;
  return jsonEqual(bare(a), bare(b));
}

function ownNode(node: string, attributes: AdmissionAttributes): void {
  const { operation, name } = attributes;
  if (name !== node) refuse(attributes, `node "${node}" is not allowed to modify node "${name}"`);
  if (operation === "DELETE") return;
  const next = attributes.object as Node & Unstructured;
  const old = attributes.oldObject as (Node & Unstructured) | undefined;
  const config = next.spec?.configSource;
  if (operation === "CREATE" && config)
    refuse(attributes, `node "${node}" is not allowed to create pods with a non-nil configSource`);
  if (old !== undefined) {
    if (config && !jsonEqual(config, old.spec?.configSource))
      refuse(attributes, `node "${node}" is not allowed to update configSource to a new non-nil configSource`);
    if (!isSame(next.spec?.taints, old.spec?.taints))
      refuse(attributes, `node "${node}" is not allowed to modify taints`);
    if (!isSame(next.metadata?.ownerReferences, old.metadata?.ownerReferences))
      refuse(attributes, `node "${node}" is not allowed to modify ownerReferences`);
  }
  const labels = forbiddenLabels(next.metadata?.labels ?? {}, old?.metadata?.labels ?? {}).join(", ");
  if (labels === "") return;
  refuse(
    attributes,
    old === undefined
      ? `node "${node}" is not allowed to set the following labels: ${labels}`
      : `is not allowed to modify labels: ${labels}`,
  );
}

/** The parts of a claim's status that growing a volume on the node changes. */
const GROWTH = ["capacity", "conditions", "allocatedResourceStatuses", "allocatedResources"];

function claimStatus(node: string, attributes: AdmissionAttributes): void {
  const { operation, subresource } = attributes;
  if (subresource !== "status") refuse(attributes, "may only update PVC status");
  if (operation !== "UPDATE") refuse(attributes, `unexpected operation "${operation}"`);
  const rest = (claim: Unstructured | undefined): unknown => {
    const { resourceVersion: _version, managedFields: _managed, ...metadata } = claim?.metadata ?? {};
    const status = Object.entries((claim?.["status"] ?? {}) as object).filter(([name]) => !GROWTH.includes(name));
    return { ...claim, metadata, status: Object.fromEntries(status) };
  };
  if (jsonEqual(rest(attributes.object), rest(attributes.oldObject))) return;
  refuse(attributes, `node "${node}" is not allowed to update fields other than status.quantity and status.conditions`);
}

function ownLease(node: string, attributes: AdmissionAttributes): void {
  if (attributes.namespace !== LEASES) refuse(attributes, `can only access leases in the "${LEASES}" system namespace`);
  if (attributes.name !== node)
    refuse(attributes, "can only access node lease with the same name as the requesting node");
}

function ownSlice(node: string, attributes: AdmissionAttributes): void {
  const { operation } = attributes;
  if (operation !== "CREATE" && operation !== "DELETE") return;
  const slice = (operation === "CREATE" ? attributes.object : attributes.oldObject) as ResourceSlice | undefined;
  if (slice?.spec?.nodeName === node) return;
  refuse(attributes, `can only ${operation.toLowerCase()} ResourceSlice with the same NodeName as the requesting node`);
}

async function ownCertificate(node: string, attributes: AdmissionAttributes): Promise<void> {
  if (attributes.operation !== "CREATE") return;
  const { spec } = attributes.object as unknown as CertificateSigningRequest;
  if (!KUBELET_SIGNERS.includes(spec?.signerName ?? "")) return;
  const { readCertificateRequest } = await import("@tsukube/host/certificates");
  let commonName: string;
  try {
    ({ commonName } = readCertificateRequest(Buffer.from(spec?.request ?? "", "base64").toString("latin1")));
  } catch (error) {
    return refuse(attributes, `unable to parse csr: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (commonName !== `system:node:${node}`)
    refuse(attributes, `can only create a node CSR with CN=system:node:${node}`);
}
