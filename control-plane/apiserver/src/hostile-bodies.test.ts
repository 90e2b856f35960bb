import { encodeUnstructured, type Json } from "@tsukube/api";
import { type Cluster, seededRandom, startCluster } from "@tsukube/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

let cluster: Cluster;
beforeAll(async () => void (cluster = await startCluster()));
afterAll(() => cluster.close());

const DEPLOYMENT: Json = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", labels: { app: "web" }, annotations: { note: "\u00e9\u4e16" } },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: "web" } },
    strategy: { rollingUpdate: { maxSurge: "25%", maxUnavailable: 1 } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: {
        containers: [
          {
            name: "a",
            image: "a:1",
            ports: [{ containerPort: 80 }],
            resources: { limits: { cpu: "100m", memory: "1Gi" } },
          },
        ],
        volumes: [{ name: "v", projected: { sources: [{ configMap: { name: "c" } }] } }],
      },
    },
  },
};
const PATH = "/apis/apps/v1/namespaces/default/deployments";
const TURNS = Number(process.env["FUZZ"] ?? 200);
const random = seededRandom(7);
const below = (n: number): number => Math.floor(random.float() * n);

/** Bytes changed, cut out, doubled and put in, also such as mean something. */
function mutated(bytes: Uint8Array): Uint8Array {
  let out = Buffer.from(bytes);
  for (let i = 1 + below(4); i > 0; i -= 1) {
    const at = below(out.length + 1);
    const to = Math.min(out.length, at + below(20));
    const means = [
      '"',
      "{",
      "}",
      "[",
      "]",
      ",",
      "null",
      "-",
      "1e999",
      "9223372036854775808",
      "\\u0000",
      "\\ud800",
      "\xff",
      "&a *a",
      "\n",
    ];
    const piece = [
      () => Buffer.from(means[below(means.length)]!, "latin1"),
      () => Buffer.of(below(256)),
      () => out.subarray(at, to),
      () => Buffer.alloc(0),
    ][below(4)]!();
    const end = below(2) === 0 ? at : to;
    out = Buffer.concat([out.subarray(0, at), piece, out.subarray(end)]);
  }
  return out;
}

async function send(method: string, path: string, contentType: string, body: Uint8Array): Promise<[number, string]> {
  const { status, body: answer } = await cluster.transport.request({
    method,
    path,
    headers: { "content-type": contentType, accept: "application/json" },
    body,
  });
  return [status, answer instanceof Uint8Array ? Buffer.from(answer).toString() : ""];
}

const json = encodeUnstructured(DEPLOYMENT);
const patch = (value: Json): Uint8Array => encodeUnstructured(value);
const CASES: readonly (readonly [string, string, string, () => Promise<Uint8Array>])[] = [
  ["POST", "", "application/json", async () => json],
  ["POST", "", "application/yaml", async () => json],
  [
    "POST",
    "",
    "application/yaml",
    async () =>
      Buffer.from(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: &r 2\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: a\n        image: |\n          a\n",
      ),
  ],
  ["PUT", "/web", "application/json", async () => json],
  ["PATCH", "/web", "application/apply-patch+yaml", async () => json],
  ["PATCH", "/web", "application/merge-patch+json", async () => patch({ spec: { replicas: 3, paused: null } })],
  [
    "PATCH",
    "/web",
    "application/strategic-merge-patch+json",
    async () =>
      patch({
        spec: {
          template: {
            spec: {
              containers: [
                { name: "a", image: "b" },
                { $patch: "delete", name: "c" },
              ],
              $setElementOrder: [],
            },
          },
        },
      }),
  ],
  [
    "PATCH",
    "/web",
    "application/json-patch+json",
    async () =>
      patch([
        { op: "replace", path: "/spec/replicas", value: 1 },
        { op: "move", from: "/metadata/labels/app", path: "/metadata/labels/x" },
      ]),
  ],
  [
    "DELETE",
    "/gone",
    "application/json",
    async () => patch({ kind: "DeleteOptions", apiVersion: "v1", gracePeriodSeconds: 5, preconditions: { uid: "x" } }),
  ],
  ["POST", "", "application/vnd.kubernetes.protobuf", protobuf],
];

async function protobuf(): Promise<Uint8Array> {
  const { body } = await cluster.transport.request({
    method: "GET",
    path: `${PATH}/web`,
    headers: { accept: "application/vnd.kubernetes.protobuf" },
  });
  return body as Uint8Array;
}

test("whatever the bytes of a body are, the answer blames the client, and nobody else notices", async () => {
  expect((await send("POST", PATH, "application/json", json))[0]).toBe(201);
  const codes = new Map<number, number>();
  for (const [method, suffix, contentType, original] of CASES) {
    const bytes = await original();
    for (let turn = 0; turn < TURNS; turn += 1) {
      const body = mutated(bytes);
      const query = method === "PATCH" && contentType.includes("apply") ? "?fieldManager=f&force=true" : "";
      const [status, answer] = await send(method, PATH + suffix + query, contentType, body);
      codes.set(status, (codes.get(status) ?? 0) + 1);
      // upstream tells errors of patches with 500 too, but without the reason of those that nobody expected
      const said = `${method} ${contentType} ${Buffer.from(body).toString("latin1")}`;
      expect(answer, said).not.toMatch(/"reason":"InternalError"|"code":50[1-9]/);
    }
  }
  expect([...codes.keys()]).toEqual(expect.arrayContaining([400, 422]));
  expect((await send("GET", `${PATH}/web`, "application/json", Buffer.alloc(0)))[0]).toBe(200);
});

const pod = (spec: Record<string, Json>): Json => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "many" },
  spec: { serviceAccountName: "default", containers: [{ name: "a", image: "a" }], ...spec },
});
const some = (count: number, one: (index: number) => Json): Json[] => Array.from({ length: count }, (_, i) => one(i));

/** Work and answers that grow with the square of a list take minutes and gigabytes for what a body may hold. */
test.each<[string, Json, number]>([
  [
    "constraints of spreading",
    pod({
      topologySpreadConstraints: some(16_000, (i) => ({
        maxSkew: 1,
        topologyKey: `k${i}`,
        whenUnsatisfiable: "DoNotSchedule",
      })),
    }),
    201,
  ],
  [
    "claims of a container, each told of all that there are",
    pod({
      resourceClaims: some(3000, (i) => ({ name: `claim-${"x".repeat(50)}-${i}`, resourceClaimName: "c" })),
      containers: [{ name: "a", image: "a", resources: { claims: some(3000, (i) => ({ name: `no-${i}` })) } }],
    }),
    422,
  ],
  ["a quantity of zeros", pod({ resources: { limits: { cpu: `${"0".repeat(1_000_000)}!` } } }), 400],
  [
    "paths of a volume",
    pod({
      volumes: [{ name: "v", secret: { secretName: "s", items: some(25_000, (i) => ({ key: "k", path: `p${i}` })) } }],
    }),
    201,
  ],
])("a long list costs what it is long: %s", async (_, object, code) => {
  await send(
    "POST",
    "/api/v1/namespaces/default/serviceaccounts",
    "application/json",
    patch({ metadata: { name: "default" } }),
  );
  const path = "/api/v1/namespaces/default/pods?dryRun=All";
  const [status, answer] = await send("POST", path, "application/json", patch(object));
  expect(status).toBe(code);
  expect(answer.length).toBeLessThan(8 * 1024 * 1024);
});

test("no number of patches makes an object that is too large to be held", async () => {
  const path = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";
  const rule = (resource: string) => ({ apiGroups: [""], resources: [resource], verbs: ["get"] });
  const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata: { name: "grows" } };
  await send("POST", path, "application/json", patch({ ...role, rules: [rule("pods")] }));
  const grow = () =>
    send(
      "PATCH",
      `${path}/grows`,
      "application/json-patch+json",
      patch([{ op: "add", path: "/rules/-", value: rule("x".repeat(2_900_000)) }]),
    );
  const codes = [(await grow())[0], (await grow())[0]];
  const [code, answer] = await grow();
  expect([...codes, code]).toEqual([200, 200, 413]);
  expect(answer).toMatch(/Request entity too large: the object would have \d+ bytes, limit is 8388608/);
  expect((await send("DELETE", `${path}/grows`, "application/json", Buffer.alloc(0)))[0]).toBe(200);
});

test("no patch makes an object that is nested deeper than can be read again", async () => {
  const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  await cluster.client.raw("POST", crds, {
    metadata: { name: "deeps.example.com" },
    spec: {
      ...{ group: "example.com", scope: "Namespaced" },
      names: { plural: "deeps", singular: "deep", kind: "Deep", listKind: "DeepList" },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  });
  await cluster.clock.advance(2000);
  const path = "/apis/example.com/v1/namespaces/default/deeps";
  const deep = (levels: number): string => '{"a":'.repeat(levels) + "{}" + "}".repeat(levels);
  const object = (levels: number): Uint8Array =>
    Buffer.from(`{"apiVersion":"example.com/v1","kind":"Deep","metadata":{"name":"d"},"x":${deep(levels)}}`);
  // who manages which field nests a few levels deeper than the object
  expect((await send("POST", path, "application/json", object(996)))[0]).toBe(413);
  expect((await send("POST", path, "application/json", object(900)))[0]).toBe(201);
  const add = `[{"op":"add","path":"/x${"/a".repeat(901)}","value":${deep(200)}}]`;
  const [code, answer] = await send("PATCH", `${path}/d`, "application/json-patch+json", Buffer.from(add));
  expect([code, answer.slice(0, 300)]).toEqual([
    413,
    expect.stringMatching(/the object would be nested \d+ deep, limit is 1000/),
  ]);
  const copy = `[{"op":"copy","from":"/x","path":"/x${"/a".repeat(901)}"}]`;
  expect((await send("PATCH", `${path}/d`, "application/json-patch+json", Buffer.from(copy)))[0]).toBe(413);
  const apply = `${path}/d?fieldManager=m&force=true`;
  expect((await send("PATCH", apply, "application/apply-patch+yaml", object(996)))[0]).toBe(422);
  expect((await send("PATCH", apply, "application/apply-patch+yaml", object(950)))[0]).toBe(200);
  expect((await send("GET", path, "application/json", Buffer.alloc(0)))[0]).toBe(200);
  expect((await send("DELETE", `${path}/d`, "application/json", Buffer.alloc(0)))[0]).toBe(200);
});
