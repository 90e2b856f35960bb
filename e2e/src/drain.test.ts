import { Lifetime } from "@tsukube/foundation";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Kubectl } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

const isRoot = process.getuid?.() === 0;
const container = {
  name: "c",
  image: "tsukube.local/busybox",
  command: ["sleep", "100000"],
  volumeMounts: [{ name: "scratch", mountPath: "/scratch" }],
};
const podSpec = {
  terminationGracePeriodSeconds: 0,
  containers: [container],
  volumes: [{ name: "scratch", emptyDir: {} }],
};

function workload(kind: string, name: string, more: object = {}): object {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: podSpec };
  return {
    apiVersion: "apps/v1",
    kind,
    metadata: { name },
    spec: { selector: { matchLabels: labels }, template, ...more },
  };
}

describe.skipIf(!isRoot)("kubectl drain (needs root)", () => {
  const lifetime = new Lifetime();
  let k: Kubectl;
  let node: string;

  beforeAll(async () => {
    const tsukube = new Tsukube(lifetime, "e2e-drain");
    await tsukube.run(["up"]);
    k = new Kubectl((await tsukube.status()).kubeconfig);
    node = await k.out("get nodes -o jsonpath={.items[0].metadata.name}");
    await k.apply(workload("Deployment", "web", { replicas: 2 }));
    await k.apply(workload("DaemonSet", "agent"));
    await k.run("create poddisruptionbudget web --selector=app=web --min-available=1");
    await k.run("rollout status deployment/web --timeout=60s");
    await k.run("rollout status daemonset/agent --timeout=60s");
    await k.run("wait --for=jsonpath={.status.disruptionsAllowed}=1 pdb/web --timeout=30s");
  }, 300_000);
  afterAll(() => lifetime.close(), 120_000);

  const running = (app: string) =>
    k.out(`get pods -l app=${app} --field-selector=spec.nodeName=${node},status.phase=Running -o name`);
  const drain = (more: string) => `drain ${node} --pod-selector=app --timeout=8s ${more}`;

  test("is told what it would lose", async () => {
    const problems = await k.fails(drain(""));
    expect(problems).toContain("cannot delete DaemonSet-managed Pods");
    expect(problems).toContain("cannot delete Pods with local storage");
    expect(await k.out(`get node ${node} -o jsonpath={.spec.taints[*].key}`)).toBe("node.kubernetes.io/unschedulable");
  });

  test("stops where a budget ends, and goes on once it is raised", async () => {
    const flags = "--ignore-daemonsets --delete-emptydir-data";
    expect(await k.fails(drain(flags))).toContain("Cannot evict pod as it would violate the pod's disruption budget.");
    expect((await running("web")).split("\n")).toHaveLength(1);
    await k.run('patch pdb web --type=merge -p \'{"spec":{"minAvailable":0}}\'');
    expect(await k.out(drain(flags))).toContain(`node/${node} drained`);
    expect(await running("web")).toBe("");
    expect(await running("agent")).toMatch(/^pod\/agent-/);
  }, 90_000);

  test("is undone by uncordon", async () => {
    await k.run(`uncordon ${node}`);
    await k.run("rollout status deployment/web --timeout=60s");
    expect((await running("web")).split("\n")).toHaveLength(2);
  }, 90_000);
});
