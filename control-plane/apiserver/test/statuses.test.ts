import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, type Held, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const IN = "/api/v1/namespaces/statuses";
const APPS = "/apis/apps/v1/namespaces/statuses";
const JOBS = "/apis/batch/v1/namespaces/statuses/jobs";

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "statuses" } });
  await admin.send("POST", `${IN}/serviceaccounts`, { metadata: { name: "default" } });
  for (const [path, object] of OBJECTS) {
    const { code, body } = await admin.send("POST", path, object);
    expect([code, code === 201 ? "" : body.toString()], path).toEqual([201, ""]);
  }
});
afterAll(() => server.close());

const containers = [{ name: "c", image: "i" }];
const template = { metadata: { labels: { a: "b" } }, spec: { containers } };
const workload = (name: string, more: object = {}): object => ({
  metadata: { name },
  spec: { selector: { matchLabels: { a: "b" } }, template, ...more },
});
const job = (name: string, more: object = {}): object => ({
  metadata: { name },
  spec: { template: { spec: { containers, restartPolicy: "Never" } }, ...more },
});

const OBJECTS: readonly (readonly [string, object])[] = [
  ["/api/v1/nodes", { metadata: { name: "statuses-n" } }],
  [`${IN}/pods`, { metadata: { name: "p" }, spec: { containers, restartPolicy: "OnFailure" } }],
  [`${IN}/pods`, { metadata: { name: "bound" }, spec: { containers, nodeName: "n" } }],
  [`${IN}/services`, { metadata: { name: "s" }, spec: { ports: [{ port: 80 }] } }],
  [`${IN}/services`, { metadata: { name: "lb" }, spec: { type: "LoadBalancer", ports: [{ port: 80 }] } }],
  [`${IN}/replicationcontrollers`, { metadata: { name: "rc" }, spec: { selector: { a: "b" }, template } }],
  [`${APPS}/deployments`, workload("d")],
  [`${APPS}/replicasets`, workload("r")],
  [`${APPS}/statefulsets`, workload("s")],
  [`${APPS}/daemonsets`, workload("d")],
  ...["j", "ending", "plain"].map((name): readonly [string, object] => [JOBS, job(name)]),
  [JOBS, job("indexed", { completionMode: "Indexed", completions: 5, parallelism: 2, backoffLimitPerIndex: 1 })],
  [
    "/apis/autoscaling/v2/namespaces/statuses/horizontalpodautoscalers",
    {
      metadata: { name: "h" },
      spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "d" } },
    },
  ],
  [
    "/apis/policy/v1/namespaces/statuses/poddisruptionbudgets",
    { metadata: { name: "b" }, spec: { maxUnavailable: 1 } },
  ],
  [
    "/apis/networking.k8s.io/v1/namespaces/statuses/ingresses",
    { metadata: { name: "i" }, spec: { defaultBackend: { service: { name: "s", port: { number: 80 } } } } },
  ],
  [
    "/apis/storage.k8s.io/v1/volumeattachments",
    { metadata: { name: "statuses" }, spec: { attacher: "a", nodeName: "n", source: { persistentVolumeName: "v" } } },
  ],
];

const write = (path: string, status: object): Promise<Answer> => admin.send("PATCH", `${path}/status`, { status });
const causes = ({ code, object }: Answer): readonly string[] =>
  code === 200
    ? []
    : (object.details?.causes?.map(({ field, message }) => `${field}: ${message}`) ?? [`${code} ${object.message}`]);

const NEGATIVE = "Invalid value: -1: must be greater than or equal to 0";
const MANY = "cannot be greater than status.replicas";
const ended = (name: string): object => ({ name, state: { terminated: { exitCode: 0 } } });

const REFUSED: readonly (readonly [path: string, status: object, causes: readonly string[]])[] = [
  [
    "/api/v1/namespaces/statuses",
    { phase: "Terminating" },
    ["status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"],
  ],
  [
    "/api/v1/nodes/statuses-n",
    {
      addresses: [
        { type: "InternalIP", address: "10.1.1.1" },
        { type: "InternalIP", address: "10.1.1.1" },
      ],
    },
    [expect.stringMatching(/^status\.addresses\[1\]: Duplicate value/)],
  ],
  [
    `${IN}/pods/p`,
    { conditions: [{ type: "PodScheduled", status: "True", observedGeneration: -1 }] },
    ["status.conditions[0].observedGeneration: Invalid value: -1: must be a non-negative integer"],
  ],
  [
    `${IN}/pods/p`,
    { conditions: [{ type: "a b", status: "True" }] },
    [expect.stringMatching(/^status\.conditions\[0\]\.Type: Invalid value: "a b": name part must consist of/)],
  ],
  [`${IN}/pods/p`, { qosClass: "Guaranteed" }, ['status.qosClass: Invalid value: "Guaranteed": field is immutable']],
  [
    `${IN}/pods/p`,
    { nominatedNodeName: "A_B" },
    [expect.stringMatching(/^status\.nominatedNodeName: Invalid value: "A_B": a lowercase RFC 1123 subdomain/)],
  ],
  [
    `${IN}/pods/bound`,
    { nominatedNodeName: "m" },
    ["status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node"],
  ],
  [
    `${IN}/pods/p`,
    { podIP: "10.1.1.1", podIPs: [{ ip: "10.1.1.1" }, { ip: "10.1.1.2" }] },
    [expect.stringMatching(/^status\.podIPs: Invalid value: .*: may specify no more than one IP for each IP family$/)],
  ],
  [
    `${IN}/pods/p`,
    { podIPs: [{ ip: "x" }] },
    ['status.podIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
  ],
  [
    `${IN}/pods/p`,
    { hostIP: "10.1.1.1", hostIPs: [{ ip: "10.1.1.2" }] },
    ['status.hostIPs[0].ip: Invalid value: "10.1.1.2": must be equal to `hostIP`'],
  ],
  [
    `${IN}/services/s`,
    { loadBalancer: { ingress: [{ ip: "10.1.1.1" }] } },
    ["status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"],
  ],
  [
    `${IN}/services/lb`,
    {
      loadBalancer: {
        ingress: [
          { ip: "x", ipMode: "Odd" },
          { hostname: "10.1.1.1", ipMode: "VIP" },
        ],
      },
    },
    [
      'status.loadBalancer.ingress[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      'status.loadBalancer.ingress[0].ipMode: Unsupported value: "Odd": supported values: "Proxy", "VIP"',
      "status.loadBalancer.ingress[1].ipMode: Forbidden: may not be specified when `ip` is not set",
      'status.loadBalancer.ingress[1].hostname: Invalid value: "10.1.1.1": must be a DNS name, not an IP address',
    ],
  ],
  [
    "/apis/networking.k8s.io/v1/namespaces/statuses/ingresses/i",
    { loadBalancer: { ingress: [{ ip: "x" }] } },
    [
      'status.loadBalancer.ingress[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
  ],
  [
    `${IN}/replicationcontrollers/rc`,
    { replicas: 1, readyReplicas: 2 },
    [`status.readyReplicas: Invalid value: 2: ${MANY}`],
  ],
  [
    `${APPS}/deployments/d`,
    { replicas: 1, updatedReplicas: 2, readyReplicas: 0, availableReplicas: 1 },
    [
      `status.updatedReplicas: Invalid value: 2: ${MANY}`,
      "status.availableReplicas: Invalid value: 1: cannot be greater than readyReplicas",
    ],
  ],
  [`${APPS}/replicasets/r`, { observedGeneration: -1 }, [`status.observedGeneration: ${NEGATIVE}`]],
  [
    `${APPS}/statefulsets/s`,
    { replicas: 1, currentReplicas: 2 },
    [`status.currentReplicas: Invalid value: 2: ${MANY}`],
  ],
  [`${APPS}/daemonsets/d`, { numberReady: -1 }, [`status.numberReady: ${NEGATIVE}`]],
  [
    "/apis/autoscaling/v2/namespaces/statuses/horizontalpodautoscalers/h",
    { desiredReplicas: -1 },
    [`status.desiredReplicas: ${NEGATIVE}`],
  ],
  [
    "/apis/policy/v1/namespaces/statuses/poddisruptionbudgets/b",
    {
      disruptionsAllowed: -1,
      conditions: [
        { type: "A", status: "Maybe", reason: "not good", lastTransitionTime: "2025-01-01T00:00:00Z", message: "" },
      ],
    },
    [
      'status.conditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
      expect.stringMatching(
        /^status\.conditions\[0\]\.reason: Invalid value: "not good": a condition reason must start with/,
      ),
      `status.disruptionsAllowed: ${NEGATIVE}`,
    ],
  ],
  [
    "/apis/storage.k8s.io/v1/volumeattachments/statuses",
    { attached: false, attachError: { errorCode: -1 } },
    ["status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive"],
  ],
  [`${JOBS}/j`, { ready: 2, active: 1 }, ["status.ready: Invalid value: 2: cannot set more ready pods than active"]],
  [
    `${JOBS}/plain`,
    { completedIndexes: "1" },
    [
      expect.stringContaining("too large index"),
      expect.stringContaining("cannot set non-empty completedIndexes when non-indexed completion mode"),
    ],
  ],
  [
    `${JOBS}/indexed`,
    { completedIndexes: "0,2-3", failedIndexes: "3" },
    ['status.failedIndexes: Invalid value: "3": failedIndexes and completedIndexes overlap at index: 3'],
  ],
  [
    `${JOBS}/indexed`,
    { completedIndexes: "3,1" },
    [
      'status.completedIndexes: Invalid value: "3,1": error parsing completedIndexes: non-increasing order, previous: 3, current: 1',
    ],
  ],
];

test.each(REFUSED)("%s cannot have the status %j", async (path, status, expected) => {
  expect(causes(await write(path, status))).toEqual(expected);
});

test("what a client leaves out of a pod's status that it may not know stays", async () => {
  const path = `${IN}/pods/kept`;
  await admin.send("POST", `${IN}/pods`, { metadata: { name: "kept" }, spec: { containers } });
  const condition = { type: "Ready", status: "False" };
  const first = { phase: "Pending", observedGeneration: 3, conditions: [{ ...condition, observedGeneration: 2 }] };
  await admin.send("PATCH", `${path}/status`, { status: first });
  const owner = { apiVersion: "v1", kind: "ConfigMap", name: "c", uid: "1" };
  const metadata = { name: "kept", ownerReferences: [owner], labels: { a: "b" } };
  const written = { metadata, spec: { containers: [] }, status: { phase: "Pending", conditions: [condition] } };
  const { code, object } = await admin.send("PUT", `${path}/status`, written);
  expect(code).toBe(200);
  expect(object.metadata?.labels).toEqual({ a: "b" });
  expect(object.metadata?.ownerReferences).toBeUndefined();
  expect(object).toMatchObject({
    spec: { containers: [{ name: "c" }] },
    status: { qosClass: "BestEffort", observedGeneration: 3, conditions: [{ ...condition, observedGeneration: 2 }] },
  });
}, 30_000);

test.each(["PATCH", "PUT"])(
  "a %s clears the claims of a pod by an empty list, and leaves them without one",
  async (verb) => {
    const name = `claims-${verb.toLowerCase()}`;
    const [metadata, claim] = [{ name }, { name: "gpu", resourceClaimName: "c" }];
    const spec = { containers, resourceClaims: [claim] };
    await admin.send("POST", `${IN}/pods`, { metadata, spec });
    const written = async (status: object): Promise<unknown> => {
      const { object } = await admin.send(verb, `${IN}/pods/${name}/status`, { metadata, status });
      return (object["status"] as { readonly resourceClaimStatuses?: unknown }).resourceClaimStatuses;
    };
    expect(await written({ resourceClaimStatuses: [claim] })).toEqual([claim]);
    expect(await written({ phase: "Pending" })).toEqual([claim]);
    expect(await written({ resourceClaimStatuses: [] })).toBeUndefined();
  },
);

describe("a container of a pod that has ended", () => {
  test("runs again only where the policy says so", async () => {
    await write(`${IN}/pods/p`, { phase: "Running", containerStatuses: [ended("c")] });
    const again = [{ name: "c", state: { running: {} } }];
    expect(causes(await write(`${IN}/pods/p`, { containerStatuses: again }))).toEqual([
      "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state",
    ]);
    await write(`${IN}/pods/bound`, { phase: "Running", containerStatuses: [ended("c")] });
    expect(causes(await write(`${IN}/pods/bound`, { containerStatuses: again }))).toEqual([]);
  });
});

describe("a job that has ended", () => {
  const condition = (type: string, status = "True"): object => ({ type, status });
  const startTime = "2025-01-01T00:00:00Z";
  const completionTime = "2025-01-01T00:01:00Z";

  test("was said to be going to, and stays ended", async () => {
    const path = `${JOBS}/ending`;
    expect(causes(await write(path, { conditions: [condition("Complete")] }))).toEqual([
      "status.completionTime: Required value: completionTime is required for Complete jobs",
      "status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
      "status.startTime: Required value: startTime is required for finished job",
    ]);
    expect(causes(await write(path, { conditions: [condition("Failed")], startTime }))).toEqual([
      "status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition",
    ]);
    const complete = {
      startTime,
      completionTime,
      succeeded: 1,
      conditions: [condition("SuccessCriteriaMet"), condition("Complete")],
    };
    expect(causes(await write(path, complete))).toEqual([]);
    expect(causes(await write(path, { conditions: [condition("SuccessCriteriaMet")] }))).toEqual([
      expect.stringContaining("completionTime"),
      "status.conditions: Invalid value: cannot disable the terminal Complete=True condition",
    ]);
    expect(causes(await write(path, { succeeded: 0 }))).toEqual([
      "status.succeeded: Invalid value: 0: cannot decrease the succeeded counter",
    ]);
    expect(causes(await write(path, { completionTime: "2025-01-01T00:02:00Z" }))).toEqual([
      expect.stringMatching(/^status\.completionTime: .*field is immutable$/),
    ]);
    const { object } = await admin.get(path);
    expect((object["status"] as Held)["completionTime"]).toBe(completionTime);
  });
});
