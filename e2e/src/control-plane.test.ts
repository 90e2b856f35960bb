import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { isAlive, realClock } from "@tsukube/host";
import { afterAll, beforeAll, expect, test } from "vitest";
import { codeOf } from "./https-code.ts";
import { Tsukube } from "./tsukube.ts";

const lifetime = new Lifetime();
const tsukube = new Tsukube(lifetime, "e2e-control-plane");
type Kubectl = Awaited<ReturnType<Tsukube["kubectl"]>>;
let kubectl: Kubectl;

beforeAll(async () => {
  await tsukube.run(["up", "--no-node"]);
  kubectl = await tsukube.kubectl();
}, 120_000);
afterAll(() => lifetime.close(), 60_000);

const out = async (...args: string[]): Promise<string> => (await kubectl(args)).stdout.trim();

test("up writes a private kubeconfig and a context of its own into the user's", () => {
  const config = readFileSync(join(tsukube.home, ".kube/config"), "utf8");
  expect(config).toContain(`name: tsukube-${tsukube.name}`);
  expect(statSync(join(tsukube.home, ".kube/config")).mode & 0o777).toBe(0o600);
});

test("a second up changes nothing and starts nothing", async () => {
  const before = await tsukube.status();
  await tsukube.run(["up", "--no-node"]);
  expect((await tsukube.status()).processes).toEqual(before.processes);
});

test("kubectl creates, reads in every form, changes and deletes", async () => {
  await kubectl(["create", "configmap", "settings", "--from-literal=color=blue"]);
  expect(await out("get", "configmap", "settings", "-o", "jsonpath={.data.color}")).toBe("blue");
  expect(await out("get", "configmap", "settings", "-o", "name")).toBe("configmap/settings");
  expect(await out("get", "configmap", "settings")).toMatch(/^NAME\s+DATA\s+AGE\nsettings\s+1\s+/);
  expect(await out("get", "configmap", "settings", "-o", "yaml")).toContain("color: blue");
  expect(JSON.parse(await out("get", "configmap", "settings", "-o", "json"))).toMatchObject({ kind: "ConfigMap" });
  await kubectl(["label", "configmap", "settings", "team=a"]);
  await kubectl(["annotate", "configmap", "settings", "why=test"]);
  expect(await out("get", "configmap", "-l", "team=a", "-o", "name")).toBe("configmap/settings");
  await kubectl(["patch", "configmap", "settings", "--type", "merge", "-p", '{"data":{"color":"red"}}']);
  await kubectl([
    "patch",
    "configmap",
    "settings",
    "--type",
    "json",
    "-p",
    '[{"op":"add","path":"/data/size","value":"9"}]',
  ]);
  expect(await out("get", "configmap", "settings", "-o", "jsonpath={.data.color} {.data.size}")).toBe("red 9");
  expect(await out("delete", "configmap", "settings")).toContain("deleted");
  await expect(kubectl(["get", "configmap", "settings"])).rejects.toThrow(/configmaps "settings" not found/);
});

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers: [{ name: web, image: example/web, ports: [{ containerPort: 80 }] }]
`;

test("kubectl applies, shows the difference, scales and sets images", async () => {
  const apply = (text: string, ...more: string[]) => kubectl(["apply", ...more, "-f", "-"], { input: text });
  expect((await apply(DEPLOYMENT)).stdout).toContain("created");
  expect((await apply(DEPLOYMENT)).stdout).toContain("unchanged");
  const diff = await kubectl(["diff", "-f", "-"], {
    input: DEPLOYMENT.replace("replicas: 2", "replicas: 3"),
    accept: [0, 1],
  });
  expect(diff.code).toBe(1);
  expect(diff.stdout).toMatch(/^-\s+replicas: 2$/m);
  expect(diff.stdout).toMatch(/^\+\s+replicas: 3$/m);
  await kubectl(["scale", "deployment", "web", "--replicas=5"]);
  await kubectl(["set", "image", "deployment/web", "web=example/web:2"]);
  const shown = "jsonpath={.spec.replicas} {.metadata.generation} {.spec.template.spec.containers[0].image}";
  expect(await out("get", "deployment", "web", "-o", shown)).toBe("5 3 example/web:2");
  // upstream's controllers all write under the name of their program, which tools leave out of comparisons by
  const managers = "jsonpath={.metadata.managedFields[?(@.subresource=='status')].manager}";
  const ofStatus = () => out("get", "deployment", "web", "--show-managed-fields", "-o", managers);
  await expect.poll(ofStatus, { timeout: 10_000 }).toBe("kube-controller-manager");
});

test("server-side apply reports conflicts with their owners, and force takes over", async () => {
  const manifest = (color: string): string =>
    `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"owned"},"data":{"color":"${color}"}}`;
  const apply = (manager: string, color: string, ...more: string[]) =>
    kubectl(["apply", "--server-side", "--field-manager", manager, ...more, "-f", "-"], { input: manifest(color) });
  await apply("one", "blue");
  const asked = await kubectl(["apply", "--server-side", "--field-manager", "two", "-f", "-"], {
    input: manifest("red"),
    accept: [1],
  });
  expect(asked.stderr).toContain('conflict with "one": .data.color');
  await apply("two", "red", "--force-conflicts");
  const managers = "jsonpath={.metadata.managedFields[*].manager}";
  expect(await out("get", "configmap", "owned", "--show-managed-fields", "-o", managers)).toBe("two");
});

test("explain and api-resources describe what is served", async () => {
  expect(await out("explain", "deployment.spec.replicas")).toMatch(/replicas <integer>/);
  expect(await out("api-resources", "--api-group=apps", "-o", "name")).toBe(
    ["controllerrevisions.apps", "daemonsets.apps", "deployments.apps", "replicasets.apps", "statefulsets.apps"].join(
      "\n",
    ),
  );
});

const CRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { plural: widgets, singular: widget, kind: Widget, shortNames: [wg] }
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [size]
              properties:
                size: { type: integer, minimum: 1 }
                color: { type: string, default: green }
            status: { type: object, properties: { size: { type: integer } } }
      subresources: { status: {}, scale: { specReplicasPath: .spec.size, statusReplicasPath: .status.size } }
      additionalPrinterColumns:
        - { name: Size, type: integer, jsonPath: .spec.size }
        - { name: Color, type: string, jsonPath: .spec.color }
`;

test("custom resources are pruned, defaulted, validated, scaled and shown in their columns", async () => {
  await kubectl(["apply", "-f", "-"], { input: CRD });
  await kubectl(["wait", "--for=condition=Established", "crd/widgets.example.com", "--timeout=10s"]);
  const widget = (spec: string): string =>
    `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w"},"spec":${spec}}`;
  const apply = (spec: string) => kubectl(["apply", "--validate=ignore", "-f", "-"], { input: widget(spec) });
  await expect(apply('{"size":0}')).rejects.toThrow(/spec\.size: Invalid value: 0: .*greater than or equal to 1/);
  await expect(apply("{}")).rejects.toThrow(/spec\.size: Required value/);
  await apply('{"size":2,"unknown":true}');
  expect(await out("get", "wg", "w", "-o", "jsonpath={.spec}")).toBe('{"color":"green","size":2}');
  expect(await out("get", "widgets")).toMatch(/^NAME\s+SIZE\s+COLOR\nw\s+2\s+green$/);
  await kubectl(["scale", "widget", "w", "--replicas=7"]);
  expect(await out("get", "widget", "w", "-o", "jsonpath={.spec.size}")).toBe("7");
  expect(await out("explain", "widget.spec.color")).toMatch(/color <string>/);
  await kubectl(["delete", "crd", "widgets.example.com"]);
  await expect(kubectl(["get", "widgets"])).rejects.toThrow(
    /doesn't have a resource type|could not find the requested resource/,
  );
});

test("RBAC decides what others may do, and says so", async () => {
  await kubectl(["create", "namespace", "team"]);
  await kubectl(["create", "serviceaccount", "robot", "-n", "team"]);
  await kubectl(["create", "role", "reader", "-n", "team", "--verb=get,list", "--resource=configmaps"]);
  await kubectl(["create", "rolebinding", "robot", "-n", "team", "--role=reader", "--serviceaccount=team:robot"]);
  const robot = ["--as", "system:serviceaccount:team:robot"];
  const can = async (...args: string[]) =>
    (await kubectl(["auth", "can-i", ...args, ...robot], { accept: [0, 1] })).stdout.trim();
  expect(await can("list", "configmaps", "-n", "team")).toBe("yes");
  expect(await can("list", "configmaps", "-n", "default")).toBe("no");
  expect(await can("delete", "configmaps", "-n", "team")).toBe("no");
  await expect(kubectl(["get", "secrets", "-n", "team", ...robot])).rejects.toThrow(
    /User "system:serviceaccount:team:robot" cannot list resource "secrets" in API group "" in the namespace "team"/,
  );
});

test("a ServiceAccount's token opens the door that its roles allow, a wrong one none", async () => {
  const token = await out("create", "token", "robot", "-n", "team");
  const { kubeconfig, apiServer } = await tsukube.status();
  const get = (bearer: string, path: string) => codeOf(`${apiServer}${path}`, { authorization: `Bearer ${bearer}` });
  expect(readFileSync(kubeconfig, "utf8")).not.toContain(token);
  const path = "/api/v1/namespaces/team/configmaps";
  expect(await get(token, path)).toBe(200);
  expect(await get(token, "/api/v1/nodes")).toBe(403);
  expect(await get(`${token.slice(0, -4)}AAAA`, path)).toBe(401);
});

test("who shows no credentials may see health and version, and nothing else", async () => {
  const { apiServer } = await tsukube.status();
  const code = (path: string) => codeOf(`${apiServer}${path}`);
  expect(await code("/readyz")).toBe(200);
  expect(await code("/version")).toBe(200);
  for (const path of ["/api", "/apis", "/openapi/v2", "/metrics", "/api/v1/namespaces"])
    expect(await code(path)).toBe(403);
});

test("kill -9 loses no acknowledged write, and the supervisor brings the server back", async () => {
  const server = (await tsukube.status()).processes.find(({ name }) => name === "server")!;
  await kubectl(["create", "configmap", "survivor", "--from-literal=a=b"]);
  process.kill(server.pid, "SIGKILL");
  while (isAlive(server.pid)) await realClock.sleep(10);
  await kubectl(["get", "--raw", "/readyz"]).catch(() => {});
  for (let tries = 0; !(await tsukube.status()).ready && tries < 50; tries += 1) await realClock.sleep(200);
  expect(await out("get", "configmap", "survivor", "-o", "jsonpath={.data.a}")).toBe("b");
}, 60_000);

test("down keeps the data, up brings them back, keys stay private", async () => {
  await tsukube.run(["down"]);
  expect((await tsukube.status()).processes).toEqual([]);
  await tsukube.run(["up", "--no-node"]);
  expect(await out("get", "configmap", "survivor", "-o", "name")).toBe("configmap/survivor");
}, 60_000);

test("a taken port, a newer state and a wrong name are refused with the remedy", async () => {
  await expect(tsukube.run(["--name", "Bad_Name", "status"])).rejects.toThrow(/expected up to 32 lower-case letters/);
  await tsukube.run(["down"]);
  const { kubeconfig } = await tsukube.status();
  const record = kubeconfig.replace(/kubeconfig$/, "cluster.json");
  const before = readFileSync(record, "utf8");
  const newer = before.slice(9).replace('"format":1', '"format":99').trim();
  const { crc32 } = await import("node:zlib");
  writeFileSync(record, `${crc32(newer).toString(16).padStart(8, "0")} ${newer}\n`);
  await expect(tsukube.run(["up", "--no-node"])).rejects.toThrow(/format 99, expected at most 1/);
  writeFileSync(record, before);
  await tsukube.run(["up", "--no-node"]);
}, 60_000);
