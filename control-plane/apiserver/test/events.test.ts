import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const CORE = "/api/v1/namespaces/event-series/events";
const EVENTS = "/apis/events.k8s.io/v1/namespaces/event-series/events";

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "event-series" } });
});
afterAll(() => server.close());

const about = { kind: "Pod", namespace: "event-series", name: "p" };
const body = {
  ...{ regarding: about, reason: "Pulled", note: "n", type: "Normal", action: "Pull" },
  ...{ eventTime: "2020-01-01T00:00:00.123456Z", reportingController: "example.com/c", reportingInstance: "i" },
};
const make = (name: string, more: object = {}): Promise<Answer> =>
  admin.send("POST", EVENTS, { metadata: { name }, ...body, ...more });
const series = (count: number): object => ({ series: { count, lastObservedTime: "2020-01-01T00:00:05.000000Z" } });
const causes = ({ code, object }: Answer): unknown =>
  code < 300 ? [] : object.details?.causes?.map(({ field, message }) => `${field}: ${message}`);

test("an event of one group is read in the other, field for field", async () => {
  await make("both");
  expect((await admin.get(`${CORE}/both`)).object).toMatchObject({
    ...{ involvedObject: about, message: "n", eventTime: body.eventTime, reportingComponent: "example.com/c" },
    ...{ reportingInstance: "i", source: {}, firstTimestamp: null, lastTimestamp: null },
  });
  const old = {
    source: { component: "c", host: "h" },
    firstTimestamp: "2020-01-01T00:00:00Z",
    lastTimestamp: "2020-01-01T00:00:01Z",
  };
  await admin.send("POST", CORE, { metadata: { name: "old" }, involvedObject: about, message: "m", count: 2, ...old });
  expect((await admin.get(`${EVENTS}/old`)).object).toMatchObject({
    ...{ regarding: about, note: "m", deprecatedCount: 2, deprecatedSource: old.source },
    ...{ deprecatedFirstTimestamp: old.firstTimestamp, deprecatedLastTimestamp: old.lastTimestamp, eventTime: null },
  });
});

test("a series is counted through both groups", async () => {
  await make("counted");
  const strategic = { "content-type": "application/strategic-merge-patch+json" };
  expect((await admin.send("PATCH", `${EVENTS}/counted`, series(2), strategic)).object["series"]).toEqual({
    count: 2,
    lastObservedTime: "2020-01-01T00:00:05.000000Z",
  });
  const { object } = await admin.send("PATCH", `${CORE}/counted?fieldManager=m`, series(3));
  expect(object["series"]).toMatchObject({ count: 3 });
  // owners of fields of the other group's form are let go
  expect(object.metadata?.managedFields?.map(({ apiVersion }) => apiVersion)).toEqual(["v1"]);
});

const INCOMPLETE: readonly (readonly [what: object, why: readonly string[]])[] = [
  [
    { series: { count: 1 } },
    ['series.count: Invalid value: "": should be at least 2', "series.lastObservedTime: Required value"],
  ],
  [{ deprecatedFirstTimestamp: "2020-01-01T00:00:00Z" }, ['firstTimestamp: Invalid value: "": needs to be unset']],
  [{ deprecatedSource: { component: "c" } }, ['source: Invalid value: "": needs to be unset']],
  [{ note: "x".repeat(1025) }, ['message: Invalid value: "": can have at most 1024 characters']],
];

test.each(INCOMPLETE)("a new event with %j is refused", async (more, why) => {
  expect(causes(await make("refused", more))).toEqual(why);
});

const FIXED: readonly (readonly [what: object, why: readonly string[]])[] = [
  [{ note: "x" }, ['message: Invalid value: "x": field is immutable']],
  [{ deprecatedCount: 7 }, ["count: Invalid value: 7: field is immutable"]],
  [
    { deprecatedSource: { component: "q" } },
    ['source: Invalid value: {"Component":"q","Host":""}: field is immutable'],
  ],
];

describe("an event that is there", () => {
  beforeAll(() => make("fixed"));

  test.each(FIXED)("does not take %j through its new group", async (more, why) => {
    expect(causes(await admin.send("PATCH", `${EVENTS}/fixed`, more))).toEqual(why);
  });

  test("has its note in tables of both groups", async () => {
    for (const path of [CORE, EVENTS]) {
      const { object } = await admin.get(`${path}/fixed`, { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" });
      const [row] = object["rows"] as readonly { readonly cells: readonly unknown[] }[];
      expect(row?.cells.slice(1, 7)).toEqual(["Normal", "Pulled", "pod/p", "", "example.com/c, i", "n"]);
    }
  });
});
