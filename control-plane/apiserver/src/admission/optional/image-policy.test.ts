import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Unstructured } from "@tsukube/api";
import { Lifetime, messageOf } from "@tsukube/foundation";
import { createHttpsServer, realClock, systemRandom } from "@tsukube/host";
import { createAuthorityKeys, openAuthority } from "@tsukube/host/certificates";
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { AdmissionAttributes } from "../../contracts.ts";
import { readPluginConfigurations } from "../configuration/plugin-configurations.ts";
import { imagePolicyWebhook } from "./image-policy.ts";

interface Asked {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly review: Unstructured;
}

const lifetime = new Lifetime();
let folder: string;
let asked: Asked[];
/** Codes of answers to come, before those that say what `status` is. */
let codes: number[];
let status: object;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tsukube-images-"));
  lifetime.add("folder", () => rmSync(folder, { recursive: true, force: true }));
  const keys = await createAuthorityKeys("ca", realClock, systemRandom);
  const authority = await openAuthority(keys, realClock, systemRandom);
  const pair = await authority.issue({ commonName: "images", sans: ["127.0.0.1"], usages: ["server"] });
  const hook = createHttpsServer({
    ...pair,
    handle: (exchange) =>
      void exchange.body(1e6).then((body) => {
        const review = JSON.parse(Buffer.from(body).toString()) as Unstructured;
        asked.push({ path: exchange.path, authorization: exchange.headers["authorization"], review });
        const code = codes.shift() ?? 200;
        const type = code === 200 ? "application/json" : "text/plain";
        const text = code === 200 ? JSON.stringify({ ...review, status }) : "not now";
        exchange.send(code, { "content-type": type }, Buffer.from(text));
      }),
  });
  lifetime.own("hook", hook);
  const port = await hook.listen("127.0.0.1", 0);
  writeFileSync(join(folder, "ca.pem"), keys.cert);
  writeFileSync(join(folder, "token"), "s3cret\n");
  writeFileSync(
    join(folder, "images.kubeconfig"),
    `
clusters: [{name: images, cluster: {server: "https://127.0.0.1:${port}/review/", certificate-authority: ca.pem}}]
users: [{name: server, user: {tokenFile: token}}]
contexts: [{name: images, context: {cluster: images, user: server}}]
current-context: images
`,
  );
});
afterAll(() => lifetime.close());
beforeEach(() => {
  asked = [];
  codes = [];
  status = { allowed: true };
});

const ON = new Set(["ImagePolicyWebhook"]);

function read(imagePolicy: object | undefined) {
  const file = join(folder, "admission.json");
  const plugins = [{ name: "ImagePolicyWebhook", configuration: { imagePolicy } }];
  writeFileSync(
    file,
    JSON.stringify({ apiVersion: "apiserver.config.k8s.io/v1", kind: "AdmissionConfiguration", plugins }),
  );
  return readPluginConfigurations(file, ON);
}

async function start(imagePolicy: object): Promise<Cluster> {
  const cluster = await startCluster({
    enableAdmissionPlugins: "ImagePolicyWebhook",
    disableAdmissionPlugins: "ServiceAccount",
    pluginConfigurations: read({ kubeConfigFile: "images.kubeconfig", ...imagePolicy }),
  });
  lifetime.own("cluster", cluster);
  return cluster;
}

function create({ client }: Cluster, image: string, annotations: object = {}): Promise<string> {
  const containers = [{ name: "a", image }];
  const spec = { containers, initContainers: [{ name: "i", image: "init" }] };
  const body = { metadata: { generateName: "p-", annotations }, spec };
  return client.raw("POST", "/api/v1/namespaces/default/pods", body).then(() => "", messageOf);
}

describe("ImagePolicyWebhook", () => {
  test("asks what a kubeconfig names, tells it of images, and remembers what it said for a time", async () => {
    const cluster = await start({ allowTTL: 10, denyTTL: -1 });
    const annotations = { "a.image-policy.k8s.io/ticket": "1", other: "x" };
    expect([await create(cluster, "web:1", annotations), await create(cluster, "web:1", annotations)]).toEqual([
      "",
      "",
    ]);
    expect(asked).toEqual([
      {
        path: "/review?timeout=30s",
        authorization: "Bearer s3cret",
        review: {
          ...{ kind: "ImageReview", apiVersion: "imagepolicy.k8s.io/v1alpha1", metadata: {} },
          spec: {
            containers: [{ image: "web:1" }, { image: "init" }],
            annotations: { "a.image-policy.k8s.io/ticket": "1" },
            namespace: "default",
          },
          status: { allowed: false },
        },
      },
    ]);
    await cluster.clock.advance(10_001);
    status = { allowed: false, reason: "unsigned" };
    const refusals = [await create(cluster, "web:1", annotations), await create(cluster, "web:1", annotations)];
    for (const text of refusals)
      expect(text).toMatch(
        /^pods "p-.*" is forbidden: image policy webhook backend denied one or more images: unsigned$/,
      );
    expect(asked).toHaveLength(3);
    status = { allowed: false };
    expect(await create(cluster, "web:2")).toMatch(/: one or more images rejected by webhook backend$/);
  });

  test("asks again what may answer a moment later, and refuses, or lets pods in, without an answer", async () => {
    const validated = (image: string, more: object = {}): Promise<string> => {
      const policy = read({ kubeConfigFile: "images.kubeconfig", retryBackoff: 1, ...more }).ImagePolicyWebhook!;
      const attributes = {
        context: { signal: new AbortController().signal },
        operation: "CREATE",
        resource: { group: "", version: "v1", resource: "pods" },
        ...{ subresource: "", namespace: "default", name: "p" },
        object: { spec: { containers: [{ name: "a", image }] } },
      } as unknown as AdmissionAttributes;
      return imagePolicyWebhook(policy, realClock, systemRandom).validate!(attributes).then(() => "", messageOf);
    };
    codes = [500, 429, 504];
    expect(await validated("a")).toBe("");
    expect(asked).toHaveLength(4);
    codes = [403];
    expect(await validated("b")).toContain("is forbidden: ");
    codes = [500, 500, 500, 500, 500];
    expect(await validated("c")).toContain("not now");
    codes = [500, 500, 500, 500, 500];
    expect(await validated("d", { defaultAllow: true })).toBe("");
    expect(asked).toHaveLength(4 + 1 + 5 + 5);
  });

  test.each<[object | undefined, RegExp]>([
    [undefined, /configuration\.imagePolicy\.kubeConfigFile: missing/],
    [{ kubeConfigFile: "no" }, /kubeConfigFile: ENOENT/],
    [
      { kubeConfigFile: "images.kubeconfig", allowTTL: 1801, retryBackoff: -2, defaultAllow: "yes" },
      /allowTTL: 1801, expected -1 to 1800; .*retryBackoff: -2, expected -1 to 300000; .*defaultAllow: yes, expected true/,
    ],
  ])("is not told %j", (policy, message) => {
    expect(() => read(policy)).toThrow(message);
  });

  test("needs to be told whom to ask", () => {
    expect(() => readPluginConfigurations(undefined, ON)).toThrow(/ImagePolicyWebhook: it has no configuration/);
  });
});
