import { FeatureGates } from "@tsukube/api";
import { type Client, createEventRecorder, createInformerFactory, type QueueMetrics } from "@tsukube/client";
import { type Clock, Lifetime, type Logger, type Random } from "@tsukube/foundation";
import { BootstrapSigner } from "./bootstrapsigner/bootstrap-signer.ts";
import type { CertificateSigner } from "./certificates/signer.ts";
import { ClusterRoleAggregationController } from "./clusterroleaggregation/cluster-role-aggregation-controller.ts";
import { ClusterTrustBundlePublisher } from "./clustertrustbundlepublisher/cluster-trust-bundle-publisher.ts";
import type { ControllerContext } from "./context.ts";
import { CronJobController } from "./cronjob/cronjob-controller.ts";
import { CsrApprovingController } from "./csrapproving/csr-approving-controller.ts";
import { CsrCleaner } from "./csrcleaner/csr-cleaner.ts";
import { CsrSigningController } from "./csrsigning/csr-signing-controller.ts";
import { DaemonSetController } from "./daemonset/daemonset-controller.ts";
import { DeploymentController } from "./deployment/deployment-controller.ts";
import { DisruptionController } from "./disruption/disruption-controller.ts";
import { EndpointsController } from "./endpoints/endpoints-controller.ts";
import { EndpointSliceController } from "./endpointslice/endpointslice-controller.ts";
import { EndpointSliceMirroringController } from "./endpointslicemirroring/endpointslice-mirroring-controller.ts";
import { EphemeralVolumeController } from "./ephemeralvolume/ephemeral-volume-controller.ts";
import { GarbageCollector } from "./garbagecollector/garbage-collector.ts";
import { HorizontalPodAutoscalerController } from "./horizontalpodautoscaler/horizontal-pod-autoscaler-controller.ts";
import { JobController } from "./job/job-controller.ts";
import { NamespaceController } from "./namespace/namespace-controller.ts";
import { NodeLifecycleController } from "./nodelifecycle/node-lifecycle-controller.ts";
import { NodeTtlController } from "./nodettl/node-ttl-controller.ts";
import { PersistentVolumeController } from "./persistentvolume/persistent-volume-controller.ts";
import { PodCertificateRequestCleaner } from "./podcertificaterequestcleaner/pod-certificate-request-cleaner.ts";
import { PodGarbageCollector } from "./podgc/pod-garbage-collector.ts";
import { PodGroupProtectionController } from "./podgroupprotection/pod-group-protection-controller.ts";
import { PvcProtectionController } from "./pvcprotection/pvc-protection-controller.ts";
import { PvProtectionController } from "./pvprotection/pv-protection-controller.ts";
import { ReplicaSetController } from "./replicaset/replicaset-controller.ts";
import { ReplicationManager } from "./replicationcontroller/replication-controller.ts";
import { ResourceQuotaController } from "./resourcequota/resource-quota-controller.ts";
import { RootCaController } from "./rootca/root-ca-controller.ts";
import { ServiceAccountController } from "./serviceaccount/serviceaccount-controller.ts";
import { ServiceAccountTokenController } from "./serviceaccounttoken/service-account-token-controller.ts";
import { ServiceCidrController } from "./servicecidrs/service-cidr-controller.ts";
import { StatefulSetController } from "./statefulset/statefulset-controller.ts";
import { StorageVersionMigrator } from "./storageversionmigrator/storage-version-migrator.ts";
import { TaintEvictionController } from "./tainteviction/taint-eviction-controller.ts";
import { TokenCleaner } from "./tokencleaner/token-cleaner.ts";
import { TtlAfterFinishedController } from "./ttlafterfinished/ttl-after-finished-controller.ts";
import { VacProtectionController } from "./vacprotection/vac-protection-controller.ts";

export interface ControllersOptions {
  /**
   * A client with the identity of a controller: "system:serviceaccount:kube-system:<name>"; "kube-controller-manager" is
   * `system:kube-controller-manager`, which reads for all. Closed with the controllers.
   */
  clientFor(name: string): Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Where queues are measured; nowhere without it. */
  readonly queues?: QueueMetrics;
  /** Those of the API server; upstream's defaults without them. */
  readonly featureGates?: FeatureGates;
  readonly options: {
    /** PEM of the cluster's certificate authority. */
    readonly rootCa: string;
    /** Signs certificates with the key of that authority; without it nobody answers certificate signing requests. */
    readonly signer?: CertificateSigner;
  };
}

export type { CertificateSigner, RequestedNames } from "./certificates/signer.ts";

/** Starts all controllers; resolves once their caches are filled. */
export async function startControllers(deps: ControllersOptions): Promise<{ close(): Promise<void> }> {
  const { clock, random, logger, queues, featureGates: gates = FeatureGates.defaults } = deps;
  const { rootCa, signer } = deps.options;
  const lifetime = new Lifetime();
  const reader = lifetime.own("reader", deps.clientFor("kube-controller-manager"));
  const informers = lifetime.own(
    "informers",
    createInformerFactory(reader, { clock, random, logger, unserved: "empty" }),
  );
  const context = (name: string, component = name): ControllerContext => {
    const client = lifetime.own(name, deps.clientFor(name));
    const log = logger.child({ controller: name });
    const events = lifetime.own(`${name} events`, createEventRecorder({ client, clock, logger: log, component }));
    return { client, informers, events, clock, random, lifetime, queues, logger: log };
  };
  const ifOn = <C>(gate: string, make: () => C): readonly C[] => (gates.isOn(gate) ? [make()] : []);
  const controllers = [
    new DeploymentController(context("deployment-controller")),
    new ReplicaSetController(context("replicaset-controller"), gates.isOn("DeploymentReplicaSetTerminatingReplicas")),
    new EndpointSliceController(context("endpointslice-controller", "endpoint-slice-controller")),
    new EndpointsController(context("endpoint-controller")),
    new EndpointSliceMirroringController(
      context("endpointslicemirroring-controller", "endpoint-slice-mirroring-controller"),
    ),
    new NamespaceController(context("namespace-controller")),
    new GarbageCollector(context("generic-garbage-collector")),
    new ServiceAccountController(context("service-account-controller")),
    new PersistentVolumeController(context("persistent-volume-binder", "persistentvolume-controller")),
    new PvcProtectionController(
      context("pvc-protection-controller"),
      gates.isOn("PersistentVolumeClaimUnusedSinceTime"),
    ),
    new PvProtectionController(context("pv-protection-controller")),
    new VacProtectionController(context("volumeattributesclass-protection-controller")),
    new EphemeralVolumeController(context("ephemeral-volume-controller", "ephemeral_volume")),
    new ReplicationManager(context("replication-controller")),
    new StatefulSetController(context("statefulset-controller")),
    new DaemonSetController(context("daemon-set-controller", "daemonset-controller")),
    new JobController(context("job-controller")),
    new TtlAfterFinishedController(context("ttl-after-finished-controller")),
    new PodGarbageCollector(context("pod-garbage-collector")),
    new CronJobController(context("cronjob-controller")),
    new ClusterRoleAggregationController(context("clusterrole-aggregation-controller")),
    new DisruptionController(context("disruption-controller", "controllermanager")),
    new NodeLifecycleController(context("node-controller")),
    new TaintEvictionController(context("node-controller", "taint-eviction-controller")), // upstream's has no role of its own
    new HorizontalPodAutoscalerController(context("horizontal-pod-autoscaler")),
    new ServiceAccountTokenController(context("kube-controller-manager", "serviceaccount-token-controller"), rootCa),
    new NodeTtlController(context("ttl-controller")),
    new ServiceCidrController(context("service-cidrs-controller")),
    new BootstrapSigner(context("bootstrap-signer")),
    new TokenCleaner(context("token-cleaner")),
    new ResourceQuotaController(context("resourcequota-controller")),
    new RootCaController(context("root-ca-cert-publisher"), rootCa),
    ...ifOn("ClusterTrustBundle", () => {
      return new ClusterTrustBundlePublisher(context("kube-apiserver-serving-clustertrustbundle-publisher"), rootCa);
    }),
    ...ifOn("PodCertificateRequest", () => new PodCertificateRequestCleaner(context("podcertificaterequestcleaner"))),
    ...ifOn("StorageVersionMigrator", () => {
      return new StorageVersionMigrator(context("storage-version-migrator-controller"));
    }),
    ...ifOn("GenericWorkload", () => new PodGroupProtectionController(context("podgroup-protection-controller"))),
    ...(signer === undefined
      ? []
      : [
          new CsrApprovingController(context("certificate-controller"), signer),
          new CsrSigningController(context("certificate-controller"), signer),
          new CsrCleaner(context("certificate-controller"), signer),
        ]),
  ];
  try {
    await informers.synced();
  } catch (error) {
    await lifetime.close();
    throw error;
  }
  for (const controller of controllers) controller.start();
  return lifetime;
}
