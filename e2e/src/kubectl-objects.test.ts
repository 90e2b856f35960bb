import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { realClock, systemRandom } from "@tsukube/host";
import { createAuthorityKeys } from "@tsukube/host/certificates";
import { afterAll, beforeAll, expect, test } from "vitest";
import { codeOf } from "./https-code.ts";
import { Kubectl } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

const lifetime = new Lifetime();
const tsukube = new Tsukube(lifetime, "e2e-kubectl-objects");
const folder = mkdtempSync(join(tmpdir(), "tsukube-e2e-kubectl-"));
lifetime.add("files", () => rmSync(folder, { recursive: true }));
let k: Kubectl;

beforeAll(async () => {
  await tsukube.run(["up", "--no-node"]);
  k = new Kubectl((await tsukube.status()).kubeconfig);
}, 120_000);
afterAll(() => lifetime.close(), 60_000);

/** A namespace for one test. */
async function namespace(name: string): Promise<string> {
  await k.run(`create namespace ${name}`);
  await k.run(`wait --for=create serviceaccount/default -n ${name} --timeout=10s`);
  return `-n ${name}`;
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const configMap = (name: string, data: object) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data });

test.concurrent("create makes every kind that it has a generator for", async () => {
  const ns = await namespace("generators");
  const keys = await createAuthorityKeys("x", realClock, systemRandom);
  file("tls.key", keys.key);
  file("tls.crt", keys.cert);
  file("page.html", "<p>");
  const made: readonly (readonly [generator: string, path: string, expected: string])[] = [
    ["configmap c --from-literal=a=b --from-file=FOLDER/page.html", "{.data.a} {.data.page\\.html}", "b <p>"],
    ["secret generic s --from-literal=a=b", "{.type} {.data.a}", "Opaque Yg=="],
    ["secret docker-registry r --docker-username=u --docker-password=p", "{.type}", "kubernetes.io/dockerconfigjson"],
    ["secret tls t --cert=FOLDER/tls.crt --key=FOLDER/tls.key", "{.type}", "kubernetes.io/tls"],
    ["serviceaccount a", "{.kind}", "ServiceAccount"],
    ["role r --verb=get,list --resource=pods,deployments.apps", "{.rules[*].resources}", '["pods"] ["deployments"]'],
    ["rolebinding b --role=r --user=u --group=g --serviceaccount=generators:a", "{.subjects[*].name}", "u g a"],
    ["clusterrole e2e --verb=get --non-resource-url=/version", "{.rules[0].nonResourceURLs}", '["/version"]'],
    ["clusterrolebinding e2e --clusterrole=e2e --group=g", "{.roleRef.kind} {.subjects[0].kind}", "ClusterRole Group"],
    ["deployment d --image=example/d --replicas=2 --port=80 -- run", "{.spec.replicas} {.metadata.labels.app}", "2 d"],
    ["job j --image=example/j -- true", "{.spec.template.spec.restartPolicy}", "Never"],
    ["cronjob cj --image=example/j --schedule='*/5 * * * *' -- true", "{.spec.schedule}", "*/5 * * * *"],
    ["job from --from=cronjob/cj", "{.spec.template.spec.containers[0].command}", '["true"]'],
    ["service clusterip ip --tcp=80:8080", "{.spec.ports[0].targetPort}", "8080"],
    ["service nodeport np --tcp=80", "{.spec.type} {.spec.ports[0].port}", "NodePort 80"],
    ["service loadbalancer lb --tcp=80", "{.spec.type}", "LoadBalancer"],
    ["service externalname en --external-name=example.com", "{.spec.externalName}", "example.com"],
    ["ingress i --rule='example.com/path*=svc:80'", "{.spec.rules[0].http.paths[0].pathType}", "Prefix"],
    ["quota q --hard=pods=2,cpu=1", "{.spec.hard.cpu}", "1"],
    ["poddisruptionbudget pdb --selector=app=d --min-available=50%", "{.spec.minAvailable}", "50%"],
    ["priorityclass e2e --value=7 --preemption-policy=Never", "{.value} {.preemptionPolicy}", "7 Never"],
  ];
  for (const [generator, path, expected] of made) {
    const line = generator.replaceAll("FOLDER", folder);
    const created = await k.out(`create ${line}`.replace(/(?= --|$)/, ` ${ns} -o 'jsonpath=${path}'`));
    expect(created, generator).toBe(expected);
  }
  const shown = await k.out(`get all,cm,secrets,sa,roles,rolebindings,ing,quota,pdb ${ns} -o name`);
  expect(shown.split("\n").length).toBeGreaterThanOrEqual(made.length - 4); // four are not in the namespace
  expect(await k.fails(`create configmap c ${ns}`)).toContain('configmaps "c" already exists');
}, 60_000);

test.concurrent("get shows objects in every form", async () => {
  const ns = await namespace("forms");
  const labels = { app: "web" };
  const deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", labels },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "example/web" }] } },
    },
  };
  await k.apply(deployment, ns);
  await k.run(`rollout status deployment/web --watch=false ${ns}`);
  const get = (more: string) => k.out(`get ${more} ${ns}`);
  expect(await get("deployment web")).toMatch(
    /^NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE\nweb\s+0\/2\s+\d\s+0\s+\d+s$/,
  );
  expect(await get("deployment web -o wide")).toMatch(
    /CONTAINERS\s+IMAGES\s+SELECTOR\n.*\sc\s+example\/web\s+app=web$/,
  );
  expect(await get("deployment web --show-labels --no-headers")).toMatch(/^web\s.*\sapp=web$/);
  expect(await get("deployment web -L app")).toMatch(/AGE\s+APP\nweb\s.*\sweb$/);
  expect(await get("deployment web -o name")).toBe("deployment.apps/web");
  expect(JSON.parse(await get("deployment web -o json"))).toMatchObject({
    apiVersion: "apps/v1",
    spec: { replicas: 2 },
  });
  expect(JSON.parse(await get("deployments -o json"))).toMatchObject({ kind: "List", items: [{ kind: "Deployment" }] });
  expect(await get("deployment web -o yaml")).toMatch(/^apiVersion: apps\/v1\nkind: Deployment\nmetadata:\n/);
  expect(await get("deployment web -o yaml")).not.toContain("managedFields");
  expect(await get("deployment web -o yaml --show-managed-fields")).toContain("manager: kubectl-client-side-apply");
  expect(await get("deployment web -o kyaml")).toContain('kind: "Deployment",');
  expect(await get("deployment web -o 'jsonpath={.spec.template.spec.containers[*].image}'")).toBe("example/web");
  expect(JSON.parse(await get("deployment web -o jsonpath-as-json={.metadata.labels}"))).toEqual([labels]);
  expect(await get("deployment web -o go-template={{.spec.replicas}}")).toBe("2");
  const template = file("template", "{{range .items}}{{.metadata.name}};{{end}}");
  expect(await get(`deployments -o go-template-file=${template}`)).toBe("web;");
  expect(await get("deployment web -o custom-columns=WHO:.metadata.name,N:.spec.replicas")).toBe("WHO   N\nweb   2");
  expect(await get("deployment web --subresource=status -o name")).toBe("deployment.apps/web");
  expect(await k.out("get --raw /api/v1/namespaces/forms")).toContain('"kind":"Namespace"');
  expect(await k.out("get deployments -A --no-headers -l app=web")).toMatch(/^forms\s+web\s/);
  expect(await k.fails(`get deployment none ${ns}`)).toBe(
    'Error from server (NotFound): deployments.apps "none" not found',
  );
  expect(await k.fails("get unicorns")).toBe('error: the server doesn\'t have a resource type "unicorns"');
}, 60_000);

test.concurrent("get selects by labels and fields, sorts, and pages without a difference", async () => {
  const ns = await namespace("selecting");
  for (const [name, tier] of [
    ["b", "front"],
    ["a", "back"],
    ["c", "front"],
  ]) {
    await k.apply({ ...configMap(`${name}`, {}), metadata: { name, labels: { tier } } }, ns);
  }
  const names = async (more: string): Promise<string> =>
    (await k.out(`get configmaps ${ns} -o name ${more}`)).replaceAll("configmap/", "").replaceAll("\n", " ");
  expect(await names("-l tier=front")).toBe("b c");
  expect(await names("-l 'tier in (front,back),tier!=back'")).toBe("b c");
  expect(await names("-l '!tier'")).toBe("kube-root-ca.crt");
  expect(await names("--field-selector metadata.name=a")).toBe("a");
  expect(await names("--field-selector metadata.name!=a -l tier")).toBe("b c");
  expect(await names("--chunk-size=1")).toBe(await names("--chunk-size=0"));
  expect(await names("-l tier --sort-by={.metadata.creationTimestamp}")).toMatch(/^[abc] [abc] [abc]$/);
  expect(await names("-l tier --sort-by={.metadata.labels.tier}")).toMatch(/^a /);
  expect(await k.fails(`get pods ${ns} --field-selector spec.color=red`)).toContain(
    "field label not supported: spec.color",
  );
}, 60_000);

test.concurrent("get -w shows what is there and what happens, --watch-only what happens", async () => {
  const ns = await namespace("watching");
  await k.apply(configMap("first", {}), ns);
  const all = k.start(lifetime, `get configmaps ${ns} -w --output-watch-events`);
  const only = k.start(lifetime, `get configmaps ${ns} --watch-only -o name`);
  await all.until(/ADDED\s+first\s+0/);
  // a watch of what happens from now on is known to stand once it has shown something
  for (let turn = 0; only.output === ""; turn += 1) await k.run(`label configmap first ${ns} --overwrite turn=${turn}`);
  await k.apply(configMap("second", { a: "b" }), ns);
  await k.run(`delete configmap second ${ns}`);
  await all.until(/ADDED\s+second\s+1[\s\S]*DELETED\s+second\s+1/);
  await only.until(/configmap\/second/);
}, 60_000);

test.concurrent("apply creates, configures, leaves alone, prunes fields, and keeps what others set", async () => {
  const ns = await namespace("applying");
  expect(await k.apply(configMap("c", { a: "1", b: "2" }), ns)).toBe("configmap/c created");
  expect(await k.apply(configMap("c", { a: "1", b: "2" }), ns)).toBe("configmap/c unchanged");
  await k.run(`patch configmap c ${ns} --type=merge -p '{"data":{"other":"kept"}}'`);
  expect(await k.apply(configMap("c", { a: "3" }), ns)).toBe("configmap/c configured");
  expect(await k.out(`get configmap c ${ns} -o jsonpath={.data}`)).toBe('{"a":"3","other":"kept"}');
  expect(await k.apply(configMap("c", { a: "4" }), `${ns} --dry-run=server`)).toBe(
    "configmap/c configured (server dry run)",
  );
  expect(await k.out(`get configmap c ${ns} -o jsonpath={.data.a}`)).toBe("3");
  expect(await k.out(`apply view-last-applied configmap/c ${ns} -o json`)).toContain('"a": "3"');
  const path = file("last.json", JSON.stringify(configMap("c", { a: "3" })));
  expect(await k.out(`apply set-last-applied -f ${path} ${ns}`)).toMatch(/^configmap\/c/);
  const diff = await k.run(`diff -f - ${ns}`, { input: JSON.stringify(configMap("c", { a: "5" })), accept: [1] });
  expect(diff.stdout).toMatch(/^-\s+a: "3"$/m);
  expect(diff.stdout).toMatch(/^\+\s+a: "5"$/m);
  const labelled = { ...configMap("d", {}), metadata: { name: "d", labels: { set: "x" } } };
  await k.apply(labelled, ns);
  const kept = { ...configMap("e", {}), metadata: { name: "e", labels: { set: "x" } } };
  expect(await k.apply(kept, `${ns} --prune -l set=x --prune-allowlist=core/v1/ConfigMap`)).toContain(
    "configmap/d pruned",
  );
}, 60_000);

test.concurrent("edit opens the object in an editor and saves what comes back, or says what is wrong with it", async () => {
  const ns = await namespace("editing");
  await k.apply(configMap("c", { color: "blue" }), ns);
  const edit = (script: string, accept = [0]) =>
    k.run(`edit configmap c ${ns}`, { env: { ...k.env, EDITOR: `sed -i ${script}` }, accept });
  expect((await edit("s/blue/red/")).stdout).toContain("configmap/c edited");
  expect(await k.out(`get configmap c ${ns} -o jsonpath={.data.color}`)).toBe("red");
  expect((await edit("s/none/none/")).stderr).toContain("Edit cancelled, no changes made");
  const { stderr } = await edit("s/color:.red/Bad_Key!:\\ x/", [1]);
  expect(stderr).toContain('configmaps "c" is invalid');
  const copy = /stored to "([^"]+)"/.exec(stderr)?.[1] ?? "";
  lifetime.add("copy", () => rmSync(copy));
  expect(readFileSync(copy, "utf8")).toMatch(/# \* data\[Bad_Key!\]: Invalid value/); // the editor shows why
}, 60_000);

test.concurrent("patch takes every type, and subresources", async () => {
  const ns = await namespace("patching");
  await k.run(`create deployment d --image=example/a --replicas=0 ${ns}`);
  const patch = (type: string, body: unknown, more = "") =>
    k.out(`patch deployment d ${ns} --type=${type} ${more} -p '${JSON.stringify(body)}'`);
  const images = () => k.out(`get deployment d ${ns} -o 'jsonpath={.spec.template.spec.containers[*].image}'`);
  const container = { name: "side", image: "example/b" };
  await patch("strategic", { spec: { template: { spec: { containers: [container] } } } });
  expect(await images()).toBe("example/b example/a"); // merged by name, the patch's own first
  await patch("merge", { spec: { template: { spec: { containers: [container] } } } });
  expect(await images()).toBe("example/b");
  const path = "/spec/template/spec/containers/0/image";
  await patch("json", [
    { op: "test", path, value: "example/b" },
    { op: "replace", path, value: "example/c" },
  ]);
  expect(await images()).toBe("example/c");
  const failing = JSON.stringify([{ op: "test", path, value: "example/z" }]);
  expect(await k.fails(`patch deployment d ${ns} --type=json -p '${failing}'`)).toMatch(/request is invalid/);
  await patch("merge", { spec: { replicas: 3 } }, "--subresource=scale");
  expect(await k.out(`get deployment d ${ns} -o jsonpath={.spec.replicas}`)).toBe("3");
  expect(await k.out(`patch deployment d ${ns} --type=merge -p '{"spec":{"replicas":3}}'`)).toContain("(no change)");
}, 60_000);

test.concurrent("label and annotate add, refuse to overwrite, overwrite, remove, and take many at once", async () => {
  const ns = await namespace("labelling");
  for (const name of ["a", "b"]) await k.apply(configMap(name, {}), ns);
  expect(await k.out(`label configmap a b team=x ${ns}`)).toBe("configmap/a labeled\nconfigmap/b labeled");
  expect(await k.fails(`label configmap a team=y ${ns}`)).toContain(
    "already has a value (x), and --overwrite is false",
  );
  await k.run(`label configmap a team=y --overwrite ${ns}`);
  await k.run(`label configmap b team- ${ns}`);
  await k.run(`annotate configmap a note='a b' ${ns}`);
  expect(await k.out(`get configmap a ${ns} -o 'jsonpath={.metadata.labels.team} {.metadata.annotations.note}'`)).toBe(
    "y a b",
  );
  expect(await k.out(`get configmaps ${ns} -l team -o name`)).toBe("configmap/a");
  expect(await k.fails(`label configmap a bad/key/x=y ${ns}`)).toMatch(/metadata.labels: Invalid value: "bad\/key\/x"/);
}, 60_000);

test.concurrent("set changes images, variables, resources, accounts, selectors and subjects", async () => {
  const ns = await namespace("setting");
  await k.run(`create deployment d --image=example/d --replicas=0 ${ns}`);
  await k.run(`create service clusterip d --tcp=80 ${ns}`);
  await k.run(`create rolebinding b --clusterrole=view --user=u ${ns}`);
  await k.run(`create configmap c --from-literal=color=blue ${ns}`);
  await k.run(`set image deployment/d d=example/d:2 ${ns}`);
  await k.run(`set env deployment/d A=1 --from=configmap/c ${ns}`);
  await k.run(`set resources deployment/d --limits=cpu=200m,memory=64Mi --requests=cpu=100m ${ns}`);
  await k.run(`set serviceaccount deployment d robot ${ns}`);
  await k.run(`set selector service d app=other ${ns}`);
  await k.run(`set subject rolebinding b --group=g ${ns}`);
  const spec = "{.spec.template.spec";
  const shown = `${spec}.containers[0].image} ${spec}.containers[0].resources.limits.cpu} ${spec}.serviceAccountName}`;
  expect(await k.out(`get deployment d ${ns} -o 'jsonpath=${shown}'`)).toBe("example/d:2 200m robot");
  expect(await k.out(`set env deployment/d --list ${ns}`)).toMatch(/A=1[\s\S]*COLOR from configmap c, key color/);
  expect(await k.out(`get service d ${ns} -o jsonpath={.spec.selector}`)).toBe('{"app":"other"}');
  expect(await k.out(`get rolebinding b ${ns} -o 'jsonpath={.subjects[*].name}'`)).toBe("u g");
}, 60_000);

test.concurrent("expose, scale and autoscale", async () => {
  const ns = await namespace("scaling");
  await k.run(`create deployment d --image=example/d --replicas=2 ${ns}`);
  expect(await k.out(`expose deployment d --port=80 --target-port=8080 --type=NodePort ${ns}`)).toBe(
    "service/d exposed",
  );
  expect(await k.out(`get service d ${ns} -o 'jsonpath={.spec.selector.app} {.spec.ports[0].targetPort}'`)).toBe(
    "d 8080",
  );
  expect(await k.fails(`scale deployment d --current-replicas=9 --replicas=1 ${ns}`)).toContain(
    "Expected replicas to be 9, was 2",
  );
  expect(await k.out(`scale deployment d --current-replicas=2 --replicas=1 ${ns}`)).toBe("deployment.apps/d scaled");
  await k.run(`autoscale deployment d --min=1 --max=3 --cpu=50% ${ns}`);
  expect(await k.out(`get hpa d ${ns} --no-headers`)).toMatch(
    /^d\s+Deployment\/d\s+cpu: <unknown>\/50%\s+1\s+3\s+\d\s/,
  );
  expect(await k.out(`describe hpa d ${ns}`)).toMatch(/Reference:\s+Deployment\/d\n/);
}, 60_000);

test.concurrent("wait returns when a condition, a value, the creation or the deletion comes, and fails in time", async () => {
  const ns = await namespace("waiting");
  const waiting = k.start(lifetime, `wait --for=create configmap/c ${ns} --timeout=20s`);
  await k.apply(configMap("c", { a: "b" }), ns);
  expect(await waiting.ended()).toBe(0);
  expect(await k.out(`wait --for=jsonpath={.data.a}=b configmap/c ${ns} --timeout=5s`)).toBe(
    "configmap/c condition met",
  );
  const changing = k.start(lifetime, `wait --for=jsonpath={.data.a}=c configmap/c ${ns} --timeout=20s`);
  await k.apply(configMap("c", { a: "c" }), ns);
  expect(await changing.ended()).toBe(0);
  const deleting = k.start(lifetime, `wait --for=delete configmap/c ${ns} --timeout=20s`);
  await k.run(`delete configmap c ${ns}`);
  expect(await deleting.ended()).toBe(0);
  await k.run(`create deployment d --image=example/d ${ns}`);
  expect(await k.fails(`wait --for=condition=Available deployment/d ${ns} --timeout=1s`)).toContain(
    "timed out waiting for the condition",
  );
}, 60_000);

test.concurrent("replace needs the object, and --force makes it anew", async () => {
  const ns = await namespace("replacing");
  const replace = (data: object, more = "") => ({
    line: `replace -f - ${ns} ${more}`,
    input: JSON.stringify(configMap("c", data)),
  });
  const absent = replace({});
  expect(await k.fails(absent.line, absent)).toContain('configmaps "c" not found');
  await k.apply(configMap("c", { a: "1" }), ns);
  const uid = () => k.out(`get configmap c ${ns} -o jsonpath={.metadata.uid}`);
  const before = await uid();
  const second = replace({ b: "2" });
  expect(await k.out(second.line, second)).toBe("configmap/c replaced");
  expect(await uid()).toBe(before);
  expect(await k.out(`get configmap c ${ns} -o jsonpath={.data}`)).toBe('{"b":"2"}');
  const forced = replace({}, "--force");
  await k.run(forced.line, forced);
  expect(await uid()).not.toBe(before);
}, 60_000);

test.concurrent("kustomize renders, and -k applies, compares and deletes", async () => {
  const ns = await namespace("kustomizing");
  file("cm.yaml", JSON.stringify(configMap("c", { a: "b" })));
  file(
    "kustomization.yaml",
    "namePrefix: k-\nresources: [cm.yaml]\nconfigMapGenerator: [{ name: gen, literals: [x=y] }]\n",
  );
  expect(await k.out(`kustomize ${folder}`)).toContain("name: k-c");
  expect(await k.out(`apply -k ${folder} ${ns}`)).toMatch(/configmap\/k-c created\nconfigmap\/k-gen-\w+ created/);
  expect((await k.run(`diff -k ${folder} ${ns}`)).code).toBe(0);
  expect((await k.out(`delete -k ${folder} ${ns}`)).split("\n").length).toBe(2);
}, 60_000);

test.concurrent("delete waits for dependents, leaves them, or lets them follow, as asked", async () => {
  const ns = await namespace("deleting");
  const make = async (name: string): Promise<void> => {
    await k.run(`create deployment ${name} --image=example/d ${ns}`);
    await k.run(`wait --for=jsonpath={.status.replicas}=1 deployment/${name} ${ns} --timeout=20s`);
  };
  const left = async (name: string): Promise<string> =>
    k.out(`get replicasets,pods -l app=${name} ${ns} -o 'jsonpath={.items[*].kind}'`);
  await make("foreground");
  await k.run(`delete deployment foreground --cascade=foreground ${ns}`);
  expect(await left("foreground")).toBe("");
  await make("orphan");
  await k.run(`delete deployment orphan --cascade=orphan ${ns}`);
  expect(await left("orphan")).toBe("ReplicaSet Pod");
  expect(await k.out(`get replicasets -l app=orphan ${ns} -o 'jsonpath={.items[*].metadata.ownerReferences}'`)).toBe(
    "",
  );
  await make("background");
  await k.run(`delete deployment background ${ns}`);
  await k.run(`wait --for=delete pod -l app=background ${ns} --timeout=20s`);
  expect(await k.out(`delete pods -l app=orphan --force --grace-period=0 ${ns}`)).toContain("force deleted");
  await k.run(`delete replicasets --all ${ns}`);
  expect(await k.fails(`delete configmap none ${ns}`)).toContain('configmaps "none" not found');
  expect(await k.out(`delete configmap none --ignore-not-found ${ns}`)).toBe("");
  const held = { ...configMap("held", {}), metadata: { name: "held", finalizers: ["example.com/hold"] } };
  await k.apply(held, ns);
  await k.run(`delete configmap held --wait=false ${ns}`);
  expect(await k.out(`get configmap held ${ns} -o jsonpath={.metadata.deletionTimestamp}`)).not.toBe("");
  const going = k.start(lifetime, `delete configmap held ${ns}`);
  await going.until(/deleted/); // asked for; now it waits
  await k.run(`patch configmap held ${ns} --type=merge -p '{"metadata":{"finalizers":null}}'`);
  expect(await going.ended()).toBe(0);
}, 60_000);

test.concurrent("explain, api-resources and api-versions describe what is served", async () => {
  expect(await k.out("explain pods")).toMatch(/^KIND:\s+Pod\nVERSION:\s+v1\n[\s\S]*spec\s+<PodSpec>/);
  expect(await k.out("explain pods.spec.containers.ports --recursive")).toMatch(/containerPort\s+<integer> -required-/);
  expect(await k.out("explain deployments --api-version=apps/v1 --output=plaintext-openapiv2")).toContain(
    "VERSION:  apps/v1",
  );
  expect(await k.fails("explain pods.spec.color")).toContain('field "color" does not exist');
  expect(await k.out("api-resources --namespaced=false --verbs=list -o name")).toMatch(/^nodes$/m);
  expect(await k.out("api-resources --api-group=batch --no-headers")).toMatch(
    /^cronjobs\s+cj\s+batch\/v1\s+true\s+CronJob\njobs\s/,
  );
  expect(await k.out("api-resources --categories=all -o name")).toContain("daemonsets.apps");
  expect((await k.out("api-versions")).split("\n")).toEqual(
    expect.arrayContaining(["v1", "apps/v1", "autoscaling/v2"]),
  );
}, 60_000);

test.concurrent("auth says who one is and what one may, and reconciles roles", async () => {
  const ns = await namespace("authorizing");
  expect(JSON.parse(await k.out("auth whoami -o json")).status.userInfo.username).toBe("kubernetes-admin");
  expect(await k.out("auth whoami --as=jane --as-group=devs")).toMatch(
    /Username\s+jane\nGroups\s+\[devs system:authenticated\]/,
  );
  await k.run(`create role r --verb=get --resource=pods --resource-name=one ${ns}`);
  await k.run(`create rolebinding b --role=r --user=jane ${ns}`);
  const can = async (what: string) =>
    (await k.run(`auth can-i ${what} --as=jane ${ns}`, { accept: [0, 1] })).stdout.trim();
  expect(await can("get pods/one")).toBe("yes");
  expect(await can("get pods")).toBe("no");
  expect(await can("get pods/one --subresource=log")).toBe("no");
  expect(await k.out(`auth can-i --list --as=jane ${ns}`)).toMatch(/pods\s+\[\]\s+\[one\]\s+\[get\]/);
  const role = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name: "r", namespace: "authorizing" },
  };
  const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["list"] }];
  expect(await k.out("auth reconcile -f -", { input: JSON.stringify({ ...role, rules }) })).toContain("reconciled");
  expect(await can("list pods")).toBe("yes");
  expect(await can("get pods/one")).toBe("yes"); // rules are added, not taken
}, 60_000);

test.concurrent("certificate approves and denies requests, and shows both", async () => {
  const request = (name: string) => ({
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name },
    spec: { request: CSR, signerName: "example.com/custom", usages: ["client auth"], expirationSeconds: 3600 },
  });
  await k.apply(request("one"));
  await k.apply(request("two"));
  expect(await k.out("get csr one --no-headers")).toMatch(/example.com\/custom\s+kubernetes-admin\s+60m\s+Pending$/);
  await k.run("certificate approve one");
  await k.run("certificate deny two");
  expect(await k.out("get csr one two --no-headers")).toMatch(/Approved\n.*Denied$/);
  expect(await k.out("describe csr one")).toMatch(/Requesting User:\s+kubernetes-admin[\s\S]*Common Name:\s+jane/);
  expect(await k.fails("certificate deny one")).toContain("already Approved");
}, 60_000);

test.concurrent("an approved request to the cluster's own signer brings a certificate that its owner is known by", async () => {
  const spec = { signerName: "kubernetes.io/kube-apiserver-client", usages: ["client auth"], expirationSeconds: 7200 };
  await k.apply({
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "jane" },
    spec: { ...spec, request: JANE_CSR },
  });
  await k.run("certificate approve jane");
  await k.run("wait csr/jane --for=jsonpath={.status.certificate} --timeout=30s");
  expect(await k.out("get csr jane --no-headers")).toMatch(/kubernetes-admin\s+120m\s+Approved,Issued$/);
  const certificate = Buffer.from(await k.out("get csr jane -o jsonpath={.status.certificate}"), "base64").toString();
  const [cert, key] = [file("jane.crt", certificate), file("jane.key", Buffer.from(JANE_KEY, "base64").toString())];
  const lasts = new X509Certificate(certificate).validToDate.getTime() - realClock.now();
  expect(Math.abs(lasts - 7_200_000)).toBeLessThan(60_000);
  const jane = new Kubectl(file("jane.kubeconfig", await k.out("config view --raw --flatten")));
  await jane.run(`config set-credentials jane --client-certificate=${cert} --client-key=${key}`);
  const who = "-o 'jsonpath={.status.userInfo.username} {.status.userInfo.groups}'";
  expect(await jane.out(`auth whoami --user=jane ${who}`)).toBe('jane ["dev","system:authenticated"]');
}, 60_000);

test.concurrent("controllers and scheduler tell of themselves at ports of their own, to whom the API server lets", async () => {
  const ns = await namespace("queueing");
  await k.run(`create deployment d --image=example/d ${ns}`);
  await k.run(`wait --for=create replicaset --all ${ns} --timeout=30s`);
  const status = (await tsukube.run(["status"])).stdout;
  const [controllers = "", scheduler = ""] = ["Controllers", "Scheduler"].map(
    (name) => new RegExp(`^ +${name} +(https:\\S+)$`, "m").exec(status)?.[1] ?? "",
  );
  const metrics = await k.out(`get --raw /metrics --server ${controllers}`);
  for (const name of ["deployment", "replicaset", "endpoint_slice", "garbage_collector_attempt_to_delete"]) {
    expect(metrics).toMatch(new RegExp(`^workqueue_depth\\{name="${name}"\\} \\d+$`, "m"));
    expect(metrics).toMatch(new RegExp(`^workqueue_work_duration_seconds_count\\{name="${name}"\\} \\d+$`, "m"));
  }
  expect(metrics).toMatch(/^workqueue_adds_total\{name="deployment"\} [1-9]/m);
  const tokens = ["reader", "nobody"].map(async (name) => {
    await k.run(`create serviceaccount ${name} ${ns}`);
    return k.out(`create token ${name} ${ns}`);
  });
  const [reader, nobody] = await Promise.all(tokens);
  await k.run("create clusterrole queueing --verb=get --non-resource-url=/metrics");
  await k.run("create clusterrolebinding queueing --clusterrole=queueing --serviceaccount=queueing:reader");
  const get = (token = "") =>
    `get --raw /metrics --kubeconfig /dev/null --insecure-skip-tls-verify --server ${scheduler} --token=${token}`;
  const codes = [`${scheduler}/readyz`, `${controllers}/healthz`, `${scheduler}/metrics`].map((url) => codeOf(url));
  expect(await Promise.all(codes)).toEqual([200, 200, 403]);
  const shown = await k.out(get(reader));
  for (const part of [
    "process_cpu_seconds_total",
    'git_version="v1.37',
    "scheduler_pending_pods",
    "rest_client_requests_total",
  ])
    expect(shown).toContain(part);
  expect(await k.fails(get(nobody))).toContain(
    'User "system:serviceaccount:queueing:nobody" cannot get path "/metrics"',
  );
  expect(await k.fails(get("wrong"))).toMatch(/logged in|Unauthorized/);
}, 60_000);

/** O=dev, CN=jane, made with openssl req, and its key. */
const JANE_CSR =
  "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIWE1IOENBUUF3SFRFTU1Bb0dBMVVFQ2d3RFpHVjJNUTB3Q3dZRFZRUUREQVJxWVc1bE1Ga3dFd1lIS29aSQp6ajBDQVFZSUtvWkl6ajBEQVFjRFFnQUVlaEFHSVcybXAxaDlwWWJqSWVpL211clFETFFSMDB0RXNIdU5idjgxCnQvUjZNZDBhUUdteEttaFp2Qk5MM3dBb3JHWmpKbzZWVmJ2bGNuUHVRS2pVZjZBQU1Bb0dDQ3FHU000OUJBTUMKQTBnQU1FVUNJUUQ4L1ZlR0JpNGZ6WmY1TkNtYmI1b3VEenpJNmRNK2NCTnpKaTBIaVFMQ2JBSWdIZXJnY2RwSgpTQmJBR0FacFRheUpvNkQrS0RRTkgyZlJJMEFuS1RhSWtBTT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg==";
const JANE_KEY =
  "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JR0hBZ0VBTUJNR0J5cUdTTTQ5QWdFR0NDcUdTTTQ5QXdFSEJHMHdhd0lCQVFRZzR2aS92UUNZTWdzQXVYcUkKa2xpWENsVUZBckRhTUwraG9SNEVJcVU2Y3JDaFJBTkNBQVI2RUFZaGJhYW5XSDJsaHVNaDZMK2E2dEFNdEJIVApTMFN3ZTQxdS96VzM5SG94M1JwQWFiRXFhRm04RTB2ZkFDaXNabU1tanBWVnUrVnljKzVBcU5SLwotLS0tLUVORCBQUklWQVRFIEtFWS0tLS0tCg==";

/** CN=jane, made with openssl req. */
const CSR =
  "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlISU1IRUNBUUF3RHpFTk1Bc0dBMVVFQXd3RWFtRnVaVEJaTUJNR0J5cUdTTTQ5QWdFR0NDcUdTTTQ5QXdFSApBMElBQkxaMGFvZy9RNDFUOEZ0Ti85UWhvZTY0eS9hanl5SEFaZ2JwdUw5NThQcTFwRzdxVGJhc25NVkFUR3AvCklOMks1R3FGVWNJZzl0a1VQUHBjUS9vcmtHcWdBREFLQmdncWhrak9QUVFEQWdOSEFEQkVBaUI5a2JRZEJ3cVMKeXBxR1A4a2lXTlVjVzhWb3hBWXRtclRzMnR1MzFWYUd4UUlnUVZuS0xzTzY1b1VoNlpLSlBzQ1drU3U3azNlQwp1K2tUa2hkQlNXUHM0d1U9Ci0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo=";

test.concurrent("describe shows objects of every kind with what belongs to them", async () => {
  const ns = await namespace("describing");
  await k.run(`create deployment d --image=example/d --port=80 ${ns}`);
  await k.run(`expose deployment d ${ns}`);
  await k.run(`create job j --image=example/j ${ns}`);
  await k.run(`create cronjob cj --image=example/j --schedule='0 0 1 1 *' ${ns}`);
  await k.run(`create secret generic s --from-literal=password=hunter2 ${ns}`);
  await k.run(`create configmap c --from-literal=a=b ${ns}`);
  await k.run(`create ingress i --rule='example.com/=d:80' ${ns}`);
  await k.run(`create role r --verb=get --resource=pods ${ns}`);
  await k.run(`create rolebinding b --role=r --user=u ${ns}`);
  await k.run(`create pdb p --selector=app=d --min-available=1 ${ns}`);
  await k.run(`wait --for=jsonpath={.status.replicas}=1 deployment/d ${ns} --timeout=20s`);
  const shows: readonly (readonly [what: string, text: RegExp])[] = [
    ["deployment d", /Replicas:\s+1 desired[\s\S]*Image:\s+example\/d[\s\S]*ScalingReplicaSet/],
    ["replicaset -l app=d", /Controlled By:\s+Deployment\/d[\s\S]*SuccessfulCreate/],
    ["pod -l app=d", /Controlled By:\s+ReplicaSet\/d-[\s\S]*FailedScheduling\s+.*no nodes available/],
    ["service d", /Type:\s+ClusterIP[\s\S]*TargetPort:\s+80\/TCP/],
    ["job j", /Completions:\s+1[\s\S]*SuccessfulCreate/],
    ["cronjob cj", /Schedule:\s+0 0 1 1 \*[\s\S]*Last Schedule Time:\s+<unset>/],
    ["secret s", /password:\s+7 bytes/],
    ["configmap c", /a:\n----\nb/],
    ["ingress i", /example.com\s+\/\s+d:80/],
    ["role r", /pods\s+\[\]\s+\[\]\s+\[get\]/],
    ["rolebinding b", /Kind:\s+Role\n\s+Name:\s+r\n[\s\S]*User\s+u/],
    ["poddisruptionbudget p", /Min available:\s+1\nSelector:\s+app=d/],
    ["serviceaccount default", /Image pull secrets:\s+<none>/],
    ["namespace describing", /Status:\s+Active/],
    ["storageclass standard", /Provisioner:\s+tsukube.dev\/directory/],
    ["clusterrole view", /pods\s+\[\]\s+\[\]\s+\[get list watch\]/],
    ["priorityclass system-node-critical", /Value:\s+2000001000/],
    ["endpointslice -l kubernetes.io/service-name=d", /AddressType:\s+IPv4/],
    ["crd", /^$/],
  ];
  for (const [what, text] of shows) expect(await k.out(`describe ${what} ${ns}`), what).toMatch(text);
  expect(await k.out(`describe secret s ${ns}`)).not.toContain("hunter2");
}, 60_000);

test.concurrent("config, version, cluster-info and events tell about the cluster; top says what is missing", async () => {
  const context = `tsukube-${tsukube.name}`;
  expect(await k.out("config current-context")).toBe(context);
  expect(await k.out("config get-contexts -o name")).toBe(context);
  expect(await k.out("config view")).not.toMatch(/PRIVATE KEY|client-key-data: (?!DATA)/);
  const { kubeconfig, apiServer } = await tsukube.status();
  const own = file("config", readFileSync(kubeconfig, "utf8"));
  const env = { ...k.env, KUBECONFIG: own };
  await k.run("config set-context --current --namespace=kube-system", { env });
  expect(await k.out("config view --minify -o jsonpath={..namespace}", { env })).toBe("kube-system");
  expect(await k.out("get serviceaccount default -o jsonpath={.metadata.namespace}", { env })).toBe("kube-system");
  expect(await k.out("version -o json")).toContain('"gitVersion": "v1.37');
  expect(await k.out("cluster-info")).toContain(apiServer);
  expect(await k.fails("top nodes")).toContain("Metrics API not available");
  const ns = await namespace("telling");
  await k.run(`create deployment d --image=example/d ${ns}`);
  await k.run(`wait --for=jsonpath={.status.replicas}=1 deployment/d ${ns} --timeout=20s`);
  expect(await k.out(`events ${ns} --for deployment/d`)).toMatch(/Normal\s+ScalingReplicaSet\s+Deployment\/d/);
  expect(await k.out(`get events ${ns} --field-selector reason=ScalingReplicaSet --no-headers`)).toMatch(
    /deployment\/d/,
  );
}, 60_000);
