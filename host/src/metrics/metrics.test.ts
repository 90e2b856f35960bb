import { gunzipSync } from "node:zlib";
import protobuf from "protobufjs";
import { expect, test } from "vitest";
import { metricsAnswer, metricsType } from "./metrics-answer.ts";
import { NativeBuckets } from "./native-buckets.ts";
import { createMetrics } from "./registry.ts";

test("text has families by name, those with series alone, and what they hold escaped as it must be", () => {
  const metrics = createMetrics();
  metrics.gauge("b", 'Line\nback\\slash "quoted"').set(1.5, { path: 'C:\\x\n"y"' });
  metrics.counter("apiserver_request_total", "All of them.").inc();
  metrics.counter("never", "Nothing yet.");
  metrics.gauge("process_start_time_seconds", "When.").set(1_700_000_000.25);
  metrics.collected("times", "Of before.", () => [[{}, Infinity, 1234]]);
  expect(metrics.expose().split("\n")).toEqual([
    "# HELP apiserver_request_total [STABLE] All of them.",
    "# TYPE apiserver_request_total counter",
    "apiserver_request_total 1",
    '# HELP b [ALPHA] Line\\nback\\\\slash "quoted"',
    "# TYPE b gauge",
    'b{path="C:\\\\x\\n\\"y\\""} 1.5',
    "# HELP process_start_time_seconds When.",
    "# TYPE process_start_time_seconds gauge",
    "process_start_time_seconds 1.70000000025e+09",
    "# HELP times [ALPHA] Of before.",
    "# TYPE times gauge",
    "times +Inf 1234",
    "",
  ]);
});

test("bounds are written as Go writes them: they are told apart by their text", () => {
  const metrics = createMetrics();
  metrics.histogram("sizes", "", [-1.5, 0, 1e-8, 0.00012, 0.25, 100_000, 1e6, 12_345_678, 1e21]).observe(0);
  const bounds = [...metrics.expose().matchAll(/le="([^"]*)"/g)].map(([, bound]) => bound);
  expect(bounds).toEqual("-1.5 0 1e-08 0.00012 0.25 100000 1e+06 1.2345678e+07 1e+21 +Inf".split(" "));
});

const { root } = protobuf.parse(`syntax = "proto2";
  message Pair { optional string name = 1; optional string value = 2; }
  message Value { optional double value = 1; }
  message Bucket { optional uint64 count = 1; optional double bound = 2; }
  message Span { optional sint32 offset = 1; optional uint32 length = 2; }
  message Histogram {
    optional uint64 count = 1; optional double sum = 2; repeated Bucket buckets = 3;
    optional sint32 schema = 5; optional double zeroThreshold = 6; optional uint64 zeros = 7;
    repeated Span negative = 9; repeated sint64 negativeDeltas = 10 [packed=false];
    repeated Span positive = 12; repeated sint64 positiveDeltas = 13 [packed=false];
  }
  message Metric {
    repeated Pair labels = 1; optional Value gauge = 2; optional Value counter = 3;
    optional int64 at = 6; optional Histogram histogram = 7;
  }
  message Family { optional string name = 1; optional string help = 2; optional uint32 type = 3; repeated Metric metrics = 4; }`);

function families(bytes: Uint8Array): readonly object[] {
  const Family = root.lookupType("Family");
  const reader = protobuf.Reader.create(bytes);
  const found: object[] = [];
  while (reader.pos < reader.len) found.push(Family.toObject(Family.decodeDelimited(reader), { longs: Number }));
  return found;
}

test("protobuf says the same, of any size", () => {
  const metrics = createMetrics({ nativeHistograms: false });
  const long = "ü".repeat(40_000);
  metrics.counter("first", "One.").inc({ path: long, verb: "GET" }, 2 ** 40);
  metrics.collected("second", "Two.", () => [[{}, -0.5, 1_700_000_000_123]]);
  metrics.histogram("third", "Three.", [1, 2]).observe(1.5);
  const labels = [
    { name: "path", value: long },
    { name: "verb", value: "GET" },
  ];
  const buckets = [
    { count: 0, bound: 1 },
    { count: 1, bound: 2 },
  ];
  expect(families(metrics.exposeProtobuf())).toEqual([
    { name: "first", help: "[ALPHA] One.", type: 0, metrics: [{ labels, counter: { value: 2 ** 40 } }] },
    { name: "second", help: "[ALPHA] Two.", type: 1, metrics: [{ gauge: { value: -0.5 }, at: 1_700_000_000_123 }] },
    { name: "third", help: "[ALPHA] Three.", type: 4, metrics: [{ histogram: { count: 1, sum: 1.5, buckets } }] },
  ]);
});

test("a histogram is a native one too: each bucket ends an eighth of a doubling later", () => {
  const metrics = createMetrics();
  const histogram = metrics.histogram("took_seconds", "How long.", [1]);
  for (const value of [1, 1, 1.05, 1.2, 4, 0, -1, Number.NaN]) histogram.observe(value);
  const [
    {
      metrics: [metric],
    } = { metrics: [] },
  ] = families(metrics.exposeProtobuf()) as { metrics: object[] }[];
  expect(metric).toMatchObject({
    histogram: {
      ...{ count: 8, schema: 3, zeroThreshold: 2 ** -128, zeros: 1 },
      ...{ negative: [{ offset: 0, length: 1 }], negativeDeltas: [1] },
      // keys 0, 1, 3 (2 is empty and short), and 16
      positive: [
        { offset: 0, length: 4 },
        { offset: 12, length: 1 },
      ],
      positiveDeltas: [2, -1, -1, 1, 0],
    },
  });
});

test("buckets become twice as wide where there would be too many", () => {
  const buckets = new NativeBuckets();
  for (let power = -40; power <= 40; power += 0.25) buckets.observe(2 ** power);
  const counted = buckets.positive.flatMap(({ counts }) => counts);
  expect([buckets.schema, counted.reduce((all, count) => all + count, 0)]).toEqual([0, 321]);
  expect(counted.filter((count) => count > 0)).toHaveLength(81);
  expect(buckets.positive).toMatchObject([{ offset: -40 }]);
  buckets.observe(Infinity);
  expect(buckets.positive.at(-1)?.counts).toEqual([1]);
});

const PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
const TEXT = "text/plain; version=0.0.4; charset=utf-8";

test.each([
  ["", `${TEXT}; escaping=underscores`],
  ["application/json", `${TEXT}; escaping=underscores`],
  ["application/openmetrics-text;version=1.0.0,*/*;q=0.1", `${TEXT}; escaping=underscores`],
  ["text/plain;version=1.0.0;escaping=allow-utf-8,text/plain;q=0.2", `${TEXT}; escaping=allow-utf-8`],
  [PROTOBUF.replaceAll(" ", ""), `${PROTOBUF}; escaping=underscores`],
  [`text/plain;q=0.3,${PROTOBUF};q=0.6;escaping=dots`, `${PROTOBUF}; escaping=dots`],
  [`text/plain,${PROTOBUF};q=0.6`, `${TEXT}; escaping=underscores`],
  [PROTOBUF.replace("delimited", "text"), `${TEXT}; escaping=underscores`],
])("who accepts %j gets %s", (accept, type) => {
  expect(metricsType(accept)).toBe(type);
});

test("answers are packed for who takes that", async () => {
  const metrics = createMetrics();
  metrics.gauge("up", "Here.").set(1);
  const { headers, body } = await metricsAnswer(metrics, { "accept-encoding": "br, gzip;q=0.5" });
  expect(headers).toMatchObject({ "content-encoding": "gzip" });
  expect(gunzipSync(body).toString()).toBe(metrics.expose());
  for (const coding of ["identity", "gzip;q=0", "gzip; q=0.0"])
    expect(Buffer.from((await metricsAnswer(metrics, { "accept-encoding": coding })).body).toString()).toBe(
      metrics.expose(),
    );
});
