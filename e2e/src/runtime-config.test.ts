import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { expect, test } from "vitest";
import { Kubectl } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

const PLUGINS = `
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
  - name: PodSecurity
    configuration:
      apiVersion: pod-security.admission.config.k8s.io/v1
      kind: PodSecurityConfiguration
      defaults:
        enforce: privileged
`;

test("APIs that are off by default are served, and plugins off, when up is told so, until it is told otherwise", async () => {
  await using lifetime = new Lifetime();
  const cluster = new Tsukube(lifetime, "runtime-config");
  const up = (...more: string[]) => cluster.run(["up", "--no-node", ...more]);
  await expect(up("--runtime-config", "api/some=true")).rejects.toThrow(/unknown API group "api"/);
  await expect(up("--disable-admission-plugins", "Some")).rejects.toThrow(/no plugin "Some", expected some of /);
  const folder = mkdtempSync(join(tmpdir(), "tsukube-plugins-"));
  lifetime.add("folder", () => rmSync(folder, { recursive: true, force: true }));
  const plugins = join(folder, "plugins.yaml");
  writeFileSync(plugins, PLUGINS.replace("privileged", "high"));
  await expect(up("--admission-control-config-file", plugins)).rejects.toThrow(
    /plugins\.yaml": plugins\[0\]\.configuration\.defaults\.enforce: "high", expected one of privileged/,
  );
  await up(
    "--runtime-config",
    "admissionregistration.k8s.io/v1alpha1",
    "--runtime-config",
    "resource.k8s.io/v1beta1=true",
  );
  const kubectl = new Kubectl((await cluster.status()).kubeconfig);
  const versions = async () => (await kubectl.out("api-versions")).split("\n");
  expect(await versions()).toEqual(
    expect.arrayContaining(["admissionregistration.k8s.io/v1alpha1", "resource.k8s.io/v1beta1", "resource.k8s.io/v1"]),
  );
  const request = { name: "gpu", deviceClassName: "gpus" };
  await kubectl.apply({
    apiVersion: "resource.k8s.io/v1beta1",
    kind: "ResourceClaim",
    metadata: { name: "c" },
    spec: { devices: { requests: [request] } },
  });
  const shown =
    "get resourceclaims.v1.resource.k8s.io c -o jsonpath={.spec.devices.requests[0].exactly.deviceClassName}";
  expect(await kubectl.out(shown)).toBe("gpus");
  const explained = await kubectl.out(
    "explain resourceclaims.spec.devices.requests --api-version=resource.k8s.io/v1beta1",
  );
  expect(explained).toContain("deviceClassName");
  await cluster.run(["down"]);
  await up();
  expect(await versions()).toContain("resource.k8s.io/v1beta1");
  // of a server that runs
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p" },
    spec: { containers: [{ name: "a", image: "a" }] },
  };
  await up("--runtime-config", "", "--disable-admission-plugins", "ServiceAccount");
  await kubectl.apply(pod);
  expect(await kubectl.out("get pod p -o jsonpath={.spec.serviceAccountName}")).toBe("");
  expect(await versions()).not.toContain("resource.k8s.io/v1beta1");
  expect(await kubectl.out(shown)).toBe("gpus");
  writeFileSync(plugins, PLUGINS.replace("privileged", "baseline"));
  await up("--admission-control-config-file", plugins);
  await expect(
    kubectl.apply({ ...pod, metadata: { name: "q" }, spec: { ...pod.spec, hostPID: true } }),
  ).rejects.toThrow('violates PodSecurity "baseline:latest"');
}, 120_000);
