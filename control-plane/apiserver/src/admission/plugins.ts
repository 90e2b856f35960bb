import type { FeatureGates } from "@tsukube/api";
import type { Client } from "@tsukube/client";
import type { Clock, Logger, Metrics, Random } from "@tsukube/foundation";
import type { KeptConnections } from "@tsukube/host";
import type { RbacAuthorizer } from "../authorization/rbac.ts";
import type { AdmissionPlugin, ImmediateAuthorizer } from "../contracts.ts";
import type { Registry } from "../registry/registry.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import {
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
  clusterTrustBundleAttest,
} from "./certificates.ts";
import type { PluginConfigurations } from "./configuration/plugin-configurations.ts";
import { defaultIngressClass } from "./default-ingress-class.ts";
import { limitRanger } from "./limit-ranger.ts";
import { namespaceLifecycle } from "./namespace-lifecycle.ts";
import { nodeRestriction } from "./node-restriction.ts";
import { taintNodesByCondition } from "./node-taints.ts";
import { alwaysDeny } from "./optional/always.ts";
import { alwaysPullImages } from "./optional/always-pull-images.ts";
import { denyServiceExternalIps } from "./optional/deny-service-external-ips.ts";
import { eventRateLimit } from "./optional/event-rate-limit.ts";
import { limitHardAntiAffinity } from "./optional/hard-anti-affinity.ts";
import { imagePolicyWebhook } from "./optional/image-policy.ts";
import { namespaceAutoProvision, namespaceExists } from "./optional/namespaces.ts";
import { ownerReferencesPermission } from "./optional/owner-references.ts";
import { podNodeSelector } from "./optional/pod-node-selector.ts";
import { extendedResourceToleration, podTolerationRestriction } from "./optional/pod-tolerations.ts";
import { podGroupProtection } from "./pod-group-protection.ts";
import { podResize } from "./pod-resize.ts";
import { podSecurity } from "./pod-security/pod-security.ts";
import { podTopologyLabels } from "./pod-topology-labels.ts";
import { defaultTolerationSeconds, serviceAccountAdmission } from "./pods.ts";
import { mutatingPolicies } from "./policies/mutating-policies.ts";
import { validatingPolicies } from "./policies/validating-policies.ts";
import { priorityAdmission } from "./priority.ts";
import { resourceQuota } from "./resource-quota.ts";
import { roleEscalation } from "./role-escalation.ts";
import { runtimeClassAdmission } from "./runtime-class.ts";
import { claimResize, defaultStorageClass, storageObjectInUseProtection } from "./storage.ts";
import { mutatingWebhooks, validatingWebhooks } from "./webhooks/webhook-admission.ts";

export interface PluginDeps {
  readonly cache: WatchCache;
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly authorizer: ImmediateAuthorizer;
  readonly rbac: RbacAuthorizer;
  readonly gates: FeatureGates;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** What they are told by file. */
  readonly configured: PluginConfigurations;
  /** To webhooks. */
  readonly connections: KeptConnections;
  /** Asks this server as itself. */
  client(): Client;
}

/** All that there are, on or off, in the order in which they are asked: upstream's. */
export function admissionPlugins(deps: PluginDeps): readonly AdmissionPlugin[] {
  const {
    cache,
    store,
    registry,
    authorizer,
    rbac,
    gates,
    clock,
    random,
    logger,
    metrics,
    configured,
    connections,
    client,
  } = deps;
  const webhooks = { cache, registry, authorizer, clock, random, logger, connections };
  return [
    namespaceAutoProvision(cache, client),
    namespaceLifecycle(cache),
    namespaceExists(cache),
    limitHardAntiAffinity,
    limitRanger(cache),
    serviceAccountAdmission(cache, random),
    nodeRestriction(cache, authorizer, gates),
    taintNodesByCondition,
    alwaysPullImages,
    ...(configured.ImagePolicyWebhook === undefined
      ? []
      : [imagePolicyWebhook(configured.ImagePolicyWebhook, clock, random)]),
    podSecurity(cache, metrics, configured.PodSecurity),
    podNodeSelector(cache, configured.PodNodeSelector),
    priorityAdmission(cache, gates),
    defaultTolerationSeconds,
    podTolerationRestriction(cache, configured.PodTolerationRestriction),
    eventRateLimit(configured.EventRateLimit ?? [], clock),
    extendedResourceToleration,
    defaultStorageClass(cache),
    storageObjectInUseProtection,
    podGroupProtection,
    ownerReferencesPermission(registry, authorizer),
    claimResize(cache),
    runtimeClassAdmission(cache),
    certificateApproval(authorizer),
    certificateSigning(authorizer),
    clusterTrustBundleAttest(authorizer),
    certificateSubjectRestriction,
    defaultIngressClass(cache),
    denyServiceExternalIps,
    podTopologyLabels(cache),
    podResize(cache),
    mutatingPolicies({ cache, registry, authorizer }),
    mutatingWebhooks({ ...webhooks, credentials: configured.MutatingAdmissionWebhook }),
    validatingPolicies({ cache, registry, authorizer }),
    validatingWebhooks({ ...webhooks, credentials: configured.ValidatingAdmissionWebhook }),
    roleEscalation(rbac, authorizer),
    resourceQuota({ store, registry, clock, limited: configured.ResourceQuota ?? [] }),
    alwaysDeny,
  ];
}
