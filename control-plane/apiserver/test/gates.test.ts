import { FeatureGates } from "@tsukube/api";
import { Lifetime } from "@tsukube/foundation";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startKubelet } from "./kubelet.ts";
import { isPeer, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const IN = "/api/v1/namespaces/gates";
const NETWORKING = "/apis/networking.k8s.io/v1";

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "gates" } });
});
afterAll(() => server.close());

describe("ExcludeAdmissionWebhookVirtualResources", () => {
  const RULES: readonly (readonly [groups: readonly string[], resources: readonly string[], excluded: string])[] = [
    [["authentication.k8s.io"], ["tokenreviews"], "tokenreviews.authentication.k8s.io"],
    [["authentication.k8s.io", "apps"], ["selfsubjectreviews"], "selfsubjectreviews.authentication.k8s.io"],
    [["authorization.k8s.io"], ["*"], ""],
    [["*"], ["subjectaccessreviews", "pods"], ""],
  ];
  const configuration = (apiGroups: readonly string[], resources: readonly string[]): object => {
    const rules = [{ apiGroups, apiVersions: ["*"], resources, operations: ["CREATE"] }];
    const meant = { admissionReviewVersions: ["v1"], sideEffects: "None", failurePolicy: "Fail", timeoutSeconds: 1 };
    const webhook = { name: "a.example.com", ...meant, clientConfig: { url: "https://127.0.0.1:1/" }, rules };
    return { metadata: { name: "gates" }, webhooks: [webhook] };
  };

  test.each(RULES)(
    "a webhook of %j %j is warned of what it never hears of: %s",
    async (groups, resources, excluded) => {
      const { code, headers } = await admin.send("POST", `${WEBHOOKS}?dryRun=All`, configuration(groups, resources));
      const warning = `299 - "webhooks[0].rules[0]: ${excluded} is excluded from admission webhooks; this rule will have no effect"`;
      expect([code, headers["warning"]]).toEqual([201, excluded === "" ? undefined : warning]);
    },
  );

  test("reviews go through, whatever webhook asks for them", async () => {
    await admin.send("POST", WEBHOOKS, configuration(["authentication.k8s.io", "authorization.k8s.io"], ["*"]));
    const review = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview" };
    const spec = { nonResourceAttributes: { verb: "get", path: "/" } };
    const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    expect((await admin.send("POST", path, { ...review, spec })).code).toBe(201);
    await admin.send("DELETE", `${WEBHOOKS}/gates`);
  });
});

describe("StrictIPCIDRValidation", () => {
  const zeros = "must not have leading 0s";
  const mapped = "must not be an IPv4-mapped IPv6 address";
  const beyond = "must not have bits set beyond the prefix length";
  const service = (more: object): object => ({ ports: [{ port: 80 }], ...more });
  const balanced = (more: object): object => service({ type: "LoadBalancer", ...more });
  const ranges = "spec.LoadBalancerSourceRanges[0]";
  const CASES: readonly (readonly [path: string, body: object, cause: string])[] = [
    [`${IN}/services`, { spec: service({ externalIPs: ["010.1.2.3"] }) }, `spec.externalIPs[0]: ${zeros}`],
    [`${IN}/services`, { spec: service({ externalIPs: ["::ffff:10.1.2.3"] }) }, `spec.externalIPs[0]: ${mapped}`],
    [`${IN}/services`, { spec: service({ clusterIP: "010.0.0.55" }) }, `spec.clusterIPs[0]: ${zeros}`],
    [`${IN}/services`, { spec: balanced({ loadBalancerSourceRanges: ["10.1.2.3/8"] }) }, `${ranges}: ${beyond}`],
    [`${IN}/endpoints`, { subsets: [{ addresses: [{ ip: "010.1.2.3" }] }] }, `subsets[0].addresses[0].ip: ${zeros}`],
    ["/api/v1/nodes", { spec: { podCIDR: "10.0.0.1/24", podCIDRs: ["10.0.0.1/24"] } }, `spec.podCIDRs[0]: ${beyond}`],
    [`${NETWORKING}/servicecidrs`, { spec: { cidrs: ["10.0.0.1/24"] } }, `spec.cidrs[0]: ${beyond}`],
  ];

  test.each(CASES)("%s %j is refused", async (path, body, cause) => {
    const { code, object } = await admin.send("POST", `${path}?dryRun=All`, { metadata: { name: "a" }, ...body });
    const causes = object.details?.causes?.map(({ field, message }) => `${field}: ${message}`) ?? [];
    expect([code, causes]).toEqual([422, [expect.stringMatching(/: Invalid value: /)]]);
    expect(causes[0]?.replace(/: Invalid value: "[^"]*"/, "")).toMatch(new RegExp(`^${RegExp.escape(cause)}`));
  });

  test("an address that is ignored is warned of", async () => {
    const spec = balanced({ loadBalancerIP: "010.1.2.3" });
    const { code, headers } = await admin.send("POST", `${IN}/services?dryRun=All`, { metadata: { name: "a" }, spec });
    const text = 'spec.loadBalancerIP: non-standard IP address \\"010.1.2.3\\" is invalid: use \\"10.1.2.3\\"';
    expect([code, headers["warning"]]).toEqual([201, `299 - "${text}"`]);
  });
});

test("TokenRequestServiceAccountUIDValidation: a token is for the very account that was meant", async () => {
  const { object } = await admin.send("POST", `${IN}/serviceaccounts`, { metadata: { name: "meant" } });
  const kind = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest" };
  const ask = (uid: string) =>
    admin.send("POST", `${IN}/serviceaccounts/meant/token`, { ...kind, metadata: { uid }, spec: { audiences: [] } });
  expect((await ask(object.metadata?.uid ?? "")).code).toBe(201);
  const refused = await ask("another");
  expect([refused.code, refused.object.reason]).toEqual([409, "Conflict"]);
  expect(refused.object.message).toContain(
    "the UID in the token request (another) does not match the UID of the service account",
  );
});

describe("AllowUnsafeMalformedObjectDeletion", () => {
  const unread = { kind: "DeleteOptions", apiVersion: "v1", ignoreStoreReadErrorWithClusterBreakingPotential: true };

  test("what can be read is not deleted unread", async () => {
    await admin.send("POST", `${IN}/configmaps`, { metadata: { name: "whole" } });
    const { code, object } = await admin.send("DELETE", `${IN}/configmaps/whole`, unread);
    expect([code, object.reason]).toEqual([409, "Conflict"]);
    expect(object.message).toBe(
      'Operation cannot be fulfilled on configmaps "whole": StorageError: invalid object, Code: 4, Key: /registry/configmaps/gates/whole, ResourceVersion: 0, AdditionalErrorMsg: unsafe deletion is not allowed because the object is decodable from storage',
    );
    expect((await admin.send("DELETE", `${IN}/configmaps/none`, unread)).code).toBe(404);
  });

  test("it takes leave of its own, and options that need no look inside", async () => {
    const someone = await server.clientOf("deleter");
    const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata: { name: "deleter" } };
    const roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/gates";
    await admin.send("POST", `${roles}/roles`, {
      ...role,
      rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["delete"] }],
    });
    await admin.send("POST", `${roles}/rolebindings`, {
      metadata: { name: "deleter" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "deleter" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "deleter" }],
    });
    const ask = () => someone.send("DELETE", `${IN}/configmaps/none`, unread);
    await expect
      .poll(async () => (await ask()).object.message)
      .toContain('configmaps "none" is forbidden: not permitted to do "unsafe-delete-ignore-read-errors", reason: ');
    const more = { propagationPolicy: "Background", gracePeriodSeconds: 0, preconditions: { uid: "u" } };
    const { code, object } = await admin.send("DELETE", `${IN}/configmaps/none`, { ...unread, ...more });
    expect([code, object.details?.causes?.map(({ message }) => message?.split(": ").at(-1))]).toEqual([
      422,
      ["propagationPolicy", "gracePeriodSeconds", "preconditions"].map(
        (name) => `cannot be set together with .${name}`,
      ),
    ]);
    const all = await admin.send("DELETE", `${IN}/configmaps`, unread);
    expect([all.code, all.object.message]).toEqual([
      422,
      expect.stringContaining("is not allowed with DELETECOLLECTION"),
    ]);
  });
});

// kube-apiserver was started with its gates
test.skipIf(isPeer)("PodLogsQuerySplitStreams: a log is of the stream that is asked for", async () => {
  const lifetime = new Lifetime();
  const featureGates = FeatureGates.parse("PodLogsQuerySplitStreams=true");
  const gated = lifetime.own("server", await startWireServer({ featureGates }));
  const kubelet = await startKubelet(gated, "gates-n", lifetime);
  const pods = "/api/v1/namespaces/default/pods";
  const spec = { nodeName: "gates-n", containers: [{ name: "c", image: "i" }] };
  await gated.admin.send("POST", "/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "default" } });
  await gated.admin.send("POST", pods, { metadata: { name: "p" }, spec });
  const log = async (query: string): Promise<unknown> => {
    const { code, object } = await gated.admin.get(`${pods}/p/log?${query}`);
    return code === 200 ? kubelet.asked.at(-1)?.path : object.details?.causes?.map(({ message }) => message);
  };
  expect(await log("stream=Stderr")).toBe("/containerLogs/default/p/c?stream=Stderr");
  expect(await log("stream=Both")).toEqual(['Unsupported value: "Both": supported values: "All", "Stderr", "Stdout"']);
  expect(await log("stream=Stdout&tailLines=1")).toEqual([
    "Forbidden: `tailLines` and specific `stream` are mutually exclusive for now",
  ]);
  await lifetime.close();
});
