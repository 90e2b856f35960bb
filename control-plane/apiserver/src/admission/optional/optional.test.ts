import type { Unstructured } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import { messageOf } from "@tsukube/foundation";
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AdmissionAttributes, Authorizer } from "../../contracts.ts";
import { Registry } from "../../registry/registry.ts";
import { ownerReferencesPermission } from "./owner-references.ts";

const PLUGINS = [
  ...["AlwaysPullImages", "DenyServiceExternalIPs", "ExtendedResourceToleration", "LimitPodHardAntiAffinityTopology"],
  ...["PodNodeSelector", "PodTolerationRestriction", "AlwaysAdmit"],
];
const ALPHA = "scheduler.alpha.kubernetes.io";
const EQUAL = { key: "team", operator: "Equal", value: "a", effect: "NoSchedule" };

describe("plugins that are off by default", () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ enableAdmissionPlugins: PLUGINS.join(), disableAdmissionPlugins: "ServiceAccount" });
    await namespace("bound", {
      [`${ALPHA}/node-selector`]: "disk=ssd, zone=a",
      [`${ALPHA}/defaultTolerations`]: JSON.stringify([EQUAL]),
      [`${ALPHA}/tolerationsWhitelist`]: JSON.stringify([EQUAL, { operator: "Exists", effect: "NoExecute" }]),
    });
    await namespace("wrong", { [`${ALPHA}/node-selector`]: "disk" });
    await namespace("garbled", { [`${ALPHA}/defaultTolerations`]: "{}" });
  });
  afterAll(() => cluster.close());

  async function namespace(name: string, annotations: object): Promise<void> {
    await cluster.client.raw("POST", "/api/v1/namespaces", { metadata: { name, annotations } });
  }

  const send = (method: string, path: string, body: object): Promise<Unstructured> =>
    cluster.client.raw(method, `/api/v1/namespaces/${path}`, body) as Promise<Unstructured>;

  async function made(spec: object, name = "default"): Promise<NonNullable<Pod["spec"]>> {
    const pod = { metadata: { generateName: "p-" }, spec: { containers: [{ name: "a", image: "a" }], ...spec } };
    return (await send("POST", `${name}/pods`, pod))["spec"] as NonNullable<Pod["spec"]>;
  }

  test("images are pulled whatever a pod says, until an update brings others", async () => {
    const container = { name: "a", image: "a:1", imagePullPolicy: "Never" };
    const volumes = [{ name: "v", image: { reference: "b:1", pullPolicy: "IfNotPresent" } }];
    expect(
      await made({ containers: [container], initContainers: [{ ...container, name: "i" }], volumes }),
    ).toMatchObject({
      containers: [{ imagePullPolicy: "Always" }],
      initContainers: [{ imagePullPolicy: "Always" }],
      volumes: expect.arrayContaining([{ name: "v", image: { reference: "b:1", pullPolicy: "Always" } }]),
    });
  });

  test("Services keep their external IPs and get no more", async () => {
    const spec = { ports: [{ port: 80 }], externalIPs: ["192.0.2.1"] };
    await expect(send("POST", "default/services", { metadata: { name: "s" }, spec })).rejects.toThrow(
      'services "s" is forbidden: Use of external IPs is denied by admission control',
    );
    const { externalIPs: _none, ...without } = spec;
    const service = await send("POST", "default/services", { metadata: { name: "s" }, spec: without });
    const next = { ...service, spec: { ...(service["spec"] as object), externalIPs: ["192.0.2.1"] } };
    await expect(send("PUT", "default/services/s", next)).rejects.toThrow("Use of external IPs is denied");
  });

  test("who asks for a device tolerates its taint, once", async () => {
    const resources = { limits: { "example.com/gpu": "1" }, requests: { "example.com/gpu": "1", cpu: "1" } };
    const containers = [{ name: "a", image: "a", resources }];
    const own = { key: "example.com/gpu", operator: "Exists", effect: "NoSchedule", tolerationSeconds: undefined };
    for (const tolerations of [[], [own]]) {
      const spec = await made({ containers, tolerations });
      expect(spec.tolerations?.filter(({ key }) => key === "example.com/gpu")).toEqual([
        { key: "example.com/gpu", operator: "Exists", effect: "NoSchedule" },
      ]);
    }
  });

  test("pods keep others away from nodes, and from nothing larger", async () => {
    const away = (topologyKey: string) => ({
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: { matchLabels: { a: "b" } } }],
        },
      },
    });
    await made(away("kubernetes.io/hostname"));
    await expect(made(away("topology.kubernetes.io/zone"))).rejects.toThrow(
      "has TopologyKey topology.kubernetes.io/zone but only key kubernetes.io/hostname is allowed",
    );
  });

  test("pods run where their namespace says", async () => {
    expect((await made({ nodeSelector: { own: "x", disk: "ssd" } }, "bound")).nodeSelector).toEqual({
      ...{ own: "x", disk: "ssd", zone: "a" },
    });
    await expect(made({ nodeSelector: { disk: "hdd" } }, "bound")).rejects.toThrow(
      "pod node label selector conflicts with its namespace node label selector",
    );
    await expect(made({}, "wrong")).rejects.toThrow("invalid selector: [disk]");
    expect(await made({})).not.toHaveProperty("nodeSelector");
  });

  test("pods get the tolerations of their namespace, and have no others", async () => {
    const tolerations = (await made({}, "bound")).tolerations ?? [];
    expect(tolerations.map(({ key, effect }) => `${key} ${effect}`).sort()).toEqual([
      "node.kubernetes.io/not-ready NoExecute",
      "node.kubernetes.io/unreachable NoExecute",
      "team NoSchedule",
    ]);
    await expect(made({ tolerations: [{ ...EQUAL, value: "b" }] }, "bound")).rejects.toThrow(
      "conflict with its namespace whitelist",
    );
    await expect(made({}, "garbled")).rejects.toThrow(`annotation ${ALPHA}/defaultTolerations of namespace "garbled"`);
    const requests = { cpu: "1" };
    const burstable = await made({ containers: [{ name: "a", image: "a", resources: { requests } }] });
    expect(burstable.tolerations).toContainEqual(
      expect.objectContaining({ key: "node.kubernetes.io/memory-pressure", effect: "NoSchedule" }),
    );
  });
});

test("AlwaysDeny refuses whatever it is", async () => {
  const cluster = await startCluster({ enableAdmissionPlugins: "AlwaysDeny" });
  try {
    await expect(
      cluster.client.raw("POST", "/api/v1/namespaces/default/configmaps", { metadata: { name: "a" } }),
    ).rejects.toThrow('configmaps "a" is forbidden: admission control is denying all modifications');
  } finally {
    await cluster.close();
  }
});

describe("namespaces that are not there", () => {
  const answers = async (enableAdmissionPlugins: string, disableAdmissionPlugins: string, dryRun = false) => {
    const cluster = await startCluster({ enableAdmissionPlugins, disableAdmissionPlugins });
    const ask = (method: string, path: string, body?: object): Promise<unknown> =>
      cluster.client.raw(method, path, body).catch(messageOf);
    try {
      const path = `/api/v1/namespaces/new/configmaps${dryRun ? "?dryRun=All" : ""}`;
      const made = (await ask("POST", path, { metadata: { name: "a" } })) as Unstructured | string;
      const namespace = (await ask("GET", "/api/v1/namespaces/new")) as Unstructured | string;
      return [typeof made === "string" ? made : made.kind, typeof namespace === "string" ? namespace : namespace.kind];
    } finally {
      await cluster.close();
    }
  };
  const NONE = 'namespaces "new" not found';

  test.each([
    ["are made by NamespaceAutoProvision", "NamespaceAutoProvision", "", false, ["ConfigMap", "Namespace"]],
    ["are not made for a dry run", "NamespaceAutoProvision", "", true, [NONE, NONE]],
    ["are missed by NamespaceExists", "NamespaceExists", "NamespaceLifecycle", false, [NONE, NONE]],
    ["are missed by nobody else", "", "NamespaceLifecycle", false, ["ConfigMap", NONE]],
  ])("%s", async (_, on, off, dryRun, expected) => {
    expect(await answers(on, off, dryRun)).toEqual(expected);
  });
});

describe("owner references", () => {
  const owner = { apiVersion: "apps/v1", kind: "Deployment", name: "d", uid: "1" };

  /** @param may "VERB RESOURCE/SUBRESOURCE". */
  async function refusalOf(may: readonly string[], next: readonly object[], before?: readonly object[]) {
    const authorizer: Authorizer = {
      authorize: async ({ verb, resource, subresource }) =>
        may.includes(`${verb} ${resource}/${subresource}`)
          ? { decision: "allow", reason: "" }
          : { decision: "no-opinion", reason: "no rule" },
    };
    const plugin = ownerReferencesPermission(new Registry(), authorizer);
    const object = (ownerReferences: readonly object[]) => ({ metadata: { name: "c", ownerReferences } });
    const attributes = {
      context: { user: { name: "jane", groups: [], uid: "", extra: {} } },
      operation: before === undefined ? "CREATE" : "UPDATE",
      resource: { group: "", version: "v1", resource: "configmaps" },
      ...{ subresource: "", namespace: "n", name: "c", object: object(next) },
      oldObject: before === undefined ? undefined : object(before),
    } as unknown as AdmissionAttributes;
    return plugin.validate?.(attributes).then(
      () => "",
      (error: Error) => error.message,
    );
  }

  const blocking = { ...owner, blockOwnerDeletion: true };
  test.each<[string, readonly string[], readonly object[], readonly object[] | undefined, RegExp]>([
    ["one at the creation", [], [owner], undefined, /^$/],
    ["none that changes", [], [blocking], [blocking], /^$/],
    ["one more", [], [owner], [], /cannot set an ownerRef on a resource you can't delete: no rule, <nil>$/],
    ["one more of who may delete", ["delete configmaps/"], [owner], [], /^$/],
    [
      "that block, at the creation",
      [],
      [blocking],
      undefined,
      /refers to a resource you can't set finalizers on: no rule/,
    ],
    ["that block, of who may finalize the owner", ["update deployments/finalizers"], [blocking], undefined, /^$/],
    ["that block, of who may finalize all", ["update */finalizers"], [blocking], undefined, /^$/],
    ["that begin to block", ["delete configmaps/"], [blocking], [owner], /can't set finalizers on/],
    [
      "of a kind that is not there",
      [],
      [{ ...blocking, kind: "No" }],
      undefined,
      /no matches for kind "No" in version "apps\/v1"/,
    ],
  ])("%s", async (_, may, next, before, expected) => {
    expect(await refusalOf(may, next, before)).toMatch(expected);
  });
});
