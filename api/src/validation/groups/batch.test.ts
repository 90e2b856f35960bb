import { describe, expect, test } from "vitest";
import { applyDefaults } from "../../defaults/index.ts";
import type { Unstructured } from "../../object.ts";
import { fieldErrorMessage } from "../../status/field-error.ts";
import { validateCreate, validateUpdate } from "../validate.ts";

const JOB = { group: "batch", version: "v1", kind: "Job" };
const CRON_JOB = { group: "batch", version: "v1", kind: "CronJob" };
const UID = { "batch.kubernetes.io/controller-uid": "u" };
const LABELS = { ...UID, "controller-uid": "u", "job-name": "j", "batch.kubernetes.io/job-name": "j" };

function template(labels: object = LABELS): object {
  return { metadata: { labels }, spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } };
}

function job(spec: object, status: object = {}): Unstructured {
  const whole = { selector: { matchLabels: UID }, template: template(), ...spec };
  return applyDefaults(JOB, {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "j", uid: "u" },
    spec: whole,
    status,
  } as Unstructured);
}

function cronJob(spec: object): Unstructured {
  const jobTemplate = { spec: { template: template({}) } };
  return applyDefaults(CRON_JOB, {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "c" },
    spec: { schedule: "@daily", jobTemplate, ...spec },
  } as Unstructured);
}

const INDEXED = { completionMode: "Indexed", completions: 3, parallelism: 3 };

describe("jobs", () => {
  const created = (spec: object): string[] => validateCreate(JOB, job(spec)).map(fieldErrorMessage);

  test.each<[string, object, string]>([
    [
      "labels of another job",
      { template: template({ ...LABELS, "job-name": "k" }) },
      'spec.template.metadata.labels[job-name]: Invalid value: {"batch.kubernetes.io/controller-uid":"u","batch.kubernetes.io/job-name":"j","controller-uid":"u","job-name":"k"}: must be \'j\'',
    ],
    [
      "a manager without a path",
      { managedBy: "x" },
      'spec.managedBy: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")',
    ],
    [
      "more failed indexes than indexes",
      { ...INDEXED, backoffLimitPerIndex: 1, maxFailedIndexes: 4 },
      "spec.maxFailedIndexes: Invalid value: 4: must be less than or equal to completions",
    ],
    [
      "a limit per index without indexes",
      { backoffLimitPerIndex: 1 },
      "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode",
    ],
    [
      "a failure rule about nothing",
      { podFailurePolicy: { rules: [{ action: "Ignore" }] } },
      "spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required",
    ],
    [
      "exit codes out of order",
      { podFailurePolicy: { rules: [{ action: "Count", onExitCodes: { operator: "NotIn", values: [2, 1] } }] } },
      "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [2,1]: must be ordered",
    ],
    [
      "an action that is none",
      { podFailurePolicy: { rules: [{ onExitCodes: { operator: "In", values: [1] } }] } },
      'spec.podFailurePolicy.rules[0].action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]',
    ],
    [
      "a success that needs more indexes than there are",
      { ...INDEXED, successPolicy: { rules: [{ succeededIndexes: "1-5" }] } },
      'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "1-5": error parsing succeededIndexes: too large index: "5"',
    ],
    [
      "a success of more indexes than it names",
      { ...INDEXED, successPolicy: { rules: [{ succeededIndexes: "0-1", succeededCount: 3 }] } },
      "spec.successPolicy.rules[0].succeededCount: Invalid value: 3: must be less than or equal to 2 (the number of indexes in the specified succeededIndexes field)",
    ],
  ])("%s", (_name, spec, message) => {
    expect(created(spec)).toEqual([message]);
  });

  const updated = (next: Unstructured, old: Unstructured, subresource = ""): string[] =>
    validateUpdate(JOB, next, old, subresource).map(fieldErrorMessage);

  test("completions of an indexed job change with its parallelism", () => {
    expect(updated(job({ ...INDEXED, completions: 4, parallelism: 4 }), job(INDEXED))).toEqual([]);
    expect(updated(job({ ...INDEXED, completions: 4 }), job(INDEXED))).toEqual([
      "spec.completions: Invalid value: 4: can only be modified in tandem with spec.parallelism",
    ]);
  });

  const podSpec = { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] };
  const withPod = (pod: object): object => ({ metadata: { labels: LABELS }, spec: { ...podSpec, ...pod } });
  const suspended = [{ type: "Suspended", status: "True" }];
  const limited = { containers: [{ name: "c", image: "i", resources: { requests: { cpu: "2" } } }] };
  const placed = {
    nodeSelector: { disk: "ssd" },
    affinity: { nodeAffinity: {} },
    tolerations: [{ operator: "Exists" }],
  };
  const fieldsOf = (next: Unstructured, old: Unstructured): string[] =>
    validateUpdate(JOB, next, old, "").map(({ field }) => field);

  test.each([
    ["was suspended from the start", { suspend: true }, {}, []],
    ["was suspended later", { suspend: true }, { startTime: "2025-01-01T00:00:00Z", conditions: suspended }, []],
    ["is not yet stopped", { suspend: true }, { active: 1, conditions: suspended }, ["spec.template"]],
    ["runs", { suspend: false }, { startTime: "2025-01-01T00:00:00Z" }, ["spec.template"]],
  ])("where the pods of a job run and what they ask for may change: it %s", (_, spec, status, wrong) => {
    for (const pod of [limited, placed])
      expect(fieldsOf(job({ ...spec, template: withPod(pod) }, status), job(spec, status))).toEqual(wrong);
  });

  test("nothing else of the pods of a suspended job may change", () => {
    const spec = { suspend: true };
    const old = job({ ...spec, template: withPod({ affinity: { podAffinity: {} } }) });
    for (const pod of [{}, { affinity: { podAffinity: {} }, containers: [{ name: "c", image: "other" }] }])
      expect(fieldsOf(job({ ...spec, template: withPod(pod) }), old)).toEqual(["spec.template.spec"]);
  });

  test.each<[string, object, string]>([
    [
      "complete without success",
      { conditions: [{ type: "Complete", status: "True" }], completionTime: "2026-01-01T00:00:01Z" },
      "status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
    ],
    [
      "fewer failures than before",
      { failed: 0 },
      "status.failed: Invalid value: 0: cannot decrease the failed counter",
    ],
    [
      "more ready than active",
      { failed: 1, ready: 1 },
      "status.ready: Invalid value: 1: cannot set more ready pods than active",
    ],
    [
      "indexes of a job without",
      { failed: 1, completedIndexes: "0" },
      'status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode',
    ],
  ])("status: %s", (_name, status, message) => {
    const before = { startTime: "2026-01-01T00:00:00Z", failed: 1 };
    const now = { startTime: "2026-01-01T00:00:00Z", failed: 1, ...status };
    expect(updated(job({}, now), job({}, before), "status")).toEqual([message]);
  });
});

describe("cron jobs", () => {
  test.each<[object, string[]]>([
    [{}, []],
    [{ schedule: "" }, ["spec.schedule: Required value"]],
    [{ timeZone: "Nowhere" }, ['spec.timeZone: Invalid value: "Nowhere": unknown time zone Nowhere']],
    [
      { schedule: "TZ=UTC @daily" },
      [
        'spec.schedule: Invalid value: "TZ=UTC @daily": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
      ],
    ],
    [
      { jobTemplate: { spec: { manualSelector: true, template: template({}) } } },
      ['spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"'],
    ],
  ])("%j", (spec, messages) => {
    expect(validateCreate(CRON_JOB, cronJob(spec)).map(fieldErrorMessage)).toEqual(messages);
  });

  test("a zone in the schedule may stay where it is", () => {
    const old = cronJob({ schedule: "TZ=UTC @daily" });
    expect(validateUpdate(CRON_JOB, cronJob({ schedule: "TZ=UTC @hourly" }), old, "")).toEqual([]);
  });
});
