import { Agent, request } from "node:https";
import { text } from "node:stream/consumers";
import {
  ApiextensionsV1Api,
  AppsV1Api,
  BatchV1Api,
  CertificatesV1Api,
  CoreV1Api,
  CustomObjectsApi,
  DiscoveryV1Api,
  KubeConfig,
  KubernetesObjectApi,
  PolicyV1Api,
  RbacAuthorizationV1Api,
  SchedulingV1Api,
} from "@kubernetes/client-node";
import { becomes, check, expect } from "../check.ts";
import { CERTIFICATE_REQUEST } from "./certificate-request.ts";
import { PretendedNode } from "./pretended-node.ts";

/**
 * Asks whether upstream's controllers and scheduler do their work against this API server: what they make of objects, on a node
 * that is pretended.
 */
const config = new KubeConfig();
config.loadFromFile(process.env["KUBECONFIG"] ?? "");
const core = config.makeApiClient(CoreV1Api);
const apps = config.makeApiClient(AppsV1Api);
const batch = config.makeApiClient(BatchV1Api);
const policy = config.makeApiClient(PolicyV1Api);
const objects = KubernetesObjectApi.makeApiClient(config);
const namespace = "upstream";
const node = new PretendedNode(config, core, "pretended");
const other = new PretendedNode(config, core, "other");

const labels = { app: "web" };
const template = (image: string, more: object = {}, its: Record<string, string> = labels) => ({
  metadata: { labels: its },
  spec: { containers: [{ name: "main", image, resources: { requests: { cpu: "10m" } } }], ...more },
});
const podsOf = async (selector: string): Promise<number> =>
  (await core.listNamespacedPod({ namespace, labelSelector: selector })).items.length;
const isGone = (ask: () => Promise<unknown>) => async () =>
  ask().then(
    () => false,
    (error: { code?: number }) => error.code === 404,
  );

await core.createNamespace({ body: { metadata: { name: namespace } } });
await node.start({ zone: "a" });
await other.start({ zone: "b" });

await check("a namespace gets its ServiceAccount and the root CA", async () => {
  await becomes(
    "default",
    async () => (await core.readNamespacedServiceAccount({ name: "default", namespace })).metadata?.name,
  );
  const ca = () => core.readNamespacedConfigMap({ name: "kube-root-ca.crt", namespace });
  await becomes(true, async () => (await ca()).data?.["ca.crt"]?.startsWith("-----BEGIN") === true);
});

await check("nodes get a range of pods' addresses, and lose the taint of a new one", async () => {
  const ranges = async () =>
    (await core.listNode()).items.map(({ spec }) => [/^10\.250\./.test(spec?.podCIDR ?? ""), spec?.taints ?? []]);
  await becomes(
    [
      [true, []],
      [true, []],
    ],
    ranges,
  );
});

await check("a Deployment rolls out, is updated, and rolls back", async () => {
  const name = "web";
  const spec = { replicas: 3, selector: { matchLabels: labels }, template: template("example/web:1") };
  const made = await apps.createNamespacedDeployment({ namespace, body: { metadata: { name }, spec } });
  const status = async () => {
    const { replicas, readyReplicas, updatedReplicas, observedGeneration } =
      (await apps.readNamespacedDeployment({ name, namespace })).status ?? {};
    return { replicas, readyReplicas, updatedReplicas, observedGeneration };
  };
  await becomes(
    { replicas: 3, readyReplicas: 3, updatedReplicas: 3, observedGeneration: made.metadata?.generation },
    status,
  );
  for (const [image, generation] of [
    ["example/web:2", 2],
    ["example/web:1", 3],
  ] as const) {
    await apps.patchNamespacedDeployment({
      name,
      namespace,
      body: [{ op: "replace", path: "/spec/template/spec/containers/0/image", value: image }],
    });
    await becomes({ replicas: 3, readyReplicas: 3, updatedReplicas: 3, observedGeneration: generation }, status);
    const images = async () => [
      ...new Set(
        (await core.listNamespacedPod({ namespace, labelSelector: "app=web" })).items.map(
          ({ spec }) => spec?.containers[0]?.image,
        ),
      ),
    ];
    await becomes([image], images);
  }
  expect((await apps.listNamespacedReplicaSet({ namespace, labelSelector: "app=web" })).items.length, 2);
});

await check("a Service has the ready pods as its endpoints, in slices and in the older form", async () => {
  const name = "web";
  await core.createNamespacedService({
    namespace,
    body: { metadata: { name }, spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] } },
  });
  const slices = async () => {
    const list = await config
      .makeApiClient(DiscoveryV1Api)
      .listNamespacedEndpointSlice({ namespace, labelSelector: `kubernetes.io/service-name=${name}` });
    return list.items.flatMap(({ endpoints }) => endpoints ?? []).filter(({ conditions }) => conditions?.ready === true)
      .length;
  };
  await becomes(3, slices);
  await becomes(
    3,
    async () => (await core.readNamespacedEndpoints({ name, namespace })).subsets?.[0]?.addresses?.length,
  );
});

await check("a disruption budget counts, and evictions respect it", async () => {
  const name = "web";
  await policy.createNamespacedPodDisruptionBudget({
    namespace,
    body: { metadata: { name }, spec: { minAvailable: 3, selector: { matchLabels: labels } } },
  });
  await becomes([3, 3, 0], async () => {
    const { status } = await policy.readNamespacedPodDisruptionBudget({ name, namespace });
    return [status?.currentHealthy, status?.desiredHealthy, status?.disruptionsAllowed];
  });
  const [pod] = (await core.listNamespacedPod({ namespace, labelSelector: "app=web" })).items;
  const evicted = core.createNamespacedPodEviction({
    name: pod?.metadata?.name ?? "",
    namespace,
    body: { metadata: { name: pod?.metadata?.name ?? "" } },
  });
  expect(
    await evicted.then(
      () => 201,
      (error: { code?: number }) => error.code,
    ),
    429,
  );
  await policy.deleteNamespacedPodDisruptionBudget({ name, namespace });
});

await check("a ReplicaSet, a ReplicationController, a StatefulSet and a DaemonSet have their pods", async () => {
  const of = (app: string): Record<string, string> => ({ app });
  await apps.createNamespacedReplicaSet({
    namespace,
    body: {
      metadata: { name: "rs" },
      spec: { replicas: 2, selector: { matchLabels: of("rs") }, template: template("a", {}, of("rs")) },
    },
  });
  await core.createNamespacedReplicationController({
    namespace,
    body: {
      metadata: { name: "rc" },
      spec: { replicas: 2, selector: of("rc"), template: template("a", {}, of("rc")) },
    },
  });
  await apps.createNamespacedStatefulSet({
    namespace,
    body: {
      metadata: { name: "ss" },
      spec: {
        replicas: 3,
        serviceName: "ss",
        selector: { matchLabels: of("ss") },
        template: template("a", {}, of("ss")),
      },
    },
  });
  await apps.createNamespacedDaemonSet({
    namespace,
    body: {
      metadata: { name: "ds" },
      spec: { selector: { matchLabels: of("ds") }, template: template("a", {}, of("ds")) },
    },
  });
  await becomes(2, async () => (await apps.readNamespacedReplicaSet({ name: "rs", namespace })).status?.readyReplicas);
  await becomes(
    2,
    async () => (await core.readNamespacedReplicationController({ name: "rc", namespace })).status?.readyReplicas,
  );
  await becomes(3, async () => (await apps.readNamespacedStatefulSet({ name: "ss", namespace })).status?.readyReplicas);
  await becomes(2, async () => (await apps.readNamespacedDaemonSet({ name: "ds", namespace })).status?.numberReady);
  const names = (await core.listNamespacedPod({ namespace, labelSelector: "app=ss" })).items.map(
    ({ metadata }) => metadata?.name,
  );
  expect(names, ["ss-0", "ss-1", "ss-2"]);
  await apps.patchNamespacedStatefulSetScale({
    name: "ss",
    namespace,
    body: [{ op: "replace", path: "/spec/replicas", value: 1 }],
  });
  await becomes(1, () => podsOf("app=ss"));
});

await check("Jobs complete, indexed ones too, and go after their time; a CronJob makes some", async () => {
  const job = (name: string, more: object) => ({
    metadata: { name },
    spec: { template: template("a", { restartPolicy: "Never" }, { job: name }), ...more },
  });
  await batch.createNamespacedJob({ namespace, body: job("plain", { completions: 3, parallelism: 2 }) });
  await batch.createNamespacedJob({
    namespace,
    body: job("indexed", { completions: 2, parallelism: 2, completionMode: "Indexed" }),
  });
  await batch.createNamespacedJob({ namespace, body: job("brief", { ttlSecondsAfterFinished: 1 }) });
  const { metadata: _, ...template_ } = job("timed", {});
  await batch.createNamespacedCronJob({
    namespace,
    body: { metadata: { name: "timed" }, spec: { schedule: "* * * * *", jobTemplate: template_ } },
  });
  const completed = (name: string) => async () => {
    const { status } = await batch.readNamespacedJob({ name, namespace });
    return [
      status?.succeeded,
      status?.conditions?.find(({ type }) => type === "Complete")?.status,
      status?.completedIndexes,
    ];
  };
  await becomes([3, "True", undefined], completed("plain"));
  await becomes([2, "True", "0,1"], completed("indexed"));
  await becomes(
    true,
    isGone(() => batch.readNamespacedJob({ name: "brief", namespace })),
  );
  await becomes(
    true,
    async () =>
      (await batch.readNamespacedCronJob({ name: "timed", namespace })).status?.lastSuccessfulTime !== undefined,
    90_000,
  );
});

await check(
  "what belongs to something goes with it: in the background, in the foreground, or stays as an orphan",
  async () => {
    await apps.deleteNamespacedDeployment({ name: "web", namespace });
    await becomes(0, () => podsOf("app=web"));
    await apps.deleteNamespacedReplicaSet({ name: "rs", namespace, propagationPolicy: "Foreground" });
    await becomes(
      true,
      isGone(() => apps.readNamespacedReplicaSet({ name: "rs", namespace })),
    );
    expect(await podsOf("app=rs"), 0);
    await core.deleteNamespacedReplicationController({ name: "rc", namespace, propagationPolicy: "Orphan" });
    await becomes(
      true,
      isGone(() => core.readNamespacedReplicationController({ name: "rc", namespace })),
    );
    const orphans = (await core.listNamespacedPod({ namespace, labelSelector: "app=rc" })).items;
    expect(
      orphans.map(({ metadata }) => metadata?.ownerReferences),
      [undefined, undefined],
    );
  },
);

await check("objects of a kind of its own own others, and a namespace goes with all of them", async () => {
  const group = "upstream.example.com";
  const definition = {
    metadata: { name: `gadgets.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: { plural: "gadgets", kind: "Gadget" },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        },
      ],
    },
  };
  await config.makeApiClient(ApiextensionsV1Api).createCustomResourceDefinition({ body: definition });
  const custom = config.makeApiClient(CustomObjectsApi);
  const where = { group, version: "v1", namespace, plural: "gadgets" };
  const body = (name: string) => ({ apiVersion: `${group}/v1`, kind: "Gadget", metadata: { name } });
  await becomes(true, () => custom.createNamespacedCustomObject({ ...where, body: body("owner") }).then(() => true));
  const owner = (await custom.getNamespacedCustomObject({ ...where, name: "owner" })) as { metadata: { uid: string } };
  const ownerReferences = [{ apiVersion: `${group}/v1`, kind: "Gadget", name: "owner", uid: owner.metadata.uid }];
  await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: "owned", ownerReferences } } });
  await custom.deleteNamespacedCustomObject({ ...where, name: "owner" });
  await becomes(
    true,
    isGone(() => core.readNamespacedConfigMap({ name: "owned", namespace })),
  );
  await core.createNamespace({ body: { metadata: { name: "brief" } } });
  await custom.createNamespacedCustomObject({ ...where, namespace: "brief", body: body("inside") });
  await core.createNamespacedConfigMap({ namespace: "brief", body: { metadata: { name: "inside" } } });
  await core.deleteNamespace({ name: "brief" });
  await becomes(
    true,
    isGone(() => core.readNamespace({ name: "brief" })),
  );
  await config.makeApiClient(ApiextensionsV1Api).deleteCustomResourceDefinition({ name: `gadgets.${group}` });
});

await check("a quota counts what is used, and refuses what is too much", async () => {
  const name = "quota";
  await core.createNamespacedResourceQuota({
    namespace,
    body: { metadata: { name }, spec: { hard: { secrets: "1", "count/leases.coordination.k8s.io": "1" } } },
  });
  const used = async () => (await core.readNamespacedResourceQuota({ name, namespace })).status?.used;
  await becomes({ secrets: "0", "count/leases.coordination.k8s.io": "0" }, used); // nothing is counted before
  await core.createNamespacedSecret({ namespace, body: { metadata: { name: "first" } } });
  await becomes({ secrets: "1", "count/leases.coordination.k8s.io": "0" }, used);
  const second = core.createNamespacedSecret({ namespace, body: { metadata: { name: "second" } } });
  expect(
    await second.then(
      () => 201,
      (error: { code?: number }) => error.code,
    ),
    403,
  );
  await core.deleteNamespacedResourceQuota({ name, namespace });
});

await check("a claim is bound to a volume that fits", async () => {
  const spec = { accessModes: ["ReadWriteOnce"], storageClassName: "by-hand" };
  await core.createPersistentVolume({
    body: {
      metadata: { name: "upstream" },
      spec: { ...spec, capacity: { storage: "1Gi" }, hostPath: { path: "/tmp" } },
    },
  });
  await core.createNamespacedPersistentVolumeClaim({
    namespace,
    body: { metadata: { name: "claim" }, spec: { ...spec, resources: { requests: { storage: "1Gi" } } } },
  });
  await becomes(
    "Bound",
    async () => (await core.readNamespacedPersistentVolumeClaim({ name: "claim", namespace })).status?.phase,
  );
  await core.deleteNamespacedPersistentVolumeClaim({ name: "claim", namespace });
  await becomes("Released", async () => (await core.readPersistentVolume({ name: "upstream" })).status?.phase);
  await core.deletePersistentVolume({ name: "upstream" });
});

await check("a certificate is signed once it is approved, and a ServiceAccount's Secret gets its token", async () => {
  const certificates = config.makeApiClient(CertificatesV1Api);
  const name = "upstream";
  const spec = {
    request: Buffer.from(CERTIFICATE_REQUEST).toString("base64"),
    signerName: "kubernetes.io/kube-apiserver-client",
    usages: ["client auth"],
  };
  const made = await certificates.createCertificateSigningRequest({ body: { metadata: { name }, spec } });
  const conditions = [{ type: "Approved", status: "True", reason: "Tour", message: "" }];
  await certificates.replaceCertificateSigningRequestApproval({ name, body: { ...made, status: { conditions } } });
  await becomes(
    true,
    async () => (await certificates.readCertificateSigningRequest({ name })).status?.certificate !== undefined,
  );
  const annotations = { "kubernetes.io/service-account.name": "default" };
  await core.createNamespacedSecret({
    namespace,
    body: { metadata: { name: "token", annotations }, type: "kubernetes.io/service-account-token" },
  });
  await becomes(
    true,
    async () => (await core.readNamespacedSecret({ name: "token", namespace })).data?.["token"] !== undefined,
  );
});

await check("roles are aggregated, policies type-checked", async () => {
  const rbac = config.makeApiClient(RbacAuthorizationV1Api);
  const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }];
  await rbac.createClusterRole({
    body: { metadata: { name: "upstream-part", labels: { "rbac.example.com/whole": "true" } }, rules },
  });
  await rbac.createClusterRole({
    body: {
      metadata: { name: "upstream-whole" },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { "rbac.example.com/whole": "true" } }] },
      rules: [],
    },
  });
  await becomes(rules, async () => (await rbac.readClusterRole({ name: "upstream-whole" })).rules as typeof rules);
  const apiVersion = "admissionregistration.k8s.io/v1";
  const kind = "ValidatingAdmissionPolicy";
  const matchConstraints = {
    resourceRules: [{ apiGroups: ["apps"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["deployments"] }],
  };
  const policySpec = { matchConstraints, validations: [{ expression: "object.spec.nothing > 1" }] };
  await objects.create({ apiVersion, kind, metadata: { name: "upstream" }, spec: policySpec } as never);
  await becomes(true, async () => {
    const read = (await objects.read({ apiVersion, kind, metadata: { name: "upstream", namespace: "" } })) as {
      status?: { typeChecking?: { expressionWarnings?: { warning: string }[] } };
    };
    return /undefined field 'nothing'/.test(read.status?.typeChecking?.expressionWarnings?.[0]?.warning ?? "");
  });
  await objects.delete({ apiVersion, kind, metadata: { name: "upstream", namespace: "" } });
});

await check(
  "the scheduler follows affinity, says what does not fit, and makes room for who is more important",
  async () => {
    const pod = (name: string, spec: object) =>
      core.createNamespacedPod({ namespace, body: { metadata: { name }, spec: { ...template("a").spec, ...spec } } });
    const placed = (name: string) => async () => (await core.readNamespacedPod({ name, namespace })).spec?.nodeName;
    await pod("chosen", { nodeSelector: { zone: "b" } });
    await becomes("other", placed("chosen"));
    const container = (cpu: string) => ({
      containers: [{ name: "main", image: "a", resources: { requests: { cpu } } }],
    });
    await pod("huge", container("64"));
    await becomes(
      "Unschedulable",
      async () =>
        (await core.readNamespacedPod({ name: "huge", namespace })).status?.conditions?.find(
          ({ type }) => type === "PodScheduled",
        )?.reason,
    );
    await becomes(true, async () => {
      const { items } = await core.listNamespacedEvent({
        namespace,
        fieldSelector: "involvedObject.name=huge,reason=FailedScheduling",
      });
      return /0\/2 nodes are available: 2 Insufficient cpu/.test(items[0]?.message ?? "");
    });
    await config
      .makeApiClient(SchedulingV1Api)
      .createPriorityClass({ body: { metadata: { name: "upstream" }, value: 1000 } });
    for (const name of ["lesser-a", "lesser-b"]) {
      await pod(name, container("3"));
      await becomes(true, async () => (await placed(name)()) !== undefined);
    }
    await pod("greater", { ...container("3"), priorityClassName: "upstream" });
    await becomes(true, async () => (await placed("greater")()) !== undefined);
  },
);

await check("a device is allocated to who claims one", async () => {
  const apiVersion = "resource.k8s.io/v1";
  await objects.create({
    apiVersion,
    kind: "DeviceClass",
    metadata: { name: "upstream" },
    spec: { selectors: [{ cel: { expression: "device.driver == 'gpu.example.com'" } }] },
  } as never);
  const pool = { name: "pretended", generation: 1, resourceSliceCount: 1 };
  await objects.create({
    apiVersion,
    kind: "ResourceSlice",
    metadata: { name: "upstream" },
    spec: {
      driver: "gpu.example.com",
      nodeName: "pretended",
      pool,
      devices: [{ name: "gpu-0", attributes: { model: { string: "a" } } }],
    },
  } as never);
  const request = { name: "gpu", exactly: { deviceClassName: "upstream" } };
  await objects.create({
    apiVersion,
    kind: "ResourceClaimTemplate",
    metadata: { name: "gpu", namespace },
    spec: { spec: { devices: { requests: [request] } } },
  } as never);
  const spec = { ...template("a").spec, resourceClaims: [{ name: "gpu", resourceClaimTemplateName: "gpu" }] };
  await core.createNamespacedPod({ namespace, body: { metadata: { name: "with-gpu" }, spec } });
  await becomes(
    "pretended",
    async () => (await core.readNamespacedPod({ name: "with-gpu", namespace })).spec?.nodeName,
  );
  const claims = (await objects.list(apiVersion, "ResourceClaim", namespace)).items as {
    status?: { reservedFor?: object[]; allocation?: { devices: { results: { device: string }[] } } };
  }[];
  expect(
    claims.map(({ status }) => [status?.allocation?.devices.results[0]?.device, status?.reservedFor?.length]),
    [["gpu-0", 1]],
  );
});

await check("a node that is lost is tainted, and its pods are evicted", async () => {
  const tolerations = ["not-ready", "unreachable"].map((name) => ({
    key: `node.kubernetes.io/${name}`,
    operator: "Exists",
    effect: "NoExecute",
    tolerationSeconds: 1,
  }));
  await core.createNamespacedPod({
    namespace,
    body: { metadata: { name: "short" }, spec: { ...template("a").spec, nodeName: "other", tolerations } },
  });
  await becomes("Running", async () => (await core.readNamespacedPod({ name: "short", namespace })).status?.phase);
  await other.stop();
  await becomes(
    true,
    async () =>
      (await core.readNode({ name: "other" })).spec?.taints?.some(
        ({ key, effect }) => key === "node.kubernetes.io/unreachable" && effect === "NoExecute",
      ) === true,
  );
  await becomes(
    true,
    isGone(() => core.readNamespacedPod({ name: "short", namespace })),
  );
});

await check("they hold their leases, and let in who the cluster lets in", async () => {
  const { cert, key } = { cert: config.getCurrentUser()?.certData ?? "", key: config.getCurrentUser()?.keyData ?? "" };
  const agent = new Agent({
    cert: Buffer.from(cert, "base64"),
    key: Buffer.from(key, "base64"),
    rejectUnauthorized: false,
  });
  const ask = (url: string, with_: Agent | undefined) =>
    new Promise<{ code: number | undefined; body: string }>((resolve, reject) => {
      const sent = request(
        url,
        { rejectUnauthorized: false, ...(with_ !== undefined && { agent: with_ }) },
        (answer) => {
          text(answer).then((body) => resolve({ code: answer.statusCode, body }), reject);
        },
      );
      sent.on("error", reject);
      sent.end();
    });
  for (const name of ["kube-controller-manager", "kube-scheduler"]) {
    const url = process.env[name.toUpperCase().replaceAll("-", "_")] ?? "";
    expect(await ask(`${url}/healthz`, undefined), { code: 200, body: "ok" });
    expect((await ask(`${url}/metrics`, undefined)).code, 403);
    const metrics = await ask(`${url}/metrics`, agent);
    expect([metrics.code, metrics.body.includes("process_cpu_seconds_total")], [200, true]);
  }
  agent.destroy();
});

await node.stop();
process.exit();
