import type { Scenario, Send } from "../exchange.ts";
import { META, namespaceFor, PATCHES, PROTOBUF } from "./lifecycle.ts";

const PATH = "/apis/apps/v1/namespaces";

function deployment(more: object, name = "d"): object {
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name }, ...more };
}

const POD_SPEC = { containers: [{ name: "a", image: "i:1", ports: [{ containerPort: 80 }] }] };
const SPEC = {
  replicas: 1,
  selector: { matchLabels: { app: "a" } },
  template: { metadata: { labels: { app: "a" } }, spec: POD_SPEC },
};

/** Who owns which field when several write one object, through it and its subresources. */
export function managerScenarios(): readonly Scenario[] {
  return [
    { name: "managers of a deployment", run: ofDeployment },
    { name: "managers of a config map", run: ofConfigMap },
    { name: "managers of a service", run: ofService },
    { name: "managers of a pod", run: ofPod },
  ];
}

async function ofDeployment(send: Send): Promise<void> {
  const path = `${PATH}/${await namespaceFor(send, "managers")}/deployments/d`;
  const read = () => send({ method: "GET", path });
  const apply = async (manager: string, body: object, query = "", at = path) => {
    await send({ method: "PATCH", path: `${at}?fieldManager=${manager}${query}`, type: PATCHES.apply, body });
    return read();
  };
  await apply("a", deployment({ spec: SPEC }));
  await apply("a", deployment({ spec: SPEC }));
  await apply("b", deployment({ spec: { replicas: 1 } }));
  await apply("b", deployment({ spec: { replicas: 2 } }));
  await apply("b", deployment({ spec: { replicas: 2 } }), "&force=true");
  await apply("b", deployment({ spec: { replicas: 2 } }), "&force=nope");
  await apply("a", deployment({ spec: { ...SPEC, replicas: undefined } }));
  await apply("c", deployment({ spec: { template: { spec: { containers: [{ name: "b", image: "i:2" }] } } } }));
  await apply("c", deployment({ spec: { template: { spec: { containers: [{ name: "a", image: "i:2" }] } } } }));
  await apply("c", deployment({ spec: { template: { spec: { containers: [{ name: "a", env: [{ name: "X" }] }] } } } }));
  await apply("c", deployment({}));
  const ports = (...list: readonly object[]) => ({
    template: { spec: { containers: [{ name: "a", ports: list }] } },
  });
  await apply("p", deployment({ spec: ports({ containerPort: 80, protocol: "UDP" }) }));
  await apply("p", deployment({ spec: ports({ containerPort: 80, name: "http" }) }));
  await apply("p", deployment({ spec: ports({ containerPort: 80 }, { containerPort: 80 }) }));
  await apply("p", deployment({ spec: ports({ name: "keyless" }) }));
  await apply("q", deployment({ spec: { template: { spec: { nope: { a: 1 } } } } }));
  for (const spec of [
    "x",
    [],
    { paused: "x" },
    { paused: 1 },
    { template: { spec: { containers: {} } } },
    { template: { metadata: { labels: { a: {} } } } },
  ])
    await apply("q", deployment({ spec }));
  await apply("q", deployment({ spec: { nope: 1 } }), "&fieldValidation=Strict");
  await apply("q", deployment({ spec: { nope: 1 } }), "&fieldValidation=Ignore");
  await apply("q", deployment({ spec: { replicas: "x" } }), "&force=true");
  await apply("q", deployment({ spec: { replicas: null } }), "&force=true");
  await apply("q", deployment({ spec: null }));
  await apply("q", deployment({ metadata: { name: "d", labels: null, annotations: {} } }));
  await apply("q", deployment({ metadata: { name: "d", uid: "nope" } }));
  await apply("q", deployment({ metadata: { name: "d", resourceVersion: "1" } }));
  await apply("q", deployment({ metadata: { name: "d", managedFields: [{ manager: "x" }] } }));
  await apply("q", deployment({ metadata: { name: "other" } }));
  await apply("q", deployment({ metadata: {} }));
  await apply("q", { kind: "Deployment", metadata: { name: "d" } });
  await apply("q", { apiVersion: "apps/v1", metadata: { name: "d" } });
  await apply("q", { apiVersion: "apps/v1beta1", kind: "Deployment", metadata: { name: "d" } });
  await apply("q", deployment({ status: { replicas: 3 } }));
  await apply(
    "s",
    deployment({ status: { replicas: 3, conditions: [{ type: "X", status: "True" }] } }),
    "",
    `${path}/status`,
  );
  await apply("t", deployment({ status: { replicas: 4 } }), "", `${path}/status`);
  await apply("t", deployment({ status: { replicas: 4 } }), "&force=true", `${path}/status`);
  await apply("s", deployment({ status: { conditions: [{ type: "Y", status: "True" }] } }), "", `${path}/status`);
  await apply(
    "s",
    deployment({ metadata: { name: "d", labels: { st: "1" } }, spec: { replicas: 9 }, status: {} }),
    "",
    `${path}/status`,
  );
  const scale = (replicas: number) => ({
    apiVersion: "autoscaling/v1",
    kind: "Scale",
    metadata: { name: "d" },
    spec: { replicas },
  });
  await apply("z", scale(5), "", `${path}/scale`);
  await apply("z", scale(5), "&force=true", `${path}/scale`);
  await apply("b", deployment({ spec: { replicas: 6 } }));
  await apply("b", deployment({ spec: { replicas: 6 } }), "&force=true");
  await send({ method: "PUT", path: `${path}/scale?fieldManager=put`, body: scale(7) });
  await read();
  for (const [type, body] of [
    ["merge", { spec: { replicas: 8 } }],
    ["json", [{ op: "replace", path: "/spec/replicas", value: 9 }]],
    ["strategic", { spec: { template: { spec: { containers: [{ name: "a", image: "i:9" }] } } } }],
  ] as const) {
    await send({ method: "PATCH", path: `${path}?fieldManager=${type}`, type: PATCHES[type], body });
    await read();
  }
  await apply("a", deployment({ spec: SPEC }));
  for (let index = 0; index < 12; index += 1)
    await send({
      method: "PATCH",
      path: `${path}?fieldManager=m${String(index).padStart(2, "0")}`,
      type: PATCHES.merge,
      body: { metadata: { annotations: { [`k${index}`]: "v" } } },
    });
  for (const accept of ["application/yaml", PROTOBUF, `application/json;as=PartialObjectMetadata;v=v1;${META}`])
    await send({ method: "GET", path, accept });
  const live = await read();
  await send({ method: "PUT", path: `${path}?fieldManager=put`, body: live.object });
  const unowned = { ...live.object, metadata: { ...live.object.metadata, managedFields: undefined } };
  await send({ method: "PUT", path: `${path}?fieldManager=put&dryRun=All`, body: unowned });
  const sent = { manager: "z", operation: "Update", apiVersion: "apps/v1", fieldsType: "FieldsV1" };
  for (const managedFields of [
    [],
    ...[{ "f:spec": {} }, { "f:spec": 1 }, { x: {} }, { "k:{": {} }, { "v:": {} }, { "i:x": {} }, "x", []].map(
      (fieldsV1) => [{ ...sent, fieldsV1 }],
    ),
    [{ ...sent, apiVersion: "", fieldsV1: { "f:spec": {} } }],
  ]) {
    const body = { ...live.object, metadata: { ...live.object.metadata, managedFields } };
    await send({
      method: "PUT",
      path: `${path}?fieldManager=put&dryRun=All`,
      body,
      note: JSON.stringify(managedFields),
    });
  }
  const emptied = { ...live.object, metadata: { ...live.object.metadata, managedFields: [{}] } };
  await send({ method: "PUT", path: `${path}?fieldManager=put`, body: emptied });
  await apply("a", deployment({ spec: SPEC }));
  await apply("a", deployment({ spec: SPEC }), "&force=true");
  await send({
    method: "PATCH",
    path: `${path}?fieldManager=${"x".repeat(128)}`,
    type: PATCHES.merge,
    body: { metadata: { labels: { l: "1" } } },
  });
  await send({
    method: "PATCH",
    path: `${path}?fieldManager=a%0Ab`,
    type: PATCHES.merge,
    body: { metadata: { labels: { l: "2" } } },
  });
  await send({
    method: "PATCH",
    path,
    type: PATCHES.merge,
    headers: { "user-agent": "" },
    body: { metadata: { labels: { l: "3" } } },
  });
  await send({
    method: "PATCH",
    path,
    type: PATCHES.merge,
    headers: { "user-agent": "a b/c d/e" },
    body: { metadata: { labels: { l: "4" } } },
  });
  await read();
}

async function ofConfigMap(send: Send): Promise<void> {
  const collection = `/api/v1/namespaces/${await namespaceFor(send, "managers-map")}/configmaps`;
  const path = `${collection}/c`;
  const map = (more: object) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" }, ...more });
  const apply = async (manager: string, body: object | string, query = "") => {
    await send({ method: "PATCH", path: `${path}?fieldManager=${manager}${query}`, type: PATCHES.apply, body });
    return send({ method: "GET", path });
  };
  const last = {
    "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify(map({ data: { a: "1", b: "1" } })),
  };
  await send({
    method: "POST",
    path: `${collection}?fieldManager=kubectl-client-side-apply`,
    body: map({ metadata: { name: "c", annotations: last }, data: { a: "1", b: "1" } }),
  });
  await apply("kubectl", map({ data: { a: "1" } }));
  await apply("kubectl", map({ data: { a: "2" } }), "&force=true");
  await apply("a", map({ data: { x: "1", y: "2" }, binaryData: { z: "AA==" } }));
  await apply("a", map({ data: { x: "1" } }));
  await apply("a", map({ data: {} }));
  await apply("a", map({ data: null }));
  await apply("b", map({ data: { é: "1" } }));
  await apply("b", map({ data: { "k.v": "1", 'q"': "2" } }));
  await apply("b", map({ immutable: true }));
  await apply("b", map({ data: { x: "9" } }));
  await apply("b", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  y: yes\n");
  await apply("b", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  y: 'yes'\n  n: \"1\"\n");
  await apply(
    "owner",
    map({
      metadata: {
        name: "c",
        ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "p", uid: "u" }],
        finalizers: ["example.com/a"],
      },
    }),
  );
  await apply(
    "owner",
    map({
      metadata: {
        name: "c",
        ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "q", uid: "w" }],
        finalizers: ["example.com/b"],
      },
    }),
  );
  await apply("owner", map({}));
  await send({ method: "DELETE", path });
  await apply("a", map({ metadata: { name: "c", uid: "11111111-2222-4333-8444-555555555555" } }));
  await apply("a", map({ metadata: { generateName: "gn-" } }));
}

async function ofService(send: Send): Promise<void> {
  const path = `/api/v1/namespaces/${await namespaceFor(send, "managers-svc")}/services/s`;
  const service = (spec: object) => ({ apiVersion: "v1", kind: "Service", metadata: { name: "s" }, spec });
  const apply = async (manager: string, spec: object, query = "") => {
    await send({
      method: "PATCH",
      path: `${path}?fieldManager=${manager}${query}`,
      type: PATCHES.apply,
      body: service(spec),
    });
    return send({ method: "GET", path });
  };
  await apply("a", { selector: { app: "a" }, ports: [{ port: 80, name: "http" }] });
  await apply("b", { ports: [{ port: 53, protocol: "UDP", name: "dns" }] });
  await apply("c", { ports: [{ port: 80, targetPort: 8080 }] });
  await apply("c", { ports: [{ port: 80, targetPort: 8080 }] }, "&force=true");
  await apply("a", { selector: { app: "b" }, ports: [{ port: 80, name: "http" }] });
  await apply("d", { selector: { app: "c" } });
  await apply("d", { selector: { app: "c", more: "1" } }, "&force=true");
  await apply("d", { type: "NodePort" }, "&force=true");
  await apply("d", { type: "ClusterIP" });
  await apply("d", {});
  await apply("e", { clusterIP: "None" }, "&force=true");
}

async function ofPod(send: Send): Promise<void> {
  const path = `/api/v1/namespaces/${await namespaceFor(send, "managers-pod")}/pods/p`;
  const pod = (more: object) => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, ...more });
  const apply = async (manager: string, body: object, query = "", sub = "") => {
    await send({ method: "PATCH", path: `${path}${sub}?fieldManager=${manager}${query}`, type: PATCHES.apply, body });
    return send({ method: "GET", path });
  };
  await apply("a", pod({ spec: { nodeName: "n", ...POD_SPEC } }));
  await apply(
    "kubelet",
    pod({
      status: { phase: "Running", podIPs: [{ ip: "10.1.0.1" }], conditions: [{ type: "Ready", status: "True" }] },
    }),
    "",
    "/status",
  );
  await apply(
    "other",
    pod({
      status: {
        conditions: [
          { type: "Ready", status: "False" },
          { type: "Mine", status: "True" },
        ],
      },
    }),
    "",
    "/status",
  );
  await apply("other", pod({ status: { conditions: [{ type: "Mine", status: "False" }] } }), "", "/status");
  await apply("a", pod({ spec: { containers: [{ name: "a", image: "i:2" }] } }));
  await apply("b", pod({ spec: { containers: [{ name: "a", image: "i:3" }] } }), "&force=true");
  await apply(
    "b",
    pod({ spec: { containers: [{ name: "a", image: "i:3", resources: { limits: { cpu: "1" } } }] } }),
    "&force=true",
  );
  await apply("e", pod({ spec: { ephemeralContainers: [{ name: "e", image: "i" }] } }), "", "/ephemeralcontainers");
  await apply(
    "f",
    pod({ spec: { ephemeralContainers: [{ name: "f", image: "i", targetContainerName: "a" }] } }),
    "",
    "/ephemeralcontainers",
  );
  await apply(
    "r",
    pod({ spec: { containers: [{ name: "a", resources: { requests: { cpu: "100m" } } }] } }),
    "",
    "/resize",
  );
  await apply("a", pod({}));
}
