import { type ApiResponse, createClient, type Transport } from "@tsukube/client";
import { realClock } from "@tsukube/host";
import { MemoryStore, type Mutation } from "@tsukube/store";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWireServer, type WireServer } from "./wire-server.ts";

/** Writes to the namespace "shop" take so long that requests meet. */
class SlowStore extends MemoryStore {
  override async commit(mutations: readonly Mutation[]): Promise<number> {
    if (mutations.some(({ key }) => key.startsWith("/registry/configmaps/shop/"))) await realClock.sleep(50);
    return super.commit(mutations);
  }
}

/** One part of 600 seats. */
const LEVEL = {
  metadata: { name: "small" },
  spec: {
    type: "Limited",
    limited: {
      nominalConcurrencyShares: 1,
      borrowingLimitPercent: 0,
      limitResponse: { type: "Queue", queuing: { queues: 64, handSize: 1, queueLengthLimit: 20 } },
    },
  },
};
const SEATS = 3;
const SCHEMA = {
  metadata: { name: "animals" },
  spec: {
    priorityLevelConfiguration: { name: "small" },
    matchingPrecedence: 50,
    distinguisherMethod: { type: "ByUser" },
    rules: [
      {
        subjects: [{ kind: "Group", group: { name: "animals" } }],
        resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"] }],
      },
    ],
  },
};
const MAPS = "/api/v1/namespaces/shop/configmaps";

let server: WireServer;
let admin: Transport;

beforeAll(async () => {
  server = await startWireServer({ openStore: async () => new SlowStore({ clock: realClock }) });
  admin = server.admin.transport;
  const client = createClient(admin, { userAgent: "test" });
  await client.raw("POST", "/api/v1/namespaces", { metadata: { name: "shop" } });
  await client.raw("POST", "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations", LEVEL);
  await client.raw("POST", "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas", SCHEMA);
  await client.raw("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: "animals" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "animals" }],
  });
});
afterAll(() => server.close());

const as = (user: string): Transport => ({
  request: (request) =>
    admin.request({
      ...request,
      headers: { ...request.headers, "impersonate-user": user, "impersonate-group": "animals" },
    }),
  close: async () => {},
});

async function create(user: string, name: string): Promise<ApiResponse & { readonly text: string }> {
  const response = await as(user).request({
    method: "POST",
    path: MAPS,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify({ metadata: { name } })),
  });
  const pieces: Uint8Array[] = [];
  for await (const piece of response.body as AsyncIterable<Uint8Array>) pieces.push(piece);
  return { ...response, text: Buffer.concat(pieces).toString() };
}

async function metric(name: string, ...labels: readonly string[]): Promise<number> {
  const { body } = await admin.request({ method: "GET", path: "/metrics", headers: {} });
  let text = "";
  for await (const piece of body as AsyncIterable<Uint8Array>) text += Buffer.from(piece).toString();
  const line = text
    .split("\n")
    .find((each) => each.startsWith(`apiserver_flowcontrol_${name}{`) && labels.every((label) => each.includes(label)));
  return Number(line?.split(" ").at(-1) ?? 0);
}

test("an elephant has its seats and its queue, and the rest of it is refused", async () => {
  expect(await metric("nominal_limit_seats", 'priority_level="small"')).toBe(SEATS);
  const all = await Promise.all(Array.from({ length: 60 }, (_, i) => create("elephant", `a${i}`)));
  const created = all.filter(({ status }) => status === 201);
  const refused = all.filter(({ status }) => status === 429);
  expect(created.length + refused.length).toBe(60);
  expect(created.length).toBeGreaterThanOrEqual(SEATS + 20);
  expect(refused.length).toBeGreaterThan(0);
  for (const { headers, text } of refused) {
    expect(text).toBe("Too many requests, please try again later.\n");
    expect(headers).toMatchObject({
      "content-type": "text/plain; charset=utf-8",
      "retry-after": "1",
      "x-kubernetes-pf-flowschema-uid": created[0]!.headers["x-kubernetes-pf-flowschema-uid"],
      "x-kubernetes-pf-prioritylevel-uid": created[0]!.headers["x-kubernetes-pf-prioritylevel-uid"],
    });
  }
  expect(await metric("rejected_requests_total", 'flow_schema="animals"', 'reason="queue-full"')).toBe(refused.length);
  expect(await metric("current_executing_seats", 'flow_schema="animals"')).toBe(0);
});

test("a mouse does not wait for the elephant", async () => {
  const done: string[] = [];
  const note = async (user: string, name: string): Promise<void> => {
    const { status } = await create(user, name);
    if (status === 201) done.push(user);
  };
  const elephant = Array.from({ length: SEATS + 20 }, (_, i) => note("elephant", `b${i}`));
  while ((await metric("current_inqueue_requests", 'flow_schema="animals"')) < 10) await realClock.sleep(5);
  await note("mouse", "m");
  const before = done.length - 1;
  await Promise.all(elephant);
  expect(done).toHaveLength(SEATS + 21);
  expect(done.length - 1 - before).toBeGreaterThanOrEqual(5); // of those that came before it
});

test("clients that come again are all served", async () => {
  const maps = createClient(as("elephant"), { userAgent: "test" }).resource(
    { group: "", version: "v1", resource: "configmaps" },
    "shop",
  );
  const all = await Promise.all(Array.from({ length: 30 }, (_, i) => maps.create({ metadata: { name: `c${i}` } })));
  expect(all).toHaveLength(30);
});

test.each([
  ["flowschemas/exempt", { matchingPrecedence: 2 }, 422],
  ["flowschemas/catch-all", { rules: [] }, 422],
  ["prioritylevelconfigurations/catch-all", { limited: { nominalConcurrencyShares: 6 } }, 422],
  ["prioritylevelconfigurations/exempt", { exempt: { nominalConcurrencyShares: 6 } }, 200],
])("%s is there for all requests, and may be noted on; a spec of %j is %i", async (name, spec, code) => {
  const path = `/apis/flowcontrol.apiserver.k8s.io/v1/${name}`;
  expect((await server.admin.send("PATCH", path, { metadata: { labels: { seen: "yes" } } })).code).toBe(200);
  expect((await server.admin.send("PATCH", path, { spec })).code).toBe(code);
});
