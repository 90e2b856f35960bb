import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SubjectAccessReview } from "@tsukube/api/types/authorization-v1";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock, systemRandom } from "@tsukube/host";
import { createSigningKey } from "@tsukube/host/certificates";
import { MemoryStore } from "@tsukube/store";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type ApiServer, startApiServer } from "../server.ts";
import { parseAuthorization } from "./configuration.ts";

const lifetime = new Lifetime();
const metrics = createMetrics();
const asked: SubjectAccessReview[] = [];
const folder = mkdtempSync(join(tmpdir(), "webhook-authorization-"));
lifetime.add("folder", () => rmSync(folder, { recursive: true }));
const file = join(folder, "authorization.json");
const kubeConfigFile = join(folder, "kubeconfig.json");
let server: ApiServer;

const webhook = {
  timeout: "3s",
  subjectAccessReviewVersion: "v1",
  matchConditionSubjectAccessReviewVersion: "v1",
  failurePolicy: "NoOpinion",
  connectionInfo: { type: "KubeConfigFile", kubeConfigFile },
  matchConditions: [
    { expression: "request.user.startsWith('ext-')" },
    { expression: "!has(request.resourceAttributes) || request.resourceAttributes.resource != 'secrets'" },
  ],
};

function configuration(...authorizers: readonly object[]): string {
  return JSON.stringify({ kind: "AuthorizationConfiguration", apiVersion: "apiserver.config.k8s.io/v1", authorizers });
}

const RBAC = { type: "RBAC", name: "rbac" };

/** What the server says: users' names tell it. */
function statusOf({ spec }: SubjectAccessReview): SubjectAccessReview["status"] {
  const verb = spec?.resourceAttributes?.verb ?? spec?.nonResourceAttributes?.verb ?? "";
  if (spec?.user === "ext-never") return { allowed: false, denied: true, reason: "not you" };
  return spec?.user === "ext-all" || (spec?.user === "ext-reader" && verb !== "create")
    ? { allowed: true, reason: "as told" }
    : { allowed: false, reason: "not known" };
}

beforeAll(async () => {
  const other = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const review = JSON.parse(Buffer.concat(pieces).toString()) as SubjectAccessReview;
      asked.push(review);
      if (review.spec?.user === "ext-broken") response.writeHead(403, { "content-type": "text/plain" }).end("no");
      else response.end(JSON.stringify({ ...review, status: statusOf(review) }));
    });
  });
  other.listen(0, "127.0.0.1");
  await once(other, "listening");
  lifetime.add("webhook", () => new Promise<void>((done) => void other.close(() => done())));
  const cluster = { server: `http://127.0.0.1:${(other.address() as AddressInfo).port}/` };
  writeFileSync(
    kubeConfigFile,
    JSON.stringify({ clusters: [{ name: "c", cluster }], contexts: [{ name: "x", context: { cluster: "c" } }] }),
  );
  writeFileSync(file, configuration({ type: "Webhook", name: "other", webhook }, RBAC));
  server = await startApiServer({
    openStore: async () => new MemoryStore({ clock: realClock }),
    ...{ clock: realClock, random: systemRandom, logger: silentLogger, metrics },
    serviceAccountKey: await createSigningKey(),
    serviceCidr: "10.160.0.0/16",
    nodePorts: { first: 30000, last: 32767 },
    advertise: { address: "127.0.0.1", port: 6443 },
    authorizationConfig: file,
  });
  lifetime.own("server", server);
});
afterAll(() => lifetime.close());

async function ask(user: string, path: string, body?: object) {
  const groups = user === "admin" ? ["system:masters"] : ["system:authenticated"];
  const answer = await server.transport({ name: user, groups, extra: {} }).request({
    method: body === undefined ? "GET" : "POST",
    path,
    headers: { "content-type": "application/json" },
    ...(body !== undefined && { body: Buffer.from(JSON.stringify(body)) }),
  } as never);
  return { status: answer.status, text: Buffer.from(answer.body as Uint8Array).toString() };
}

const PODS = "/api/v1/namespaces/default/pods?fieldSelector=spec.nodeName%3Dn";
const MAPS = "/api/v1/namespaces/default/configmaps";

test("webhooks are asked in their turn, and their answers are kept", async () => {
  expect((await ask("ext-reader", PODS)).status).toBe(200);
  expect((await ask("ext-reader", PODS)).status).toBe(200);
  const requirement = { key: "spec.nodeName", operator: "In", values: ["n"] };
  expect(asked).toEqual([
    {
      kind: "SubjectAccessReview",
      apiVersion: "authorization.k8s.io/v1",
      metadata: {},
      spec: {
        resourceAttributes: {
          ...{ namespace: "default", verb: "list", version: "v1", resource: "pods" },
          fieldSelector: { requirements: [requirement] },
        },
        user: "ext-reader",
        groups: ["system:authenticated"],
      },
      status: { allowed: false },
    },
  ]);
  expect((await ask("ext-never", PODS)).text).toContain("not you");
  const refused = await ask("ext-some", PODS);
  expect([refused.status, refused.text.includes("other: not known")]).toEqual([403, true]);
  expect((await ask("inner", PODS)).status).toBe(403);
  expect((await ask("ext-all", "/api/v1/namespaces/default/secrets")).status).toBe(403);
  expect((await ask("inner", "/version")).status).toBe(200);
  expect(asked).toHaveLength(3);
  expect(metrics.expose()).toMatch(/apiserver_authorization_decisions_total\{[^}]*decision="denied"[^}]*\} 1/);
});

test("what cannot be asked is left to the others, or an error", async () => {
  const { status, text } = await ask("ext-broken", PODS);
  expect(status).toBe(500);
  expect(text).toMatch(/^Internal Server Error: .*: no\n$/);
  expect((await ask("ext-broken", "/version")).status).toBe(200);
  const spec = { user: "ext-broken", resourceAttributes: { verb: "get", resource: "pods", name: "p" } };
  const review = await ask("admin", "/apis/authorization.k8s.io/v1/subjectaccessreviews", { spec });
  const answer = JSON.parse(review.text) as SubjectAccessReview;
  expect(answer.status?.allowed).toBe(false);
  expect(answer.status?.evaluationError).toBe("no");
  expect(metrics.expose()).toMatch(/apiserver_authorization_webhook_evaluations_fail_open_total\{[^}]*name="other"/);
});

test("expressions of policies ask webhooks, too", async () => {
  const policy = {
    metadata: { name: "asks" },
    spec: {
      matchConstraints: {
        resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }],
      },
      validations: [
        {
          expression:
            "authorizer.group('').resource('pods').check('create').allowed() && authorizer.path('/x').check('get').allowed()",
          message: "no right",
        },
      ],
    },
  };
  const base = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic";
  expect((await ask("admin", `${base}ies`, policy)).status).toBe(201);
  const binding = { metadata: { name: "asks" }, spec: { policyName: "asks", validationActions: ["Deny"] } };
  expect((await ask("admin", `${base}ybindings`, binding)).status).toBe(201);
  expect((await ask("ext-all", MAPS, { metadata: { name: "a" } })).status).toBe(201);
  const reader = await ask("admin", MAPS, { metadata: { name: "b" } });
  expect(reader.status).toBe(201);
  expect(asked.some(({ spec }) => spec?.nonResourceAttributes?.path === "/x")).toBe(true);
});

test("the file is followed while it is right", async () => {
  writeFileSync(file, configuration({ type: "Webhook", name: "other" }));
  const told = (status: string): boolean =>
    new RegExp(`apiserver_authorization_config_controller_automatic_reloads_total\\{[^}]*status="${status}"`).test(
      metrics.expose(),
    );
  await vi.waitFor(() => expect(told("failure")).toBe(true), { timeout: 20_000 });
  expect((await ask("ext-reader", PODS)).status).toBe(200);
  writeFileSync(file, configuration(RBAC));
  await vi.waitFor(async () => expect((await ask("ext-reader", PODS)).status).toBe(403), { timeout: 20_000 });
});

test.each<readonly [readonly object[], string]>([
  [[RBAC], ""],
  [[], "authorizers: Required value: at least one authorization mode must be defined"],
  [
    [{ type: "Some", name: "some" }],
    'authorizers[0].type: Unsupported value: "Some": supported values: "ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"',
  ],
  [[RBAC, RBAC], 'authorizers[1].type: Duplicate value: "RBAC"'],
  [[{ type: "RBAC", name: "mine" }], "expected name rbac for authorizer RBAC instead of mine"],
  [[{ type: "Webhook", name: "w" }], "authorizers[0].webhook: Required value: required when type=Webhook"],
  [
    [{ ...RBAC, webhook: {} }],
    'authorizers[0].webhook: Invalid value: "non-null": may only be specified when type=Webhook',
  ],
  [
    [{ type: "Webhook", name: "w", webhook: { ...webhook, timeout: "31s", failurePolicy: "Open" } }],
    '[authorizers[0].timeout: Invalid value: "31s": must be > 0s and <= 30s, authorizers[0].failurePolicy: Unsupported value: "Open": supported values: "NoOpinion", "Deny", authorizers[0].connectionInfo.kubeConfigFile: Invalid value',
  ],
  [
    [
      {
        type: "Webhook",
        name: "w",
        webhook: {
          ...webhook,
          connectionInfo: { type: "InClusterConfig" },
          matchConditions: [{ expression: "request.user" }],
        },
      },
    ],
    'authorizers[0].matchConditions[0].expression: Invalid value: "request.user": must evaluate to bool but got string',
  ],
])("%j is refused with %s", (authorizers, why) => {
  rmSync(kubeConfigFile, { force: true });
  let refusal = "";
  try {
    parseAuthorization(configuration(...authorizers));
  } catch (error) {
    refusal = (error as Error).message.replace("invalid authorization configuration: ", "");
  }
  expect(refusal.slice(0, why.length)).toBe(why);
  if (why === "") expect(refusal).toBe("");
});
