import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiError, type Unstructured } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import { messageOf } from "@tsukube/foundation";
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chosenPlugins } from "../plugin-choice.ts";
import { readPluginConfigurations } from "./plugin-configurations.ts";

const ENABLED = "EventRateLimit,PodNodeSelector,PodTolerationRestriction";
const NAMES = ["EventRateLimit", "PodNodeSelector", "PodSecurity", "PodTolerationRestriction", "ResourceQuota"];
const EQUAL = { key: "team", operator: "Equal", value: "a", effect: "NoSchedule" };
const GPU = { key: "gpu", operator: "Exists" };
const LIMITS = {
  apiVersion: "eventratelimit.admission.k8s.io/v1alpha1",
  kind: "Configuration",
  limits: [
    { type: "Server", qps: 100, burst: 100 },
    { type: "Namespace", qps: 1, burst: 2, cacheSize: 2 },
    { type: "User", qps: 1, burst: 4 },
  ],
};
const SELECTORS = { podNodeSelectorPluginConfig: { clusterDefaultNodeSelector: "zone=a", kept: "disk=ssd,zone=a" } };
const SECURITY = {
  apiVersion: "pod-security.admission.config.k8s.io/v1",
  kind: "PodSecurityConfiguration",
  defaults: { enforce: "baseline", "enforce-version": "latest", audit: "restricted" },
  exemptions: { usernames: ["operator"], namespaces: ["trusted"], runtimeClasses: ["vm"] },
};
const TOLERATIONS = {
  apiVersion: "podtolerationrestriction.admission.k8s.io/v1alpha1",
  kind: "Configuration",
  default: [EQUAL],
  whitelist: [EQUAL, GPU, { operator: "Exists", effect: "NoExecute" }],
};
const QUOTAS = {
  apiVersion: "apiserver.config.k8s.io/v1",
  kind: "ResourceQuotaConfiguration",
  limitedResources: [
    { resource: "persistentvolumeclaims", matchContains: [".storageclass.storage.k8s.io/requests.storage"] },
    {
      resource: "pods",
      matchScopes: [{ scopeName: "PriorityClass", operator: "In", values: ["system-cluster-critical"] }],
    },
  ],
};

const WEBHOOKS = { apiVersion: "apiserver.config.k8s.io/v1", kind: "WebhookAdmissionConfiguration" };
const POLICIES = { apiVersion: "apiserver.config.k8s.io/v1", kind: "ValidatingAdmissionPolicyConfiguration" };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tsukube-admission-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function written(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

function configuration(plugins: unknown): object {
  return { apiVersion: "apiserver.config.k8s.io/v1", kind: "AdmissionConfiguration", plugins };
}

const read = (file: string | undefined, enableAdmissionPlugins = ENABLED) =>
  readPluginConfigurations(file, chosenPlugins({ enableAdmissionPlugins }));

describe("the file of --admission-control-config-file", () => {
  test("holds configurations, or tells from where it stands which files do", () => {
    const all = [LIMITS, SELECTORS, SECURITY, TOLERATIONS, QUOTAS];
    const inline = all.map((one, index) => ({ name: NAMES[index], configuration: one }));
    const beside = all.map((one, index) => {
      written(`${NAMES[index]}.json`, one);
      return { name: NAMES[index], path: `${NAMES[index]}.json` };
    });
    const found = read(written("inline.json", configuration(inline)));
    expect(Object.keys(found).sort()).toEqual(NAMES);
    expect(read(written("beside.json", configuration(beside)))).toEqual(found);
  });

  test("may be what older ones were: the configuration of one plugin", () => {
    const { podNodeSelectorPluginConfig: expected } = SELECTORS;
    const file = written(
      "old.yaml",
      "podNodeSelectorPluginConfig:\n  clusterDefaultNodeSelector: zone=a\n  kept: disk=ssd,zone=a\n",
    );
    expect(read(file, "PodNodeSelector")).toEqual({ PodNodeSelector: expected });
  });

  test("is asked only about plugins that are on", () => {
    const plugins = [
      { name: "EventRateLimit", path: "absent.yaml" },
      { name: "Some", configuration: {} },
    ];
    expect(read(written("off.json", configuration(plugins)), "")).toEqual({});
  });

  const limits = (...list: readonly object[]) => [
    { name: "EventRateLimit", configuration: { ...LIMITS, limits: list } },
  ];
  test.each<[string, unknown, string, RegExp]>([
    ["a missing file", undefined, "", /ENOENT.*no\.json/],
    ["no YAML", "a: [", "", /admission configuration ".*case\.json"/],
    [
      "another kind",
      { kind: "A", apiVersion: "v1" },
      "",
      /case\.json": kind A of v1, expected AdmissionConfiguration of apis/,
    ],
    ["an unknown field", { ...configuration([]), more: 1 }, "", /case\.json": more: unknown, expected one of/],
    ["one below", configuration([{ name: "PodSecurity", file: "a" }]), "", /plugins\[0\]\.file: unknown, expected one/],
    [
      "a file that is not there",
      configuration([{ name: "PodSecurity", path: "no.yaml" }]),
      "",
      /plugins\[0\]\.path: ENOENT/,
    ],
    [
      "no limits",
      configuration(limits()),
      "EventRateLimit",
      /plugins\[0\]\.configuration\.limits: empty, expected a list/,
    ],
    [
      "bad limits",
      configuration(limits({ type: "Some", qps: 0, burst: 1.5, cacheSize: -1 })),
      "EventRateLimit",
      /limits\[0\]\.type: "Some", expected one of Server, .*\.burst: 1\.5, .*\.qps: 0, expected more than 0.*\.cacheSize: -1/,
    ],
    [
      "no limits at all",
      configuration([]),
      "EventRateLimit",
      /EventRateLimit: it has no configuration, expected limits in/,
    ],
    [
      "bad levels",
      configuration([
        {
          name: "PodSecurity",
          configuration: {
            ...SECURITY,
            defaults: { enforce: "high", "warn-version": "1.2" },
            exemptions: { usernames: [""], namespaces: ["a", "a", "A"] },
          },
        },
      ]),
      "",
      /defaults\.enforce: "high", .*defaults\.warn-version: "1\.2", .*namespaces\[1\]: "a" again.*namespaces\[2\]: "A", .*usernames\[0\]: "",/,
    ],
    [
      "bad tolerations",
      configuration([
        { name: "PodTolerationRestriction", configuration: { ...TOLERATIONS, default: [{ effect: "No" }] } },
      ]),
      "PodTolerationRestriction",
      /configuration\.default\[0\]\.operator: Invalid value/,
    ],
    [
      "limited nothing",
      configuration([{ name: "ResourceQuota", configuration: { ...QUOTAS, limitedResources: [{ apiGroup: "a" }] } }]),
      "",
      /limitedResources\[0\]\.resource: missing/,
    ],
    [
      "a relative kubeconfig",
      configuration([{ name: "MutatingAdmissionWebhook", configuration: { ...WEBHOOKS, kubeConfigFile: "a" } }]),
      "",
      /configuration\.kubeConfigFile: "a", expected an absolute path/,
    ],
    [
      "manifests",
      configuration([{ name: "ValidatingAdmissionPolicy", configuration: { ...POLICIES, staticManifestsDir: "/a" } }]),
      "",
      /configuration\.staticManifestsDir: \/a, expected its objects to be created through the API/,
    ],
    [
      "another kind of configuration",
      configuration([{ name: "ResourceQuota", configuration: SECURITY }]),
      "",
      /plugins\[0\]\.configuration: kind PodSecurityConfiguration of pod-.*, expected ResourceQuotaConfiguration of/,
    ],
  ])("%s is refused", (_, content, plugins, message) => {
    const file = content === undefined ? join(folder, "no.json") : written("case.json", content);
    expect(() => read(file, plugins)).toThrow(message);
  });

  test("is needed for EventRateLimit, whoever starts a server", async () => {
    expect(() => read(undefined, "EventRateLimit")).toThrow("no configuration");
    await expect(startCluster({ enableAdmissionPlugins: "EventRateLimit" })).rejects.toThrow("no configuration");
  });
});

describe("plugins with a configuration", () => {
  let cluster: Cluster;
  beforeAll(async () => {
    const all = [LIMITS, SELECTORS, SECURITY, TOLERATIONS, QUOTAS];
    const file = written(
      "all.json",
      configuration(all.map((one, index) => ({ name: NAMES[index], configuration: one }))),
    );
    cluster = await startCluster({
      enableAdmissionPlugins: ENABLED,
      disableAdmissionPlugins: "ServiceAccount",
      pluginConfigurations: read(file),
    });
    const { client } = cluster;
    for (const name of ["kept", "trusted", "own", "vms"]) {
      const annotations =
        name === "own"
          ? {
              "scheduler.alpha.kubernetes.io/node-selector": "",
              "scheduler.alpha.kubernetes.io/defaultTolerations": "[]",
            }
          : {};
      await client.raw("POST", "/api/v1/namespaces", { metadata: { name, annotations } });
    }
    await client.raw("POST", "/apis/node.k8s.io/v1/runtimeclasses", { metadata: { name: "vm" }, handler: "vm" });
    const rules = [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }];
    await client.raw("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", { metadata: { name: "all" }, rules });
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "all" };
    const subjects = [{ kind: "Group", apiGroup: "rbac.authorization.k8s.io", name: "all" }];
    await client.raw("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
      ...{ metadata: { name: "all" }, roleRef, subjects },
    });
  });
  afterAll(() => cluster.close());

  const as = (name: string) => cluster.clientAs({ name, groups: ["all", "system:authenticated"] });

  async function answer(namespace: string, resource: string, body: object, user = "jane"): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/${resource}`;
    return as(user)
      .raw("POST", path, body)
      .then(() => "", messageOf);
  }

  async function made(namespace: string, spec: object): Promise<NonNullable<Pod["spec"]>> {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const pod = (await as("operator").raw("POST", path, podOf(spec))) as Unstructured;
    return pod["spec"] as NonNullable<Pod["spec"]>;
  }

  const podOf = (spec: object) => ({
    metadata: { generateName: "p-" },
    spec: { containers: [{ name: "a", image: "a" }], ...spec },
  });
  let events = 0;
  const event = (namespace: string, user: string, dryRun = "") => {
    events += 1;
    const body = { metadata: { name: `e${events}` }, involvedObject: { namespace, kind: "Pod", name: "p" } };
    return answer(namespace, `events${dryRun}`, body, user);
  };

  test("let so many events through, and more as time passes", async () => {
    expect([await event("kept", "a"), await event("kept", "b"), await event("kept", "b", "?dryRun=All")]).toEqual([
      "",
      "",
      "",
    ]);
    const refused = "Too many requests: limit reached on type Namespace for key kept";
    expect(await event("kept", "c")).toBe(refused);
    await cluster.clock.advance(1000);
    expect([await event("kept", "c"), await event("kept", "c")]).toEqual(["", refused]);
    // each event that is asked about counts for each limit, whatever the others say
    expect([await event("own", "c"), await event("own", "c"), await event("own", "c")]).toEqual([
      ...["", ""],
      "Too many requests: [limit reached on type Namespace for key own, limit reached on type User for key c]",
    ]);
    // the bucket of the namespace that was not used for longest is gone, and begins anew
    expect([await event("trusted", "d"), await event("kept", "d")]).toEqual(["", ""]);
    await expect(
      as("c").raw("POST", "/api/v1/namespaces/own/events", {
        metadata: { name: "z" },
        involvedObject: { namespace: "own" },
      }),
    ).rejects.toSatisfy(
      (error) => error instanceof ApiError && error.httpCode === 429 && error.reason === "TooManyRequests",
    );
  });

  test("choose nodes where a namespace does not", async () => {
    expect((await made("default", {})).nodeSelector).toEqual({ zone: "a" });
    expect(await made("own", {})).not.toHaveProperty("nodeSelector");
    expect((await made("kept", { nodeSelector: { disk: "ssd" } })).nodeSelector).toEqual({ disk: "ssd", zone: "a" });
    expect(await answer("kept", "pods", podOf({ nodeSelector: { other: "x" }, hostPID: true }))).toContain(
      "pod node label selector labels conflict with its namespace whitelist",
    );
  });

  test("choose tolerations where a namespace does not", async () => {
    const keys = async (namespace: string) => (await made(namespace, {})).tolerations?.map(({ key }) => key);
    expect(await keys("default")).toContain("team");
    expect(await keys("own")).not.toContain("team");
    expect(
      await answer("default", "pods", podOf({ tolerations: [{ key: "other", operator: "Exists" }], hostPID: true })),
    ).toContain("conflict with its cluster whitelist");
  });

  test("choose Pod Security Standards where a namespace does not, and exempt who is to be", async () => {
    const open = podOf({ hostNetwork: true });
    expect(await answer("default", "pods", open)).toContain('violates PodSecurity "baseline:latest": host namespaces');
    expect(await answer("default", "pods", open, "operator")).toBe("");
    expect(await answer("trusted", "pods", open)).toBe("");
    expect(await answer("default", "pods", podOf({ hostNetwork: true, runtimeClassName: "vm" }))).toBe("");
    const labels = { "pod-security.kubernetes.io/enforce": "privileged" };
    await cluster.client.raw("POST", "/api/v1/namespaces", { metadata: { name: "free", labels } });
    expect(await answer("free", "pods", open)).toBe("");
    const { headers } = await cluster.transport.request({
      ...{ method: "PATCH", path: "/api/v1/namespaces/trusted" },
      headers: { "content-type": "application/merge-patch+json" },
      body: Buffer.from('{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}'),
    });
    expect(String(headers["warning"])).toContain(
      'namespace \\"trusted\\" is exempt from Pod Security, and the policy (enforce=restricted:latest) will be ignored',
    );
  });

  test("keep what is dear for namespaces with a quota", async () => {
    const spec = (name: string) => ({
      metadata: { name },
      spec: {
        storageClassName: "gold",
        accessModes: ["ReadWriteOnce"],
        resources: { requests: { storage: "1Gi" } },
      },
    });
    expect(await answer("kept", "persistentvolumeclaims", spec("a"))).toBe(
      'persistentvolumeclaims "a" is forbidden: insufficient quota to consume: gold.storageclass.storage.k8s.io/requests.storage',
    );
    expect(await answer("kept", "pods", podOf({ priorityClassName: "system-cluster-critical" }))).toBe(
      "insufficient quota to match these scopes: [{PriorityClass In [system-cluster-critical]}]",
    );
    const hard = { "gold.storageclass.storage.k8s.io/requests.storage": "5Gi" };
    const quotas = "/api/v1/namespaces/kept/resourcequotas";
    const quota = (await cluster.client.raw("POST", quotas, {
      metadata: { name: "q" },
      spec: { hard },
    })) as Unstructured;
    const used = { "gold.storageclass.storage.k8s.io/requests.storage": "0" };
    await cluster.client.raw("PUT", `${quotas}/q/status`, { ...quota, status: { hard, used } });
    expect(await answer("kept", "persistentvolumeclaims", spec("a"))).toBe("");
  });
});
