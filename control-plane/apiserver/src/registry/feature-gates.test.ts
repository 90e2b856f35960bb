import type { Unstructured } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { ClusterRole } from "@tsukube/api/types/rbac-v1";
import { Lifetime } from "@tsukube/foundation";
import { MemoryStore } from "@tsukube/store";
import { type Cluster, startCluster, VirtualClock } from "@tsukube/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

describe("a server with feature gates", () => {
  let lifetime: Lifetime;
  let store: MemoryStore;
  beforeEach(() => {
    lifetime = new Lifetime();
    store = new MemoryStore({ clock: new VirtualClock() });
  });
  afterEach(() => lifetime.close());

  const start = async (featureGates: string, runtimeConfig = "", of = store): Promise<Cluster> =>
    lifetime.own("cluster", await startCluster({ featureGates, runtimeConfig, store: of }));
  const status = async ({ transport }: Cluster, path: string): Promise<number> =>
    (await transport.request({ method: "GET", path, headers: {} })).status;
  const podsOf = async ({ client }: Cluster) => {
    await client.raw("POST", "/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "default" } });
    return client.resource<Pod>({ group: "", version: "v1", resource: "pods" }, "default");
  };
  const pod = (name: string, stopSignal: string, labels = {}): Pod => ({
    metadata: { name, labels },
    spec: { containers: [{ name: "c", image: "i", lifecycle: { stopSignal } }], os: { name: "linux" } },
  });
  const signalOf = ({ spec }: Pod): unknown => spec?.containers?.[0]?.lifecycle;

  test("serves a kind behind a gate only where the gate is on and its API is enabled", async () => {
    const groups = "/apis/scheduling.k8s.io/v1beta1/podgroups";
    expect(await status(await start("", "api/all=true"), groups)).toBe(404);
    expect(await status(await start("GenericWorkload=true", "", store.fork()), groups)).toBe(404);
    const both = await start("GenericWorkload=true", "scheduling.k8s.io/v1beta1=true", store.fork());
    expect(await status(both, groups)).toBe(200);
    expect(await status(both, "/apis/scheduling.k8s.io/v1alpha3/compositepodgroups")).toBe(404);
  });

  test("takes a kind away with its gate, and shows its objects again with it", async () => {
    const workloads = "/apis/scheduling.k8s.io/v1beta1/namespaces/default/workloads";
    const first = await start("GenericWorkload=true", "api/beta=true");
    const spec = { podGroupTemplates: [{ name: "a", schedulingPolicy: { basic: {} } }] };
    await first.client.raw("POST", workloads, { metadata: { name: "w" }, spec });
    expect(await status(await start("", "api/beta=true", store.fork()), `${workloads}/w`)).toBe(404);
    expect(await status(await start("GenericWorkload=true", "api/beta=true", store.fork()), `${workloads}/w`)).toBe(
      200,
    );
  });

  test("drops the fields of gates that are off from what is written, in silence", async () => {
    const pods = await podsOf(await start(""));
    expect(signalOf(await pods.create(pod("p", "SIGUSR1")))).toBeUndefined();
    const body = { spec: { containers: [{ name: "c", lifecycle: { stopSignal: "SIGUSR1" } }] } };
    expect(signalOf(await pods.patch("p", { type: "strategic", body }))).toBeUndefined();
    const health = { status: { volumeHealth: [{ name: "v" }], phase: "Running" } };
    const reported = await pods.patch("p", { type: "merge", body: health }, { subresource: "status" });
    expect(reported.status).toMatchObject({ phase: "Running" });
    expect(reported.status).not.toHaveProperty("volumeHealth");
  });

  test("keeps them while the gate is on, and what was there when it is off again", async () => {
    const pods = await podsOf(await start("ContainerStopSignals=true"));
    expect(signalOf(await pods.create(pod("p", "SIGUSR1")))).toEqual({ stopSignal: "SIGUSR1" });
    const later = (await start("", "", store.fork())).client.resource<Pod>(
      { group: "", version: "v1", resource: "pods" },
      "default",
    );
    const kept = await later.get("p");
    expect(signalOf(kept)).toEqual({ stopSignal: "SIGUSR1" });
    const labelled = await later.update({ ...kept, metadata: { ...kept.metadata, labels: { a: "b" } } });
    expect([labelled.metadata?.labels, signalOf(labelled)]).toEqual([{ a: "b" }, { stopSignal: "SIGUSR1" }]);
    expect(signalOf(await later.create(pod("q", "SIGUSR1")))).toBeUndefined();
  });

  test("fills in what a gate defaults", async () => {
    const withProbe = { httpGet: { path: "/", port: 80 } };
    const probed: Pod = {
      metadata: { name: "p" },
      spec: { containers: [{ name: "c", image: "i", livenessProbe: withProbe }] },
    };
    const protocolOf = ({ spec }: Pod): unknown => spec?.containers?.[0]?.livenessProbe?.httpGet?.protocol;
    expect(protocolOf(await (await podsOf(await start("H2CContainerProbe=true"))).create(probed))).toBe("HTTP1");
    const other = new MemoryStore({ clock: new VirtualClock() });
    expect(protocolOf(await (await podsOf(await start("", "", other))).create(probed))).toBeUndefined();
  });

  test("lets who may view or edit a namespace see the kinds behind its gates", async () => {
    const roles = async ({ client }: Cluster, name: string) =>
      JSON.stringify(
        ((await client.raw("GET", `/apis/rbac.authorization.k8s.io/v1/clusterroles/${name}`)) as ClusterRole).rules,
      );
    expect(await roles(await start(""), "system:aggregate-to-view")).not.toContain("evictionrequests");
    const cluster = await start("EvictionRequestAPI=true,GenericWorkload=true", "", store.fork());
    expect(await roles(cluster, "system:aggregate-to-view")).toMatch(/"podgroups\/status".*"evictionrequests"/);
    expect(await roles(cluster, "system:aggregate-to-edit")).toContain("evictionrequests");
    const { subjects } = (await cluster.client.raw(
      "GET",
      "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/system:controller:podgroup-protection-controller",
    )) as Unstructured;
    expect(subjects).toMatchObject([{ name: "podgroup-protection-controller", namespace: "kube-system" }]);
  });

  test("shows its gates in its metrics", async () => {
    const { transport } = await start("EvictionRequestAPI=true,EnvFiles=false");
    const { body } = await transport.request({ method: "GET", path: "/metrics", headers: {} });
    const lines = Buffer.from(body as Uint8Array)
      .toString()
      .split("\n");
    for (const line of [
      'kubernetes_feature_enabled{name="EvictionRequestAPI",stage="ALPHA"} 1',
      'kubernetes_feature_enabled{name="EnvFiles",stage="BETA"} 0',
      'kubernetes_feature_enabled{name="VolumeAttributesClass",stage=""} 1',
      'kubernetes_feature_enabled{name="KMSv1",stage="DEPRECATED"} 0',
    ])
      expect(lines).toContain(line);
  });

  test("resolves the priority of a group of pods from its class", async () => {
    const cluster = await start("GenericWorkload=true,PodGroupPreemptionPolicy=true", "api/beta=true");
    const classes = "/apis/scheduling.k8s.io/v1/priorityclasses";
    await cluster.client.raw("POST", classes, { metadata: { name: "low" }, value: -7, preemptionPolicy: "Never" });
    const groups = "/apis/scheduling.k8s.io/v1beta1/namespaces/default/podgroups";
    const make = (spec: object) =>
      cluster.client.raw("POST", groups, {
        metadata: { generateName: "g-" },
        spec: { schedulingPolicy: { basic: {} }, ...spec },
      });
    const { spec } = (await make({ priorityClassName: "low", preemptionPolicy: "Never" })) as Unstructured;
    expect(spec).toMatchObject({ priority: -7, preemptionPolicy: "Never" });
    await expect(make({ priorityClassName: "low", priority: 3, preemptionPolicy: "Never" })).rejects.toThrow(
      /priority set in the pod group \(3\) must match the priority computed \(-7\)/,
    );
    await expect(make({ priorityClassName: "none" })).rejects.toThrow(/no PriorityClass with name none was found/);
  });
});
