import { expect, test } from "vitest";
import { applyDefaults } from "../../defaults/index.ts";
import type { Unstructured } from "../../object.ts";
import { validateUpdate } from "../validate.ts";

const KIND = { group: "batch", version: "v1", kind: "Job" };
const SUSPENDED = { type: "Suspended", status: "True" };

function job(pod: object, spec: object, status: object = {}): Unstructured {
  const uid = { "batch.kubernetes.io/controller-uid": "u", "controller-uid": "u" };
  const template = {
    metadata: { labels: uid },
    spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }], ...pod },
  };
  const selector = { matchLabels: { "batch.kubernetes.io/controller-uid": "u" } };
  const metadata = { name: "j", namespace: "n", uid: "u", resourceVersion: "1" };
  return applyDefaults(KIND, {
    ...{ apiVersion: "batch/v1", kind: "Job", metadata, spec: { selector, template, ...spec }, status },
  }) as Unstructured;
}

const limited = { containers: [{ name: "c", image: "i", resources: { requests: { cpu: "2" } } }] };
const placed = { nodeSelector: { disk: "ssd" }, affinity: { nodeAffinity: {} }, tolerations: [{ operator: "Exists" }] };

test.each([
  ["was suspended from the start", { suspend: true }, {}, []],
  ["was suspended later", { suspend: true }, { startTime: "2025-01-01T00:00:00Z", conditions: [SUSPENDED] }, []],
  ["is not yet stopped", { suspend: true }, { active: 1, conditions: [SUSPENDED] }, ["spec.template"]],
  ["runs", { suspend: false }, { startTime: "2025-01-01T00:00:00Z" }, ["spec.template"]],
])("where the pods of a job run and what they ask for may change: it %s", (_, spec, status, fields) => {
  const old = job({}, spec, status);
  const errors = (pod: object) => validateUpdate(KIND, job(pod, spec, status), old, "").map(({ field }) => field);
  expect(errors(limited)).toEqual(fields);
  expect(errors(placed)).toEqual(fields);
});

test("nothing else of the pods of a suspended job may", () => {
  const spec = { suspend: true };
  const old = job({ affinity: { podAffinity: {} } }, spec);
  const errors = (pod: object) => validateUpdate(KIND, job(pod, spec), old, "").map(({ field }) => field);
  for (const pod of [{}, { affinity: { podAffinity: {} }, containers: [{ name: "c", image: "other" }] }])
    expect(errors(pod)).toEqual(["spec.template.spec"]);
});
