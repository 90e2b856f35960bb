import {
  decodeEnvelope,
  decodeJson,
  decodeProtobuf,
  decodeUnstructured,
  encodeJson,
  encodeProtobuf,
  encodeUnstructured,
  factsText,
  type KubeObject,
  type ObjectSchema,
  schemaOfType,
} from "../src/index.ts";

const kind = { apiVersion: "v1", kind: "Pod" };
const schema = schemaOfType("core/v1.Pod") as ObjectSchema;
const recorded = JSON.parse(factsText("defaults.json")) as { objects: Record<string, { out: unknown }> };
const json = encodeUnstructured(recorded.objects["v1 pods #probes"]?.out);
const pod = decodeJson<KubeObject>(json, schema).object;
const envelope = decodeEnvelope(encodeProtobuf(pod, schema, kind));

/** What is measured: each call handles one pod of 2 KB. */
const work: Readonly<Record<string, () => void>> = {
  "decode JSON": () => void decodeJson(json, schema),
  "encode JSON": () => void encodeJson(pod, schema),
  "decode protobuf": () => void decodeProtobuf(envelope, schema),
  "encode protobuf": () => void encodeProtobuf(pod, schema, kind),
  "decode any JSON": () => void decodeUnstructured(json),
};

const ROUNDS = 20_000;
for (const [name, run] of Object.entries(work)) {
  for (let i = 0; i < ROUNDS / 10; i++) run();
  const start = process.hrtime.bigint();
  for (let i = 0; i < ROUNDS; i++) run();
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  console.log(`${name.padEnd(16)} ${Math.round(ROUNDS / seconds)} pods/s`);
}
