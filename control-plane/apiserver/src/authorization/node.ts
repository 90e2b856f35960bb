import { factsText } from "@tsukube/api";
import type { PolicyRule } from "@tsukube/api/types/rbac-v1";
import type { AuthorizationAttributes, AuthorizationDecision, Authorizer } from "../contracts.ts";
import type { NodeGraph, NodeRelation } from "./node-graph.ts";
import { allows } from "./rbac.ts";

const PREFIX = "system:node:";
const LEASES = "kube-node-lease";
const ALLOW: AuthorizationDecision = { decision: "allow", reason: "" };
const no = (reason = ""): AuthorizationDecision => ({ decision: "no-opinion", reason });

/** The name of the node that a user is, "" for a node without a good name; undefined for others. */
export function nodeNameOf(user: { readonly name: string; readonly groups: readonly string[] }): string | undefined {
  if (!user.name.startsWith(PREFIX) || !user.groups.includes("system:nodes")) return undefined;
  return user.name.slice(PREFIX.length);
}

/**
 * Nodes reach what the pods bound to them use, and nothing else of Secrets, ConfigMaps, volumes, claims and tokens; for the
 * rest they have the rules of `system:node`. What a write may contain is for the NodeRestriction admission.
 */
export class NodeAuthorizer implements Authorizer {
  readonly #graph: NodeGraph;
  #rules: readonly PolicyRule[] | undefined;

  constructor(graph: NodeGraph) {
    this.#graph = graph;
  }

  async authorize(attributes: AuthorizationAttributes): Promise<AuthorizationDecision> {
    return this.decide(attributes);
  }

  decide(attributes: AuthorizationAttributes): AuthorizationDecision {
    const node = nodeNameOf(attributes.user);
    if (node === undefined) return no();
    if (node === "") return no(`unknown node for user "${attributes.user.name}"`);
    const divided = attributes.isResource ? this.#divided(node, attributes) : undefined;
    if (divided !== undefined) return divided;
    this.#rules ??= nodeRules();
    return this.#rules.some((rule) => allows(rule, attributes)) ? ALLOW : no();
  }

  /** Resources of which a node sees only its part; undefined: the static rules decide. */
  #divided(node: string, attributes: AuthorizationAttributes): AuthorizationDecision | undefined {
    const { group, resource, subresource, verb } = attributes;
    switch (`${group}/${resource}`) {
      case "/secrets":
        return this.#read(node, "secret", attributes);
      case "/configmaps":
        return this.#read(node, "configmap", attributes);
      case "/persistentvolumeclaims":
        if (subresource !== "status") return this.#get(node, "persistentvolumeclaim", attributes);
        if (verb !== "update" && verb !== "patch") return no("can only get/update/patch this type");
        return this.#related(node, "persistentvolumeclaim", attributes);
      case "/persistentvolumes":
        return this.#get(node, "persistentvolume", attributes);
      case "resource.k8s.io/resourceclaims":
        return this.#get(node, "resourceclaim", attributes);
      case "storage.k8s.io/volumeattachments":
        return this.#get(node, "volumeattachment", attributes);
      case "/serviceaccounts":
        return this.#serviceAccount(node, attributes);
      case "coordination.k8s.io/leases":
        return lease(node, attributes);
      case "storage.k8s.io/csinodes":
        return csiNode(node, attributes);
      case "resource.k8s.io/resourceslices":
        return this.#slice(node, attributes);
      case "/nodes":
        return ownNode(node, attributes);
      case "/pods":
        return this.#pod(node, attributes);
      case "certificates.k8s.io/podcertificaterequests":
        return this.#podCertificateRequest(node, attributes);
      default:
        return undefined;
    }
  }

  #related(node: string, type: NodeRelation, { namespace, name }: AuthorizationAttributes): AuthorizationDecision {
    if (name === "") return no("No Object name found");
    if (this.#graph.relates(node, type, namespace, name)) return ALLOW;
    return no(`no relationship found between node '${node}' and this object`);
  }

  #get(node: string, type: NodeRelation, attributes: AuthorizationAttributes): AuthorizationDecision {
    if (attributes.verb !== "get") return no("can only get individual resources of this type");
    if (attributes.subresource !== "") return no("cannot get subresource");
    return this.#related(node, type, attributes);
  }

  /** get, list and watch of one object by name. */
  #read(node: string, type: NodeRelation, attributes: AuthorizationAttributes): AuthorizationDecision {
    if (!isRead(attributes.verb)) return no("can only read resources of this type");
    if (attributes.subresource !== "") return no("cannot read subresource");
    if (attributes.namespace === "") return no("can only read namespaced object of this type");
    return this.#related(node, type, attributes);
  }

  #serviceAccount(node: string, attributes: AuthorizationAttributes): AuthorizationDecision {
    const { verb, subresource, name } = attributes;
    if (verb === "get" && subresource === "") return this.#read(node, "serviceaccount", attributes);
    if (verb !== "create" || name === "") return no("can only create tokens for individual service accounts");
    if (subresource !== "token") return no("can only create token subresource of serviceaccount");
    return this.#related(node, "serviceaccount", attributes);
  }

  #slice(node: string, attributes: AuthorizationAttributes): AuthorizationDecision {
    if (attributes.subresource !== "") return no("cannot authorize ResourceSlice subresources");
    switch (attributes.verb) {
      case "create":
        return ALLOW; // NodeRestriction looks inside
      case "get":
      case "update":
      case "patch":
      case "delete":
        return this.#related(node, "resourceslice", attributes);
      case "watch":
      case "list":
      case "deletecollection":
        if (selects(attributes, "spec.nodeName", node)) return ALLOW;
        return no("can only list/watch/deletecollection resourceslices with nodeName field selector");
      default:
        return no(
          "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection",
        );
    }
  }

  #podCertificateRequest(node: string, attributes: AuthorizationAttributes): AuthorizationDecision {
    const { subresource, verb } = attributes;
    if (subresource !== "") return no("nodes may not access the status subresource of PodCertificateRequests");
    if (verb === "create") return ALLOW; // NodeRestriction looks inside
    if (verb === "get") return this.#related(node, "podcertificaterequest", attributes);
    if (!isRead(verb)) return no(`nodes may not ${verb} podcertificaterequests`);
    if (selects(attributes, "spec.nodeName", node)) return ALLOW;
    return no("can only list/watch podcertificaterequests with nodeName field selector");
  }

  #pod(node: string, attributes: AuthorizationAttributes): AuthorizationDecision {
    const { subresource, verb, name } = attributes;
    if (subresource === "status") return verb === "update" || verb === "patch" ? ALLOW : no();
    if (subresource === "eviction") return verb === "create" ? ALLOW : no();
    if (subresource !== "") return no();
    if (verb === "get") return this.#get(node, "pod", attributes);
    if (verb === "create" || verb === "delete") return ALLOW; // of mirror pods and own pods: NodeRestriction
    if (!isRead(verb)) return no();
    if (selects(attributes, "spec.nodeName", node)) return ALLOW;
    if (name !== "") return this.#related(node, "pod", attributes);
    return no("can only list/watch pods with spec.nodeName field selector");
  }
}

function isRead(verb: string): boolean {
  return verb === "get" || verb === "list" || verb === "watch";
}

function selects({ fieldSelector }: AuthorizationAttributes, field: string, value: string): boolean {
  return (fieldSelector ?? []).some((one) => one.field === field && one.operator === "=" && one.value === value);
}

const OWN_VERBS = new Set(["get", "create", "update", "patch", "delete"]);

/** A create does not say the name yet: NodeRestriction checks it. */
function lease(node: string, { verb, namespace, name }: AuthorizationAttributes): AuthorizationDecision {
  if (!OWN_VERBS.has(verb)) return no("can only get, create, update, patch, or delete a node lease");
  if (namespace !== LEASES) return no(`can only access leases in the "${LEASES}" system namespace`);
  if (verb === "create" || name === node) return ALLOW;
  return no("can only access node lease with the same name as the requesting node");
}

function csiNode(node: string, { verb, subresource, name }: AuthorizationAttributes): AuthorizationDecision {
  if (subresource === "status") return no("CSINode status access requires CSIVolumeHealth feature");
  if (subresource !== "") return no("cannot authorize CSINode subresources");
  if (!OWN_VERBS.has(verb)) return no("can only get, create, update, patch, or delete a CSINode");
  if (verb === "create" || name === node) return ALLOW;
  return no("can only access CSINode with the same name as the requesting node");
}

function ownNode(node: string, { verb, subresource, name }: AuthorizationAttributes): AuthorizationDecision {
  const writes = verb === "update" || verb === "patch";
  if (subresource === "status") return writes ? ALLOW : no();
  if (subresource !== "") return no();
  if (writes || verb === "create") return ALLOW; // of itself: NodeRestriction
  if (!isRead(verb)) return no();
  if (name === node) return ALLOW;
  if (name === "") return no(`node '${node}' cannot read all nodes, only its own Node object`);
  return no(`node '${node}' cannot read '${name}', only its own Node object`);
}

function nodeRules(): readonly PolicyRule[] {
  const bootstrap = JSON.parse(factsText("bootstrap.json")) as Record<
    string,
    { metadata: { name: string }; rules?: PolicyRule[] }[]
  >;
  return (
    bootstrap["rbac.authorization.k8s.io/v1 clusterroles"]?.find((role) => role.metadata.name === "system:node")
      ?.rules ?? []
  );
}
