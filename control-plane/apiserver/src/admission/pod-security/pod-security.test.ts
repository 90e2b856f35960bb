import { ApiError, type Unstructured } from "@tsukube/api";
import type { PodSpec } from "@tsukube/api/types/core-v1";
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findings, findingsText, type Level, policyOf } from "./policy.ts";

const LATEST = Number.POSITIVE_INFINITY;
const verdict = (spec: object, level: Level, version = LATEST, annotations: Record<string, string> = {}): string =>
  findingsText(findings({ metadata: { annotations }, spec: spec as PodSpec }, { level, version }));
const one = (container: object, spec: object = {}) => ({ containers: [{ name: "c", ...container }], ...spec });
const good = one({
  securityContext: {
    allowPrivilegeEscalation: false,
    runAsNonRoot: true,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  },
});

describe("the baseline", () => {
  test.each([
    [{ hostNetwork: true, hostPID: true, containers: [] }, "host namespaces (hostNetwork=true, hostPID=true)"],
    [
      one({ securityContext: { privileged: true } }),
      'privileged (container "c" must not set securityContext.privileged=true)',
    ],
    [
      one({ securityContext: { capabilities: { add: ["SYS_ADMIN", "CHOWN", "NET_RAW"] } } }),
      'non-default capabilities (container "c" must not include "NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add)',
    ],
    [one({}, { volumes: [{ name: "v", hostPath: { path: "/" } }] }), 'hostPath volumes (volume "v")'],
    [one({ ports: [{ hostPort: 80 }, { hostPort: 443 }] }), 'hostPort (container "c" uses hostPorts 443, 80)'],
    [
      one({ securityContext: { procMount: "Unmasked" } }),
      'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
    ],
    [
      one({ securityContext: { seLinuxOptions: { type: "a", user: "u" } } }),
      'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "a"; user may not be set)',
    ],
    [
      one({}, { securityContext: { seccompProfile: { type: "Unconfined" } } }),
      'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
    [one({}, { securityContext: { sysctls: [{ name: "kernel.msgmax" }] } }), "forbidden sysctls (kernel.msgmax)"],
    [
      one({ livenessProbe: { httpGet: { host: "8.8.8.8" } } }),
      'probe or lifecycle host (container "c" uses probe or lifecycle host "8.8.8.8")',
    ],
    [
      one({ securityContext: { appArmorProfile: { type: "Unconfined" } } }),
      'forbidden AppArmor profile (container "c" must not set AppArmor profile type to "Unconfined")',
    ],
    [good, ""],
  ])("%j", (spec, expected) => {
    expect(verdict(spec, "baseline")).toBe(expected);
    expect(verdict(spec, "privileged")).toBe("");
  });

  test("has versions", () => {
    const sysctl = one({}, { securityContext: { sysctls: [{ name: "net.ipv4.tcp_rmem" }] } });
    expect(verdict(sysctl, "baseline", 31)).toBe("forbidden sysctls (net.ipv4.tcp_rmem)");
    expect(verdict(sysctl, "baseline", 32)).toBe("");
    const annotations = { "seccomp.security.alpha.kubernetes.io/pod": "unconfined" };
    expect(verdict(one({}), "baseline", 18, annotations)).toContain("forbidden annotation");
    expect(verdict(one({}), "baseline", 19, annotations)).toBe("");
  });
});

describe("the restricted level", () => {
  test("asks a plain pod for four things", () => {
    expect(verdict(one({}), "restricted")).toBe(
      'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), ' +
        'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), ' +
        'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), ' +
        'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    );
    expect(verdict(good, "restricted")).toBe("");
  });

  test("knows the good volumes, not the bad ones", () => {
    const volumes = [
      { name: "a", emptyDir: {} },
      { name: "b", hostPath: { path: "/" } },
      { name: "d", nfs: {} },
    ];
    expect(verdict({ ...good, volumes }, "restricted")).toBe(
      'restricted volume types (volumes "b", "d" use restricted volume types "hostPath", "nfs")',
    );
  });

  test("lets root be root in a user namespace, from v1.35 on", () => {
    const root = { ...good, hostUsers: false, securityContext: { runAsUser: 0 } };
    expect(verdict(root, "restricted")).toBe("");
    expect(verdict(root, "restricted", 34)).toBe("runAsUser=0 (pod must not set runAsUser=0)");
  });
});

test("warnings follow what is enforced, unless they are set", () => {
  const label = (mode: string, value: string) => ({ [`pod-security.kubernetes.io/${mode}`]: value });
  const enforced = { ...label("enforce", "baseline"), ...label("enforce-version", "v1.30") };
  expect(policyOf(enforced).warn).toEqual({ level: "baseline", version: 30 });
  expect(policyOf({ ...enforced, ...label("warn", "privileged") }).warn.level).toBe("privileged");
  expect(policyOf(label("enforce", "nonsense"))).toMatchObject({
    enforce: { level: "restricted" },
    warn: { level: "privileged" },
  });
});

describe("a namespace", () => {
  let cluster: Cluster;
  let warnings: readonly string[];
  beforeEach(async () => {
    cluster = await startCluster();
    await send("POST", "/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "default" } });
  });
  afterEach(() => cluster.close());

  async function send(method: string, path: string, body: object): Promise<Unstructured> {
    const headers = { "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json" };
    const response = await cluster.transport.request({
      method,
      path,
      headers,
      body: Buffer.from(JSON.stringify(body)),
    });
    warnings = ((response.headers["warning"] ?? []) as readonly string[]).map(
      (text) => JSON.parse(text.slice(6)) as string,
    );
    const object = JSON.parse(Buffer.from(response.body as Uint8Array).toString()) as Unstructured;
    if (response.status >= 400) throw new ApiError(object as never);
    return object;
  }

  const label = (labels: Readonly<Record<string, string>>) =>
    send("PATCH", "/api/v1/namespaces/default", {
      metadata: {
        labels: Object.fromEntries(Object.entries(labels).map(([k, v]) => [`pod-security.kubernetes.io/${k}`, v])),
      },
    });
  const run = (spec: object, name = "p") =>
    send("POST", "/api/v1/namespaces/default/pods", { metadata: { name }, spec });
  const host = { hostNetwork: true, ...one({ image: "i" }) };

  test("keeps pods out that violate what it enforces", async () => {
    await label({ enforce: "baseline" });
    await expect(run(host)).rejects.toThrow(
      'pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)',
    );
    await expect(run(one({ image: "i" }))).resolves.toBeDefined();
  });

  test("warns of pods and templates that would violate", async () => {
    await label({ warn: "baseline", "warn-version": "v1.30" });
    await run(host);
    const text = 'would violate PodSecurity "baseline:v1.30": host namespaces (hostNetwork=true)';
    expect(warnings).toEqual([text]);
    const template = { metadata: { labels: { a: "b" } }, spec: host };
    const spec = { selector: { matchLabels: { a: "b" } }, template };
    await send("POST", "/apis/apps/v1/namespaces/default/deployments", { metadata: { name: "d" }, spec });
    expect(warnings).toEqual([text]);
  });

  test("tells which of its pods violate what it enforces from now on", async () => {
    await run(host, "a");
    await run(host, "b");
    await run(one({ image: "i" }), "c");
    await label({ enforce: "baseline" });
    expect(warnings).toEqual([
      'existing pods in namespace "default" violate the new PodSecurity enforce level "baseline:latest"',
      "a (and 1 other pod): host namespaces",
    ]);
    await label({ enforce: "privileged" });
    expect(warnings).toEqual([]);
  });

  test("refuses labels that nobody understands", async () => {
    await expect(label({ enforce: "strict", "warn-version": "1.30" })).rejects.toThrow(
      'metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted',
    );
  });
});
