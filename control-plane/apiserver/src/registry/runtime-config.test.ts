import { apiVersionOf, FeatureGates, type Unstructured } from "@tsukube/api";
import { Lifetime } from "@tsukube/foundation";
import { MemoryStore } from "@tsukube/store";
import { type Cluster, startCluster, VirtualClock } from "@tsukube/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { servedResources } from "./runtime-config.ts";

const served = (config: string, gates = ""): readonly string[] =>
  servedResources(config, FeatureGates.parse(gates)).map((info) => `${apiVersionOf(info)}/${info.resource}`);
const DEFAULT = served("");
/** What a config adds to the default, and what it takes away. */
const changes = (config: string) => {
  const now = served(config);
  return {
    more: now.filter((name) => !DEFAULT.includes(name)),
    less: DEFAULT.filter((name) => !now.includes(name)),
  };
};
const POLICIES = ["mutatingadmissionpolicies", "mutatingadmissionpolicybindings"];
const ALPHA = POLICIES.map((name) => `admissionregistration.k8s.io/v1alpha1/${name}`);

describe("a runtime config", () => {
  test.each([
    ["admissionregistration.k8s.io/v1alpha1=true", ALPHA, []],
    ["admissionregistration.k8s.io/v1alpha1", ALPHA, []],
    [
      "internal.apiserver.k8s.io/v1alpha1/storageversions=true",
      ["internal.apiserver.k8s.io/v1alpha1/storageversions"],
      [],
    ],
    ["api/alpha=true, api/alpha=false", [], []],
    ["apps/v1/replicasets=false,apps/v1=true", [], ["apps/v1/replicasets"]],
    ["batch/v1=false", [], ["batch/v1/cronjobs", "batch/v1/jobs"]],
    ["api/all=true,api/beta=false,api/alpha=false", [], []],
    ["api/ga=true,autoscaling/v1=false", [], ["autoscaling/v1/horizontalpodautoscalers"]],
  ])("%s", (config, more, less) => {
    expect(changes(config)).toEqual({ more, less });
  });

  test("of all APIs leaves out those that upstream keeps behind feature gates", () => {
    const { more, less } = changes("api/all=true");
    expect([more.length, less.length]).toEqual([21, 0]);
    expect(more.filter((name) => /^(?:lifecycle|scheduling)/.test(name))).toEqual([]);
    expect(changes("api/beta=true").more).toContain("resource.k8s.io/v1beta1/resourceclaims");
    expect(changes("api/beta=true").more).not.toContain("resource.k8s.io/v1alpha3/devicetaintrules");
  });

  test("of all APIs has those that upstream keeps behind feature gates where these are on", () => {
    expect(served("api/all=true", "AllAlpha=true,AllBeta=true")).toHaveLength(100);
    const more = served("api/all=true", "GenericWorkload=true").filter((name) => name.startsWith("scheduling"));
    expect(more).toEqual([
      "scheduling.k8s.io/v1/priorityclasses",
      "scheduling.k8s.io/v1alpha3/podgroups",
      "scheduling.k8s.io/v1alpha3/workloads",
      "scheduling.k8s.io/v1beta1/podgroups",
      "scheduling.k8s.io/v1beta1/workloads",
    ]);
    const without = served("", "ClusterTrustBundle=false,ClusterTrustBundleProjection=false");
    expect(DEFAULT.filter((name) => !without.includes(name))).toEqual(["certificates.k8s.io/v1/clustertrustbundles"]);
    expect(served("lifecycle.k8s.io/v1alpha1=true", "EvictionRequestAPI=true")).toHaveLength(74);
    expect(served("lifecycle.k8s.io/v1alpha1=false")).toEqual(DEFAULT);
    expect(served("policy/v1beta1=true,extensions/v1beta1/ingresses=true,apps/v1beta2=false")).toEqual(DEFAULT);
  });

  test.each([
    ["v1=true", /key "v1", expected group\/version/],
    ["apps/v1/deployments/scale=true", /key "apps\/v1\/deployments\/scale"/],
    ["nothing.example.com/v1=true", /unknown API group "nothing.example.com"/],
    ["api/v1=true", /unknown API group "api"/],
    ["apps/v2=true", /unknown version "apps\/v2", expected one of v1/],
    ["apps/v1/widgets=true", /unknown resource "apps\/v1\/widgets", expected one of controllerrevisions/],
    ["batch/v1=maybe", /batch\/v1=maybe, expected true or false/],
    ["api/alpha=1", /api\/alpha=1, expected true or false/],
    ["api/all=false", /api\/all=false alone/],
    [
      "apiregistration.k8s.io/v1=false",
      /leaves out apiregistration.k8s.io\/v1\/apiservices.*the server itself needs it/,
    ],
    ["api/ga=false", /leaves out/],
    ["lifecycle.k8s.io/v1alpha1=true", /behind the feature gate EvictionRequestAPI, which is off/],
    ["scheduling.k8s.io/v1alpha3=true", /behind the feature gate CompositePodGroup and GenericWorkload/],
  ])("%s is refused", (config, message) => {
    expect(() => servedResources(config)).toThrow(message);
  });
});

describe("a server with a runtime config", () => {
  let lifetime: Lifetime;
  beforeEach(() => {
    lifetime = new Lifetime();
  });
  afterEach(() => lifetime.close());

  const start = async (runtimeConfig: string, store: MemoryStore): Promise<Cluster> => {
    const cluster = await startCluster({ runtimeConfig, store });
    return lifetime.own("cluster", cluster);
  };
  const get = async ({ client }: Cluster, path: string) => (await client.raw("GET", path)) as Unstructured & Document;

  interface Document {
    readonly groups: readonly { readonly name: string; readonly versions: readonly { readonly version: string }[] }[];
    readonly resources: readonly { readonly name: string }[];
    readonly paths: object;
    readonly items: readonly Unstructured[];
  }
  const versionsOf = ({ groups }: Document, group: string) =>
    groups.find(({ name }) => name === group)?.versions.map(({ version }) => version);

  test("shows what it serves in discovery, OpenAPI and APIServices, and takes back what it no longer does", async () => {
    const store = new MemoryStore({ clock: new VirtualClock() });
    const config =
      "admissionregistration.k8s.io/v1alpha1=true,internal.apiserver.k8s.io/v1alpha1=true,autoscaling/v1=false";
    const cluster = await start(config, store);
    const groups = await get(cluster, "/apis");
    expect(versionsOf(groups, "admissionregistration.k8s.io")).toEqual(["v1", "v1alpha1"]);
    expect(versionsOf(groups, "internal.apiserver.k8s.io")).toEqual(["v1alpha1"]);
    expect(versionsOf(groups, "autoscaling")).toEqual(["v2"]);
    const { resources } = await get(cluster, "/apis/admissionregistration.k8s.io/v1alpha1");
    expect(resources.map(({ name }) => name)).toEqual(POLICIES);
    const { paths } = await get(cluster, "/openapi/v3");
    expect(Object.keys(paths)).toContain("apis/internal.apiserver.k8s.io/v1alpha1");
    expect(Object.keys(paths)).not.toContain("apis/autoscaling/v1");
    const services = async (of: Cluster) =>
      (await get(of, "/apis/apiregistration.k8s.io/v1/apiservices")).items.map(({ metadata }) => metadata?.name);
    expect(await services(cluster)).toEqual(
      expect.arrayContaining(["v1alpha1.admissionregistration.k8s.io", "v1alpha1.internal.apiserver.k8s.io"]),
    );
    expect(await services(cluster)).not.toContain("v1.autoscaling");
    await expect(get(cluster, "/apis/autoscaling/v1/horizontalpodautoscalers")).rejects.toThrow();

    const again = await start("", store.fork());
    expect(versionsOf(await get(again, "/apis"), "internal.apiserver.k8s.io")).toBeUndefined();
    expect(await services(again)).not.toContain("v1alpha1.internal.apiserver.k8s.io");
    expect(await services(again)).toContain("v1.autoscaling");
  });

  test("keeps objects of older versions as those of today, where their fields stand elsewhere", async () => {
    const cluster = await start("resource.k8s.io/v1beta1=true", new MemoryStore({ clock: new VirtualClock() }));
    const claims = (version: string) => `/apis/resource.k8s.io/${version}/namespaces/default/resourceclaims`;
    const request = { name: "gpu", deviceClassName: "gpus", allocationMode: "ExactCount", count: 2 };
    const others = { name: "any", firstAvailable: [{ name: "a", deviceClassName: "gpus" }] };
    const made = { metadata: { name: "c" }, spec: { devices: { requests: [request, others] } } };
    await cluster.client.raw("POST", claims("v1beta1"), made);
    const { name, ...exactly } = request;
    const requestsOf = async (version: string) =>
      ((await get(cluster, `${claims(version)}/c`)) as unknown as typeof made).spec.devices.requests;
    expect(await requestsOf("v1")).toMatchObject([{ name, exactly }, others]);
    expect((await requestsOf("v1"))[1]).not.toHaveProperty("exactly");
    expect(await requestsOf("v1beta1")).toMatchObject([request, others]);

    const slices = "/apis/resource.k8s.io/v1beta1/resourceslices";
    const basic = { attributes: { model: { string: "x" } } };
    const pool = { name: "p", generation: 1, resourceSliceCount: 1 };
    const spec = { driver: "d.example.com", nodeName: "n", pool, devices: [{ name: "one", basic }] };
    await cluster.client.raw("POST", slices, { metadata: { name: "s" }, spec });
    const devicesOf = async (version: string) =>
      ((await get(cluster, `/apis/resource.k8s.io/${version}/resourceslices/s`)) as unknown as { spec: typeof spec })
        .spec.devices;
    expect(await devicesOf("v1")).toEqual([{ name: "one", ...basic }]);
    expect(await devicesOf("v1beta1")).toEqual([{ name: "one", basic }]);
  });
});
