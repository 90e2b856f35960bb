import type { ApiResponse } from "@tsukube/client";
import { Lifetime } from "@tsukube/foundation";
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const GROUP = "/apis/flowcontrol.apiserver.k8s.io/v1";
const SCHEMAS = `${GROUP}/flowschemas`;
const LEVELS = `${GROUP}/prioritylevelconfigurations`;

describe("flow control", () => {
  let lifetime: Lifetime;
  let cluster: Cluster;
  beforeEach(async () => {
    lifetime = new Lifetime();
    cluster = lifetime.own("cluster", await startCluster());
  });
  afterEach(() => lifetime.close());

  const ask = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<ApiResponse> =>
    cluster.transport.request({ method: "GET", path, headers });
  const as = (user: string, ...groups: readonly string[]): Readonly<Record<string, string>> => ({
    "impersonate-user": user,
    ...(groups.length > 0 && { "impersonate-group": groups.join(",") }),
  });
  const text = async (path: string): Promise<string> => String(Buffer.from((await ask(path)).body as Uint8Array));
  const uidOf = async (path: string): Promise<string> =>
    ((await cluster.client.raw("GET", path)) as { metadata: { uid: string } }).metadata.uid;
  const create = (path: string, object: object): Promise<unknown> => cluster.client.raw("POST", path, object);
  /** The names of schema and level whose uids an answer has. */
  const flowOf = async ({ headers }: ApiResponse): Promise<readonly string[]> => {
    const nameIn = async (path: string, uid: unknown): Promise<string> => {
      const { items } = (await cluster.client.raw("GET", path)) as {
        items: readonly { metadata: { name: string; uid: string } }[];
      };
      return items.find(({ metadata }) => metadata.uid === uid)?.metadata.name ?? String(uid);
    };
    return [
      await nameIn(SCHEMAS, headers["x-kubernetes-pf-flowschema-uid"]),
      await nameIn(LEVELS, headers["x-kubernetes-pf-prioritylevel-uid"]),
    ];
  };
  const schema = (level: string, user: string, matchingPrecedence = 50): object => ({
    metadata: { name: user },
    spec: {
      priorityLevelConfiguration: { name: level },
      matchingPrecedence,
      distinguisherMethod: { type: "ByUser" },
      rules: [
        {
          subjects: [{ kind: "User", user: { name: user } }],
          resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"], clusterScope: true }],
        },
      ],
    },
  });
  const level = (name: string, nominalConcurrencyShares = 10): object => ({
    metadata: { name },
    spec: { type: "Limited", limited: { nominalConcurrencyShares, limitResponse: { type: "Reject" } } },
  });

  test("answers name the flow schema and the priority level of the request, also of one that is forbidden", async () => {
    expect(await flowOf(await ask("/api/v1/nodes"))).toEqual(["exempt", "exempt"]);
    expect(await flowOf(await ask("/healthz", as("jane")))).toEqual(["probes", "exempt"]);
    const forbidden = await ask("/api/v1/nodes", as("jane"));
    expect(forbidden.status).toBe(403);
    expect(await flowOf(forbidden)).toEqual(["global-default", "global-default"]);
    const controller = as("system:serviceaccount:kube-system:job-controller", "system:serviceaccounts:kube-system");
    expect(await flowOf(await ask("/api/v1/nodes", controller))).toEqual([
      "kube-system-service-accounts",
      "workload-high",
    ]);
  });

  test("a flow schema is in force as long as its priority level is there", async () => {
    await create(SCHEMAS, schema("mine", "jane"));
    expect(await flowOf(await ask("/api/v1/nodes", as("jane")))).toEqual(["global-default", "global-default"]);
    await create(LEVELS, level("mine"));
    expect(await flowOf(await ask("/api/v1/nodes", as("jane")))).toEqual(["jane", "mine"]);
    expect(await text("/metrics")).toMatch(/nominal_limit_seats\{priority_level="mine"\} 24/);
    await cluster.client.raw("DELETE", `${LEVELS}/mine`);
    expect(await flowOf(await ask("/api/v1/nodes", as("jane")))).toEqual(["global-default", "global-default"]);
    expect(await text("/debug/api_priority_and_fairness/dump_priority_levels")).not.toContain("mine");
  });

  test("the mandatory ones are in force also where they were deleted", async () => {
    for (const { metadata } of (
      (await cluster.client.raw("GET", SCHEMAS)) as { items: readonly { metadata: { name: string } }[] }
    ).items)
      await cluster.client.raw("DELETE", `${SCHEMAS}/${metadata.name}`);
    await cluster.client.raw("DELETE", `${LEVELS}/catch-all`);
    const { headers } = await ask("/api/v1/nodes", as("jane"));
    expect([headers["x-kubernetes-pf-flowschema-uid"], headers["x-kubernetes-pf-prioritylevel-uid"]]).toEqual(["", ""]);
    const counted = await text("/metrics");
    expect(counted).toMatch(/dispatched_requests_total\{priority_level="catch-all",flow_schema="catch-all"\} 1/);
    expect(await uidOf(`${LEVELS}/exempt`)).toBe((await ask("/version")).headers["x-kubernetes-pf-prioritylevel-uid"]);
  });

  test("a priority level that is gone ends with its last request", async () => {
    await create(LEVELS, level("mine"));
    await create(SCHEMAS, schema("mine", "lisa"));
    await create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
      metadata: { name: "admin" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "lisa" }],
    });
    const watched = await ask("/api/v1/namespaces?watch=true", as("lisa"));
    await cluster.client.raw("DELETE", `${LEVELS}/mine`);
    await ask("/version");
    const levels = () => text("/debug/api_priority_and_fairness/dump_priority_levels");
    expect(await levels()).toMatch(/^mine, +0, +false, +true, +0, +1,/m);
    expect(await text("/debug/api_priority_and_fairness/dump_requests?includeRequestDetails=1")).toMatch(
      /^mine, +lisa, .*, +lisa, +watch, +\/api\/v1\/namespaces, +, +, +v1, +namespaces,/m,
    );
    const pieces = (watched.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    expect(String(Buffer.from((await pieces.next()).value!))).toContain('"kube-system"');
    const rest = pieces.next(); // has taken all that it begins with
    expect(await levels()).toMatch(/^mine, +0, +true, +true, +0, +0,/m);
    await cluster.clock.advance(20_000);
    expect(await levels()).not.toContain("mine");
    await create("/api/v1/namespaces", { metadata: { name: "shop" } });
    expect(String(Buffer.from((await rest).value!))).toContain('"shop"');
    await pieces.return?.();
  });

  test("limits are looked at again while there are requests, and never at rest", async () => {
    await ask("/api/v1/nodes");
    const atRest = cluster.clock.pending;
    await cluster.clock.advance(60_000);
    expect(cluster.clock.pending).toBe(atRest - 2);
    await ask("/api/v1/nodes");
    expect(cluster.clock.pending).toBe(atRest);
  });

  test("debuggers see the queues", async () => {
    await ask("/api/v1/nodes", as("jane"));
    expect(await text("/debug/api_priority_and_fairness/dump_queues")).toMatch(
      /^PriorityLevelName, Index, .*\n(?:.*\n)*global-default, +\d+, +0, +0, +0, +\d\.\d{8}ss, +0, +0, +0\.00000000ss$/m,
    );
    expect((await ask("/debug/api_priority_and_fairness/dump_nothing")).status).toBe(404);
    expect((await ask("/debug/api_priority_and_fairness/dump_queues", as("jane"))).status).toBe(403);
  });
});
