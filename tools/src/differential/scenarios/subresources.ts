import type { Scenario, Send } from "../exchange.ts";
import { META, namespaceFor, PATCHES, PROTOBUF } from "./lifecycle.ts";

/** What stands below an object: evictions, bindings, scales, statuses, tokens and the rest, right and wrong. */
export function subresourceScenarios(): readonly Scenario[] {
  return [
    { name: "evictions and bindings", run: ofPods },
    { name: "containers that come later", run: containers },
    { name: "scales", run: scales },
    { name: "tokens", run: tokens },
    { name: "namespaces that are finalized", run: namespaces },
    { name: "approvals", run: approvals },
    { name: "budgets", run: budgets },
  ];
}

const pod = (name: string, more: object = {}, metadata: object = {}) => ({
  metadata: { name, labels: { app: "a" }, ...metadata },
  spec: { containers: [{ name: "c", image: "i" }], ...more },
});

async function ofPods(send: Send): Promise<void> {
  const namespace = await namespaceFor(send, "bindings");
  const path = `/api/v1/namespaces/${namespace}/pods`;
  for (const name of ["a", "b", "c"]) await send({ method: "POST", path, body: pod(name) });
  await send({ method: "POST", path, body: pod("gated", { schedulingGates: [{ name: "example.com/g" }] }) });
  const bind = (name: string, body: object, query = "") =>
    send({ method: "POST", path: `${path}/${name}/binding${query}`, body });
  const target = { kind: "Node", name: "n" };
  for (const body of [
    {},
    { target: {} },
    { target: { kind: "Pod", name: "n" } },
    { target: { name: "n" } },
    { target: { kind: "Node" } },
    { target: { ...target, apiVersion: "v2" } },
    { metadata: { name: "other" }, target },
    { metadata: { name: "a", namespace: "other" }, target },
    { metadata: { name: "a", uid: "u" }, target },
    { metadata: { name: "a", resourceVersion: "1" }, target },
    { kind: "Pod", target },
  ])
    await bind("a", body);
  await bind("a", { metadata: { name: "a", labels: { l: "1" }, annotations: { x: "1" } }, target }, "?dryRun=All");
  await bind("a", { metadata: { name: "a", annotations: { x: "1" } }, target });
  await send({ method: "GET", path: `${path}/a` });
  await bind("a", { metadata: { name: "a" }, target: { kind: "Node", name: "m" } });
  await bind("gated", { metadata: { name: "gated" }, target });
  await bind("absent", { metadata: { name: "absent" }, target });
  await send({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/bindings`,
    body: { metadata: { name: "b" }, target },
  });
  await send({ method: "POST", path: `/api/v1/namespaces/${namespace}/bindings`, body: { metadata: {}, target } });
  await send({ method: "GET", path: `/api/v1/namespaces/${namespace}/bindings` });
  const evict = (name: string, body: object, query = "", accept = "application/json") =>
    send({ method: "POST", path: `${path}/${name}/eviction${query}`, body, accept });
  const eviction = (more: object = {}, metadata: object = { name: "a" }) => ({
    apiVersion: "policy/v1",
    kind: "Eviction",
    metadata,
    ...more,
  });
  for (const body of [
    {},
    eviction({}, {}),
    eviction({}, { name: "b" }),
    eviction({}, { name: "a", namespace: "other" }),
    { ...eviction(), apiVersion: "policy/v1beta1" },
    { ...eviction(), kind: "Nope" },
    eviction({ deleteOptions: { preconditions: { resourceVersion: "1" } } }),
    eviction({ deleteOptions: { propagationPolicy: "Nope" } }),
    eviction({ deleteOptions: { dryRun: ["All"] } }),
    eviction({ deleteOptions: { dryRun: ["x"] } }),
    eviction({ deleteOptions: { gracePeriodSeconds: -1 } }),
    eviction({ nope: 1 }),
  ])
    await evict("a", body, "?dryRun=All");
  await evict("absent", eviction({}, { name: "absent" }));
  for (const accept of [PROTOBUF, "application/yaml", `application/json;as=Table;v=v1;${META}`])
    await evict("a", eviction(), "?dryRun=All", accept);
  const budget = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
  await send({
    method: "POST",
    path: budget,
    body: { metadata: { name: "b" }, spec: { minAvailable: 1, selector: { matchLabels: { app: "a" } } } },
  });
  await evict("a", eviction());
  await send({
    method: "PATCH",
    path: `${path}/a/status`,
    type: PATCHES.merge,
    body: { status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] } },
  });
  await evict("a", eviction());
  await send({
    method: "PATCH",
    path: `${budget}/b/status`,
    type: PATCHES.merge,
    body: {
      status: { observedGeneration: 1, disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
    },
  });
  await evict("a", eviction());
  await evict("a", eviction(), "?dryRun=All");
  await send({
    method: "PATCH",
    path: `${budget}/b/status`,
    type: PATCHES.merge,
    body: { status: { disruptionsAllowed: 1, currentHealthy: 2 } },
  });
  await send({
    method: "POST",
    path: budget,
    body: { metadata: { name: "second" }, spec: { maxUnavailable: 0, selector: { matchLabels: { app: "a" } } } },
  });
  await evict("a", eviction());
  await send({ method: "DELETE", path: `${budget}/second` });
  await evict("a", eviction({ deleteOptions: { gracePeriodSeconds: 5 } }));
  await send({ method: "GET", path: `${path}/a` });
  await send({ method: "GET", path: `${budget}/b` });
  await evict("a", eviction());
  await evict("c", eviction({}, { name: "c" }));
  await send({ method: "GET", path: `${path}/c` });
}

async function containers(send: Send): Promise<void> {
  const path = `/api/v1/namespaces/${await namespaceFor(send, "containers")}/pods`;
  const limits = { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "500m", memory: "1Gi" } };
  const c = (more: object = {}) => ({ name: "c", image: "i", resources: limits, ...more });
  const made = await send({
    method: "POST",
    path,
    body: pod("p", {
      nodeName: "n",
      containers: [c({ resizePolicy: [{ resourceName: "cpu", restartPolicy: "NotRequired" }] })],
    }),
  });
  const at = (sub: string, query = "?dryRun=All") => `${path}/p/${sub}${query}`;
  const strategic = (sub: string, body: object, query?: string) =>
    send({ method: "PATCH", path: at(sub, query), type: PATCHES.strategic, body });
  for (const one of [
    { name: "e", image: "i" },
    { name: "e", image: "i", targetContainerName: "c" },
    { name: "e", image: "i", targetContainerName: "nope" },
    { name: "c", image: "i" },
    { name: "e" },
    { image: "i" },
    { name: "e", image: "i", ports: [{ containerPort: 1 }] },
    { name: "e", image: "i", resources: { limits: { cpu: "1" } } },
    { name: "e", image: "i", livenessProbe: { exec: { command: ["a"] } } },
    { name: "e", image: "i", lifecycle: { preStop: { sleep: { seconds: 1 } } } },
    { name: "e", image: "i", volumeMounts: [{ name: "nope", mountPath: "/x" }] },
    { name: "e", image: "i", securityContext: { privileged: true, runAsUser: -1 } },
  ])
    await strategic("ephemeralcontainers", { spec: { ephemeralContainers: [one] } });
  await strategic("ephemeralcontainers", { spec: { containers: [{ name: "c", image: "j" }] } });
  await strategic("ephemeralcontainers", { metadata: { labels: { x: "y" } }, status: { phase: "Failed" } });
  await strategic("ephemeralcontainers", { spec: { ephemeralContainers: [{ name: "e", image: "i" }] } }, "");
  await strategic("ephemeralcontainers", { spec: { ephemeralContainers: [{ name: "e", image: "j" }] } });
  await strategic("ephemeralcontainers", { spec: { ephemeralContainers: [{ name: "e", $patch: "delete" }] } });
  await strategic("ephemeralcontainers", { spec: { ephemeralContainers: null } });
  for (const resources of [
    { limits: { cpu: "2" } },
    { limits: { cpu: "100m" } },
    { limits: { memory: "2Gi" }, requests: { memory: "2Gi" } },
    { limits: { memory: "1Mi" } },
    { requests: { cpu: "2" } },
    { limits: { cpu: null } },
    { limits: null },
    { requests: null },
    { limits: { "example.com/x": "1" } },
    { limits: { "ephemeral-storage": "1Gi" } },
    { claims: [{ name: "x" }] },
    { limits: { cpu: "x" } },
    { limits: { cpu: "-1" } },
  ]) {
    await strategic("resize", { spec: { containers: [{ name: "c", resources }] } });
    await strategic("", { spec: { containers: [{ name: "c", resources }] } });
  }
  await strategic("resize", { spec: { containers: [{ name: "c", image: "j" }] } });
  await strategic("resize", { spec: { containers: [{ name: "new", image: "j" }] } });
  await strategic("resize", { metadata: { labels: { x: "y" } } });
  await strategic("resize", { spec: { resources: { limits: { cpu: "1" } } } });
  await strategic("resize", {
    spec: {
      containers: [{ name: "c", resizePolicy: [{ resourceName: "memory", restartPolicy: "RestartContainer" }] }],
    },
  });
  await strategic("resize", { spec: { containers: [{ name: "c", resources: { limits: { cpu: "2" } } }] } }, "");
  await send({ method: "GET", path: `${path}/p` });
  await send({ method: "PUT", path: at("resize"), body: made.object });
  await send({ method: "PUT", path: at("ephemeralcontainers"), body: made.object });
  for (const sub of ["resize", "ephemeralcontainers", "status"])
    for (const method of ["GET", "POST", "DELETE"])
      await send({ method, path: at(sub), ...(method === "POST" && { body: {} }) });
  for (const status of [
    { phase: "Nope" },
    { phase: "Running", podIP: "x" },
    { podIPs: [{ ip: "10.1.0.1" }, { ip: "10.1.0.2" }] },
    { podIPs: [{ ip: "10.1.0.1" }, { ip: "fd00::1" }], podIP: "10.1.0.1" },
    { hostIP: "1.2.3.4", hostIPs: [{ ip: "1.2.3.4" }] },
    {
      conditions: [{ type: "Ready", status: "True", lastTransitionTime: "2020-01-01T00:00:00Z", lastProbeTime: null }],
    },
    {
      containerStatuses: [
        {
          name: "c",
          image: "i",
          imageID: "x",
          ready: true,
          restartCount: 0,
          state: { running: { startedAt: "2020-01-01T00:00:00Z" } },
        },
      ],
    },
    { containerStatuses: [{ name: "c", state: { terminated: { exitCode: 1 } }, lastState: {} }] },
    { containerStatuses: [{}] },
    { qosClass: "Guaranteed" },
    { nominatedNodeName: "m" },
    { startTime: "2020-01-01T00:00:00Z", message: "m", reason: "r" },
    { resize: "Proposed" },
    { observedGeneration: 9 },
    { resourceClaimStatuses: [{ name: "x" }] },
  ])
    for (const type of ["strategic", "merge"] as const)
      await send({ method: "PATCH", path: at("status"), type: PATCHES[type], body: { status } });
}

async function scales(send: Send): Promise<void> {
  const namespace = await namespaceFor(send, "scales");
  const template = { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image: "i" }] } };
  const selector = { matchLabels: { app: "a" }, matchExpressions: [{ key: "x", operator: "In", values: ["b", "a"] }] };
  const labels = { app: "a", x: "a" };
  const spec = { replicas: 2, selector, template: { ...template, metadata: { labels } } };
  for (const [resource, body] of [
    ["deployments", spec],
    ["replicasets", spec],
    ["statefulsets", { ...spec, serviceName: "s" }],
    ["replicationcontrollers", { ...spec, selector: labels }],
  ] as const) {
    const root = resource === "replicationcontrollers" ? "/api/v1" : "/apis/apps/v1";
    const path = `${root}/namespaces/${namespace}/${resource}`;
    await send({ method: "POST", path, body: { metadata: { name: "x" }, spec: body } });
    const at = `${path}/x/scale`;
    for (const accept of [
      "application/json",
      "application/yaml",
      PROTOBUF,
      `application/json;as=Table;v=v1;${META}`,
      `application/json;as=PartialObjectMetadata;v=v1;${META}`,
    ])
      await send({ method: "GET", path: at, accept });
    const live = (await send({ method: "GET", path: at })).object;
    const put = (body: object, query = "?dryRun=All") => send({ method: "PUT", path: `${at}${query}`, body });
    await put(live);
    for (const replicas of [0, 3, -1, null, "3", 1.5, 2147483648]) {
      await put({ ...live, spec: { replicas } });
      await send({ method: "PATCH", path: `${at}?dryRun=All`, type: PATCHES.merge, body: { spec: { replicas } } });
    }
    await put({ ...live, spec: undefined });
    await put({ ...live, metadata: { name: "x" }, spec: { replicas: 4 } });
    await put({ ...live, metadata: { name: "y" } });
    await put({ ...live, metadata: {} });
    await put({ ...live, metadata: { ...live.metadata, resourceVersion: "1" } });
    await put({ ...live, metadata: { ...live.metadata, uid: "x" } });
    await put({ ...live, metadata: { ...live.metadata, namespace: "x" } });
    await put({ ...live, metadata: { ...live.metadata, labels: { a: "b" } }, status: { replicas: 9 } });
    await put({ ...live, kind: "Nope" });
    await put({ ...live, apiVersion: "nope/v1" });
    await put({ ...live, nope: 1, spec: { replicas: 1, nope: 2 } });
    await put({ ...live, nope: 1 }, "?dryRun=All&fieldValidation=Strict");
    await put({ ...live, spec: { replicas: 5 } }, "");
    await send({ method: "GET", path: `${path}/x` });
    for (const [type, body] of [
      ["json", [{ op: "replace", path: "/spec/replicas", value: 6 }]],
      ["json", [{ op: "remove", path: "/spec/replicas" }]],
      ["strategic", { spec: { replicas: 7 } }],
      ["merge", { status: { replicas: 7 } }],
    ] as const)
      await send({ method: "PATCH", path: `${at}?dryRun=All`, type: PATCHES[type], body });
    for (const method of ["POST", "DELETE"]) await send({ method, path: at, ...(method === "POST" && { body: live }) });
    await send({ method: "GET", path: `${path}/absent/scale` });
    await send({ method: "PUT", path: `${path}/absent/scale`, body: { ...live, metadata: { name: "absent" } } });
  }
}

async function tokens(send: Send): Promise<void> {
  const namespace = await namespaceFor(send, "accounts");
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`;
  await send({ method: "POST", path: `/api/v1/namespaces/${namespace}/pods`, body: pod("p") });
  await send({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/pods`,
    body: pod("other", { serviceAccountName: "default" }),
  });
  const ref = (more: object) => ({ boundObjectRef: more });
  for (const spec of [
    {},
    { audiences: ["a"] },
    { audiences: [""] },
    { expirationSeconds: 600 },
    { expirationSeconds: 599 },
    { expirationSeconds: 3607 },
    { expirationSeconds: 4294967297 },
    { expirationSeconds: 4294967296 },
    { expirationSeconds: "600" },
    ref({}),
    ref({ kind: "Pod", apiVersion: "v1", name: "p" }),
    ref({ kind: "Pod", apiVersion: "v1", name: "p", uid: "x" }),
    ref({ kind: "Pod", apiVersion: "v1", name: "absent" }),
    ref({ kind: "Pod", name: "p" }),
    ref({ kind: "Secret", apiVersion: "v1", name: "absent" }),
    ref({ kind: "Node", apiVersion: "v1", name: "absent" }),
    ref({ kind: "ConfigMap", apiVersion: "v1", name: "x" }),
    ref({ kind: "Pod", apiVersion: "v2", name: "p" }),
    { nope: 1 },
  ])
    for (const query of ["", "?dryRun=All"]) await send({ method: "POST", path: `${path}${query}`, body: { spec } });
  await send({
    method: "POST",
    path,
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: { name: "other" }, spec: {} },
  });
  await send({ method: "POST", path, body: { metadata: { namespace: "other" }, spec: {} } });
  await send({ method: "POST", path, body: { apiVersion: "v1", kind: "TokenRequest", spec: {} } });
  await send({ method: "POST", path: path.replace("default/", "absent/"), body: { spec: {} } });
  for (const accept of [PROTOBUF, "application/yaml", `application/json;as=Table;v=v1;${META}`])
    await send({ method: "POST", path, accept, body: { spec: {} } });
  for (const method of ["GET", "PUT", "PATCH", "DELETE"])
    await send({ method, path, ...(method !== "GET" && { body: {} }) });
}

async function namespaces(send: Send): Promise<void> {
  const path = "/api/v1/namespaces";
  const made = await send({ method: "POST", path, body: { metadata: { name: "d-final" } } });
  const at = `${path}/d-final`;
  await send({
    method: "PUT",
    path: `${at}/finalize?dryRun=All`,
    body: { ...made.object, spec: { finalizers: ["kubernetes", "example.com/x"] } },
  });
  for (const finalizers of [["nope"], [""], ["a b"], null, []])
    await send({ method: "PUT", path: `${at}/finalize?dryRun=All`, body: { ...made.object, spec: { finalizers } } });
  await send({ method: "PUT", path: `${at}/finalize`, body: { metadata: { name: "other" }, spec: {} } });
  await send({
    method: "PUT",
    path: `${at}/status?dryRun=All`,
    body: { ...made.object, status: { phase: "Terminating" } },
  });
  await send({ method: "PATCH", path: `${at}?dryRun=All`, type: PATCHES.merge, body: { spec: { finalizers: [] } } });
  for (const method of ["GET", "PATCH", "POST", "DELETE"])
    await send({
      method,
      path: `${at}/finalize`,
      ...(method !== "GET" && { body: {} }),
      ...(method === "PATCH" && { type: PATCHES.merge }),
    });
  await send({ method: "DELETE", path: `${at}?dryRun=All` });
  await send({ method: "DELETE", path: at });
  await send({ method: "POST", path: `${at}/configmaps`, body: { metadata: { name: "late" } } });
  await send({ method: "DELETE", path: at });
  await send({ method: "DELETE", path: `${path}?labelSelector=a` });
  const live = await send({ method: "GET", path: at });
  await send({ method: "PUT", path: `${at}/finalize`, body: { ...live.object, spec: { finalizers: [] } } });
  await send({ method: "GET", path: at });
}

const REQUEST =
  "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIUE1IWUNBUUF3RkRFU01CQUdBMVVFQXd3SllXUnRhVzVwYzNSeU1Ga3dFd1lIS29aSXpqMENBUVlJS29aSQp6ajBEQVFjRFFnQUUKLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg==";

async function approvals(send: Send): Promise<void> {
  const path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
  await send({
    method: "POST",
    path: `${path}?dryRun=All`,
    body: {
      metadata: { name: "bad" },
      spec: { request: REQUEST, signerName: "example.com/s", usages: ["client auth"] },
    },
  });
  for (const spec of [
    {},
    { request: "", signerName: "x", usages: [] },
    { request: "eA==", signerName: "a/b/c", usages: ["nope"] },
  ])
    await send({ method: "POST", path: `${path}?dryRun=All`, body: { metadata: { name: "bad" }, spec } });
}

async function budgets(send: Send): Promise<void> {
  const path = `/apis/policy/v1/namespaces/${await namespaceFor(send, "budgets")}/poddisruptionbudgets`;
  for (const spec of [
    {},
    { minAvailable: 1, maxUnavailable: 1 },
    { minAvailable: "50%" },
    { minAvailable: "x" },
    { minAvailable: -1 },
    { minAvailable: "150%" },
    { maxUnavailable: "0%", selector: {} },
    { maxUnavailable: 1, unhealthyPodEvictionPolicy: "Nope" },
    { minAvailable: 1, selector: { matchLabels: { "a b": "c" } } },
    { minAvailable: 1, selector: { matchExpressions: [{ key: "a", operator: "Nope" }] } },
  ])
    await send({ method: "POST", path: `${path}?dryRun=All`, body: { metadata: { name: "b" }, spec } });
}
