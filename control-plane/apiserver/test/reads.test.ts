import { realClock } from "@tsukube/host";
import { MemoryStore, type OpenStore } from "@tsukube/store";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, isPeer, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const MAPS = "/api/v1/namespaces/reads/configmaps";

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "reads" } });
});
afterAll(() => server.close());

const names = ({ object }: Answer): readonly string[] =>
  (object.items ?? []).map(({ metadata }) => metadata?.name ?? "");
const revision = ({ object }: Answer): string => object.metadata?.resourceVersion ?? "";

async function make(name: string, of: string): Promise<string> {
  return revision(await admin.send("POST", MAPS, { metadata: { name, labels: { of } } }));
}

describe("a list", () => {
  let before: string;
  let middle: string;
  beforeAll(async () => {
    await make("a", "list");
    before = await make("b", "list");
    middle = await make("c", "list");
    await admin.send("DELETE", `${MAPS}/a`);
  });
  const list = (query: string): Promise<Answer> => admin.get(`${MAPS}?labelSelector=of%3Dlist${query}`);

  test("is of now when it names no revision", async () => {
    const answer = await list("");
    expect(names(answer)).toEqual(["b", "c"]);
    expect(Number(revision(answer))).toBeGreaterThan(Number(middle));
  });

  test.each(["&resourceVersion=0", "&resourceVersion=0&resourceVersionMatch=NotOlderThan"])(
    "of any revision has one of its own: %s",
    async (query) => {
      const answer = await list(query);
      expect(names(answer)).toEqual(["b", "c"]);
      expect(Number(revision(answer))).toBeGreaterThan(Number(middle));
    },
  );

  test.each([
    ["", 400],
    ["&watch=1", 500],
  ])("of a revision that no number of 64 bits names is refused: %j", async (query, code) => {
    const answer = await list(`&resourceVersion=99999999999999999999${query}`);
    expect([answer.code, answer.object.message]).toEqual([code, expect.stringMatching(/"9+": value out of range$/)]);
  });

  test("not older than a revision may be newer", async () => {
    for (const query of [
      `&resourceVersion=${before}`,
      `&resourceVersion=${before}&resourceVersionMatch=NotOlderThan`,
    ]) {
      const answer = await list(query);
      expect(names(answer)).toEqual(["b", "c"]);
      expect(Number(revision(answer))).toBeGreaterThanOrEqual(Number(middle));
    }
  });

  test("at exactly a revision is what was there then, under that revision, also by pages", async () => {
    const exact = `&resourceVersion=${before}&resourceVersionMatch=Exact`;
    const whole = await list(exact);
    expect([names(whole), revision(whole)]).toEqual([["a", "b"], before]);
    const first = await list(`${exact}&limit=1`);
    expect([names(first), revision(first)]).toEqual([["a"], before]);
    const second = await list(`&limit=1&continue=${first.object.metadata?.continue}`);
    expect([names(second), revision(second), second.object.metadata?.continue]).toEqual([["b"], before, undefined]);
  });

  test("goes on by tokens of former versions, which told the namespace as well", async () => {
    const first = await list("&limit=1");
    const { start, ...token } = JSON.parse(
      Buffer.from(first.object.metadata?.continue ?? "", "base64url").toString(),
    ) as Readonly<Record<string, string>>;
    const former = Buffer.from(JSON.stringify({ ...token, start: `reads/${start}` })).toString("base64url");
    const [next, second] = [
      await list(`&limit=1&continue=${first.object.metadata?.continue}`),
      await list(`&limit=1&continue=${former}`),
    ];
    expect(names(next)).toHaveLength(1);
    expect([names(second), revision(second)]).toEqual([names(next), revision(next)]);
  });

  test("by pages with a revision alone is of exactly that one, as clients of old mean it", async () => {
    const first = await list(`&resourceVersion=${middle}&limit=2`);
    expect([names(first), revision(first)]).toEqual([["a", "b"], middle]);
  });

  test("of any revision may come whole, whatever its limit", async () => {
    const answer = await list("&resourceVersion=0&limit=1");
    expect([names(answer), answer.object.metadata?.continue]).toEqual([["b", "c"], undefined]);
  });
});

describe("pages", () => {
  beforeAll(async () => {
    for (let i = 0; i < 7; i += 1) await make(`page-${i}`, i % 2 === 0 ? "even" : "odd");
  });
  const ALL = "/api/v1/namespaces/pages/configmaps";
  beforeAll(async () => {
    await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "pages" } });
    for (let i = 0; i < 7; i += 1)
      await admin.send("POST", ALL, { metadata: { name: `p-${i}`, labels: { odd: `${i % 2}` } } });
  });

  test("are never larger than asked for, are of one revision, and tell what is left", async () => {
    const first = await admin.get(`${ALL}?limit=3`);
    expect([names(first), first.object.metadata?.remainingItemCount]).toEqual([["p-0", "p-1", "p-2"], 4]);
    const token = first.object.metadata?.continue ?? "";
    expect(JSON.parse(Buffer.from(token, "base64url").toString())).toMatchObject({
      v: "meta.k8s.io/v1",
      rv: Number(revision(first)),
      start: expect.stringMatching(/p-2\0$/),
    });
    await admin.send("POST", ALL, { metadata: { name: "p-3a" } });
    await admin.send("DELETE", `${ALL}/p-4`);
    const second = await admin.get(`${ALL}?limit=3&continue=${token}`);
    expect([names(second), second.object.metadata?.remainingItemCount]).toEqual([["p-3", "p-4", "p-5"], 1]);
    const third = await admin.get(`${ALL}?limit=3&continue=${second.object.metadata?.continue}`);
    expect(names(third)).toEqual(["p-6"]);
    expect(third.object.metadata).toEqual({ resourceVersion: revision(first) });
    expect(revision(second)).toBe(revision(first));
  });

  test("of a selection do not tell what is left", async () => {
    const first = await admin.get(`${ALL}?limit=1&labelSelector=odd%3D1`);
    expect([names(first), first.object.metadata?.remainingItemCount]).toEqual([["p-1"], undefined]);
    const second = await admin.get(`${ALL}?labelSelector=odd%3D1&continue=${first.object.metadata?.continue}`);
    expect(names(second)).toEqual(["p-3", "p-5"]);
  });

  test("of a selection go on while there is anything to look at", async () => {
    const path = "/api/v1/namespaces/selected/configmaps";
    await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "selected" } });
    for (const [name, of] of Object.entries({ a: "x", b: "x", c: "y" }))
      await admin.send("POST", path, { metadata: { name, labels: { of } } });
    const first = await admin.get(`${path}?labelSelector=of%3Dx&limit=2`);
    const token = (first.object.metadata as { readonly continue?: string }).continue ?? "";
    expect([names(first), token]).toEqual([["a", "b"], expect.stringMatching(/^ey/)]);
    const last = await admin.get(`${path}?labelSelector=of%3Dx&limit=2&continue=${token}`);
    expect([names(last), last.object.metadata]).toEqual([[], expect.not.objectContaining({ continue: token })]);
  });

  test("name no revision beside their token", async () => {
    const first = await admin.get(`${MAPS}?limit=1`);
    const token = (first.object.metadata as { readonly continue?: string } | undefined)?.continue;
    const { object } = await admin.get(`${MAPS}?limit=1&continue=${token}&resourceVersion=5`);
    expect(object.message).toBe("specifying resource version is not allowed when using continue");
  });

  test("lead to no other namespace", async () => {
    const first = await admin.get(`${ALL}?limit=1`);
    const elsewhere = await admin.get(`${MAPS}?continue=${first.object.metadata?.continue}`);
    expect(names(elsewhere).filter((name) => name.startsWith("p-"))).toEqual([]);
  });

  test("go on over several namespaces, and in tables and metadata alone", async () => {
    const every = "/api/v1/configmaps?limit=1&labelSelector=odd%3D0";
    for (const accept of [
      "application/json;as=Table;v=v1;g=meta.k8s.io",
      "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    ]) {
      const first = await admin.get(every, { accept });
      const second = await admin.get(`${every}&continue=${first.object.metadata?.continue}`, { accept });
      expect(second.object.metadata?.continue).toBeDefined();
      expect(revision(second)).toBe(revision(first));
    }
  });
});

describe("a list that asks for what may be ignored", () => {
  test("is whole where it names shards, which are told only behind a gate", async () => {
    await make("sharded", "shards");
    const shard = encodeURIComponent("shardRange(object.metadata.uid, '0x0', '0x1')");
    for (const selector of [shard, "x"]) {
      const answer = await admin.get(`${MAPS}?labelSelector=of%3Dshards&shardSelector=${selector}`);
      expect([answer.code, names(answer)]).toEqual([200, ["sharded"]]);
      expect(answer.object.metadata).not.toHaveProperty("shardInfo");
      const watch = await admin.watch(`${MAPS}?watch=1&labelSelector=of%3Dshards&shardSelector=${selector}`);
      expect((await watch.change())?.object.metadata?.name).toBe("sharded");
      watch.close();
    }
  });
});

test.each(["GET", "POST"])("%s with a time that is none is a bad request", async (method) => {
  const body = method === "GET" ? undefined : { metadata: { name: "timed" } };
  const { code, object } = await admin.send(method, `${MAPS}?timeout=soon`, body);
  expect([code, object.message]).toEqual([
    400,
    'invalid timeout specified in the request URL - time: invalid duration "soon"',
  ]);
  expect((await admin.send(method, `${MAPS}?timeout=5s`, body)).code).toBeLessThan(300);
});

describe("a get", () => {
  test("may name a revision that it must not be older than; of one that is not there yet it is 504", async () => {
    const made = await make("got", "get");
    expect(revision(await admin.get(`${MAPS}/got?resourceVersion=${made}`))).toBe(made);
    expect(revision(await admin.get(`${MAPS}/got?resourceVersion=0`))).toBe(made);
    const { code, object } = await admin.get(`${MAPS}/got?resourceVersion=${Number(made) + 1_000_000}`);
    expect([code, object.reason, object.details?.causes]).toEqual([
      504,
      "Timeout",
      [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    ]);
    expect(object.details?.retryAfterSeconds).toBe(1);
  });
});

describe("options of lists and watches that do not fit together are refused", () => {
  const forbidden = (why: string) => `Forbidden: ${why}`;
  const unsupported = (match: string, ...known: readonly string[]) =>
    `Unsupported value: "${match}": supported values: ${known.map((one) => `"${one}"`).join(", ")}`;
  const needsRevision = forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided");
  const notContinued = forbidden("resourceVersionMatch is forbidden when continue is provided");
  const needsBegin = forbidden("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
  const needsMatch = forbidden("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
  test.each([
    ["resourceVersionMatch=Exact", needsRevision],
    ["resourceVersionMatch=Nope&resourceVersion=1", unsupported("Nope", "Exact", "NotOlderThan", "")],
    ["resourceVersionMatch=NotOlderThan&resourceVersion=1&continue=x", notContinued],
    [
      "resourceVersionMatch=Exact&resourceVersion=0",
      forbidden('resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
    ],
    ["sendInitialEvents=true", forbidden("sendInitialEvents is forbidden for list")],
    ["watch=1&resourceVersionMatch=NotOlderThan", needsBegin],
    ["watch=1&resourceVersionMatch=Exact", needsBegin, unsupported("Exact", "NotOlderThan")],
    ["watch=1&sendInitialEvents=true", needsMatch],
    [
      "watch=1&sendInitialEvents=true&resourceVersionMatch=Exact&continue=x",
      ...[needsMatch, unsupported("Exact", "NotOlderThan"), notContinued],
    ],
  ])("%s", async (query, ...messages) => {
    const { code, object } = await admin.get(`/api/v1/namespaces?${query}`);
    expect([code, object.details?.causes?.map(({ message }) => message)]).toEqual([422, messages]);
  });
});

test("a large list that is read slowly keeps nobody waiting, and shows the state in which it began", async () => {
  const path = "/api/v1/namespaces/large/configmaps";
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "large" } });
  const text = "x".repeat(300_000);
  for (let i = 0; i < 20; i += 1) await admin.send("POST", path, { metadata: { name: `m-${i}` }, data: { text } });
  const slow = await server.clientOf("slow", ["system:masters"]);
  const { body } = await slow.transport.request({ method: "GET", path, headers: {} });
  const pieces: Uint8Array[] = [];
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    if (pieces.length === 0) {
      const changed = await admin.send("PATCH", `${path}/m-9`, { data: { text: "y" } });
      expect([changed.code, (await admin.send("DELETE", `${path}/m-8`)).code]).toEqual([200, 200]);
    }
    pieces.push(piece);
  }
  const list = JSON.parse(Buffer.concat(pieces).toString()) as Answer["object"];
  expect(list.items?.length).toBe(20);
  expect(list.items?.every(({ data }) => (data as { readonly text: string }).text === text)).toBe(true);
});

// kube-apiserver's etcd is not ours to compact
test.skipIf(isPeer)("a state that nobody keeps any more is 410, to a watch in its first event", async () => {
  const store = new MemoryStore({ clock: realClock });
  const openStore: OpenStore = async (visit) => {
    for (const record of (await store.range("/")).records) visit(record);
    return store;
  };
  const close = store.close.bind(store);
  store.close = async () => {}; // it outlives the first server
  const before = await startWireServer({ openStore });
  const maps = "/api/v1/namespaces/default/configmaps";
  const made = await before.admin.send("POST", maps, { metadata: { name: "a" } });
  const first = await before.admin.get("/api/v1/namespaces?limit=1");
  await before.admin.send("DELETE", `${maps}/a`);
  await before.close();
  await store.compact(store.revision);
  const after = await startWireServer({ openStore });
  const old = `/api/v1/namespaces?resourceVersion=${revision(made)}`;
  const expired = { kind: "Status", status: "Failure", reason: "Expired", code: 410 };
  expect(await after.admin.get(`${old}&resourceVersionMatch=Exact`)).toMatchObject({ code: 410, object: expired });
  const watch = await after.admin.watch(`${old}&watch=1`);
  expect(await watch.next()).toMatchObject({ type: "ERROR", object: expired });
  expect(await watch.next()).toBeUndefined();
  const page = `/api/v1/namespaces?limit=1&continue=${first.object.metadata?.continue}`;
  const late = await after.admin.get(page);
  expect(late).toMatchObject({ code: 410, object: expired });
  const { continue: token = "" } = late.object.metadata ?? {};
  expect(JSON.parse(Buffer.from(token, "base64url").toString())).toMatchObject({ v: "meta.k8s.io/v1", rv: -1 });
  const rest = await after.admin.get(`/api/v1/namespaces?continue=${token}`);
  expect(names(rest)).toEqual(["kube-node-lease", "kube-public", "kube-system"]);
  await after.close();
  await close();
});
