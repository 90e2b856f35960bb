import { Lifetime } from "@tsukube/foundation";
import { expect, test } from "vitest";
import { Kubectl } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

const WORKLOADS = ["--runtime-config", "scheduling.k8s.io/v1beta1=true"];

test("features are on when up is told so, until it is told otherwise", async () => {
  await using lifetime = new Lifetime();
  const cluster = new Tsukube(lifetime, "feature-gates");
  const up = (...more: string[]) => cluster.run(["up", "--no-node", ...more]);
  await expect(up("--feature-gates", "NoSuchGate=true")).rejects.toThrow(/unrecognized feature gate: NoSuchGate/);
  await expect(up("--feature-gates", "GenericWorkload=maybe")).rejects.toThrow(/GenericWorkload=maybe/);
  await up("--feature-gates", "GenericWorkload=true,ContainerStopSignals=true", ...WORKLOADS);
  const kubectl = new Kubectl((await cluster.status()).kubeconfig);
  const applied = await kubectl.run("apply -f -", {
    input: JSON.stringify({
      apiVersion: "scheduling.k8s.io/v1beta1",
      kind: "Workload",
      metadata: { name: "gang" },
      spec: { podGroupTemplates: [{ name: "a", schedulingPolicy: { gang: { minCount: 2 } } }] },
    }),
  });
  expect(applied.stdout).toContain("workload.scheduling.k8s.io/gang created");
  expect(applied.stderr).toContain("Warning: Tsukube does not act on a Workload yet");
  const stopSignalOf = async (name: string): Promise<string> => {
    const containers = [{ name: "c", image: "i", lifecycle: { stopSignal: "SIGUSR1" } }];
    const spec = { os: { name: "linux" }, containers };
    await kubectl.apply({ apiVersion: "v1", kind: "Pod", metadata: { name }, spec });
    return kubectl.out(`get pod ${name} -o jsonpath={.spec.containers[0].lifecycle.stopSignal}`);
  };
  expect(await stopSignalOf("with")).toBe("SIGUSR1");
  const enabled = async () => (await kubectl.out("get --raw /metrics")).match(/.*name="GenericWorkload".*/)?.[0];
  expect(await enabled()).toBe('kubernetes_feature_enabled{name="GenericWorkload",stage="BETA"} 1');

  await cluster.run(["down"]);
  await up();
  expect(await kubectl.out("get workloads -o name")).toBe("workload.scheduling.k8s.io/gang");

  // of a server that runs
  await up("--feature-gates", "", "--runtime-config", "");
  const gone = await kubectl.fails("get --raw /apis/scheduling.k8s.io/v1beta1/workloads");
  expect(gone).toContain("the server could not find the requested resource");
  expect(await stopSignalOf("without")).toBe("");
  expect(await kubectl.out("get pod with -o jsonpath={.spec.containers[0].lifecycle.stopSignal}")).toBe("SIGUSR1");
  expect(await enabled()).toBe('kubernetes_feature_enabled{name="GenericWorkload",stage="BETA"} 0');
}, 120_000);

test("up --help names the flags of APIs and features", async () => {
  await using lifetime = new Lifetime();
  const { stdout } = await new Tsukube(lifetime, "gates-help").run(["up", "--help"]);
  expect(stdout).toMatch(/--runtime-config/);
  expect(stdout).toMatch(/--feature-gates/);
});
