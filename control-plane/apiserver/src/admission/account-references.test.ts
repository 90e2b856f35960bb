import type { ApiError } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

const IN = "/api/v1/namespaces/default";
let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
  for (const [name, enforce] of [
    ["default", ""],
    ["strict", "true"],
    ["lax", "yes"],
  ]) {
    const annotations = { "kubernetes.io/enforce-mountable-secrets": enforce };
    const refs = { secrets: [{ name: "own" }], imagePullSecrets: [{ name: "pull" }] };
    await cluster.client.raw("POST", `${IN}/serviceaccounts`, { metadata: { name, annotations }, ...refs });
  }
});
afterAll(() => cluster.close());

const container = (more: object = {}) => ({ name: "c", image: "i", ...more });
const variable = (name: string) => ({ env: [{ name: "V", valueFrom: { secretKeyRef: { name, key: "k" } } }] });
const all = (name: string) => ({ envFrom: [{ secretRef: { name } }] });
const volume = (source: object) => ({ volumes: [{ name: "v", ...source }] });
const secret = (secretName: string) => volume({ secret: { secretName } });
const foreign = (what: string) =>
  `${what} secret.secretName="other" is not allowed because service account strict does not reference that secret`;

/** How the request is answered: 201, or a code and the message's end. */
async function answerOf(path: string, body: object): Promise<string> {
  const made = cluster.client.raw("POST", `${IN}/${path}?dryRun=All`, body);
  return made.then(
    () => "201",
    (error: unknown) =>
      `${(error as ApiError).httpCode} ${(error as ApiError).message.replace(/^.* is forbidden: /, "")}`,
  );
}

test.each([
  [secret("other"), foreign("403 volume with")],
  [secret("own"), "201"],
  [volume({ projected: { sources: [{ secret: { name: "other" } }] } }), "201"],
  [{ containers: [container(variable("other"))] }, foreign("403 container c with envVar V referencing")],
  [{ containers: [container(all("other"))] }, foreign("403 container c with envFrom referencing")],
  [{ containers: [container({ ...variable("own"), ...all("own") })] }, "201"],
  [
    { initContainers: [container({ name: "i", ...all("other") })] },
    foreign("403 init container i with envFrom referencing"),
  ],
  [
    { imagePullSecrets: [{ name: "pull" }, { name: "own" }] },
    '403 imagePullSecrets[1].name="own" is not allowed because service account strict does not reference that imagePullSecret',
  ],
])("a pod of an account that enforces its Secrets: %j", async (spec, answer) => {
  const pod = (serviceAccountName: string) => ({
    metadata: { name: "p" },
    spec: { serviceAccountName, containers: [container()], ...spec },
  });
  expect(await answerOf("pods", pod("strict"))).toBe(answer);
  expect(await answerOf("pods", pod("lax"))).toBe("201");
});

test.each([
  [{ serviceAccountName: "lax" }, "403 a mirror pod may not reference service accounts"],
  [secret("own"), "403 a mirror pod may not reference secrets"],
  [{ containers: [container(all("own"))] }, "403 a mirror pod may not reference secrets"],
  [
    volume({ projected: { sources: [{ serviceAccountToken: { path: "t" } }] } }),
    "403 a mirror pod may not use ServiceAccountToken volume projections",
  ],
  [{}, "201"],
])("a mirror pod of anybody: %j", async (more, answer) => {
  const metadata = { name: "m", annotations: { "kubernetes.io/config.mirror": "x" } };
  const spec = { nodeName: "n", containers: [container()], ...more };
  expect(await answerOf("pods", { metadata, spec })).toBe(answer);
});

test("an ephemeral container has the Secrets of its pod's account", async () => {
  const spec = { serviceAccountName: "strict", containers: [container()] };
  await cluster.client.raw("POST", `${IN}/pods`, { metadata: { name: "debugged" }, spec });
  const patch = (more: object) =>
    cluster.transport.request({
      ...{ method: "PATCH", path: `${IN}/pods/debugged/ephemeralcontainers` },
      headers: { "content-type": "application/strategic-merge-patch+json" },
      body: Buffer.from(JSON.stringify({ spec: { ephemeralContainers: [container({ name: "e", ...more })] } })),
    });
  const refused = await patch(all("other"));
  const message = foreign("ephemeral container e with envFrom referencing");
  expect([refused.status, JSON.parse(Buffer.from(refused.body as Uint8Array).toString())]).toEqual([
    500,
    expect.objectContaining({ message }),
  ]);
  expect((await patch(all("own"))).status).toBe(200);
});

test("a pod that was copied from another has one token, and a new container of it too", async () => {
  const body = { metadata: { name: "first" }, spec: { containers: [container()] } };
  const { spec } = (await cluster.client.raw("POST", `${IN}/pods`, body)) as Pod;
  const containers = [...(spec?.containers ?? []), container({ name: "debugger" })];
  const copy = { metadata: { name: "copy" }, spec: { ...spec, containers } };
  const copied = (await cluster.client.raw("POST", `${IN}/pods`, copy)) as Pod;
  expect(copied.spec?.volumes).toEqual(spec?.volumes);
  expect(copied.spec?.containers?.map(({ volumeMounts }) => volumeMounts)).toEqual(
    [0, 1].map(() => spec?.containers?.[0]?.volumeMounts),
  );
});
