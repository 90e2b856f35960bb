import { expect, test } from "vitest";
import type { Unstructured } from "../../object.ts";
import { fieldErrorMessage } from "../../status/field-error.ts";
import { validateCreate, validateUpdate } from "../validate.ts";

const REQUEST = { group: "lifecycle.k8s.io", version: "v1alpha1", kind: "EvictionRequest" };
const EVICTION = { ...REQUEST, kind: "Eviction" };
const pod = { name: "p", uid: "11111111-2222-3333-4444-555555555555" };
const object = (spec: object, status = {}): Unstructured => ({
  metadata: { name: "a", namespace: "n", resourceVersion: "1" },
  spec,
  status,
});
const good = { target: { pod }, requester: "example.com/a", intent: "Eviction" };
const PREFIX = "must include a prefix (e.g. 'example.com/key')";

// what a kube-apiserver v1.37 says
test.each<readonly [object, readonly string[]]>([
  [{}, []],
  [{ intent: "Withdrawn" }, []],
  [{ target: {} }, ['spec.target: Invalid value: "": must specify one of: `pod`']],
  [{ target: { pod: {} } }, ["spec.target.pod.name: Required value", "spec.target.pod.uid: Required value"]],
  [
    { target: { pod: { ...pod, uid: "x" } }, requester: "a" },
    [
      'spec.target.pod.uid: Invalid value: "x": must be a lowercase UUID in 8-4-4-4-12 format',
      `spec.requester: Invalid value: "a": ${PREFIX}`,
    ],
  ],
  [{ requester: "a b" }, [expect.stringMatching(/^spec\.requester: Invalid value: "a b": name part must consist of/)]],
  [
    { requester: "foo.k8s.io/a" },
    ['spec.requester: Invalid value: "foo.k8s.io/a": domain names *.k8s.io, *.kubernetes.io are reserved'],
  ],
  [
    { requester: "", intent: "Nope" },
    [
      "spec.requester: Required value",
      'spec.intent: Unsupported value: "Nope": supported values: "Eviction", "Withdrawn"',
    ],
  ],
])("a request to evict with %j", (more, messages) => {
  expect(validateCreate(REQUEST, object({ ...good, ...more })).map(fieldErrorMessage)).toEqual(messages);
});

test("who asks for an eviction may take it back, and change nothing else", () => {
  const update = (more: object) =>
    validateUpdate(REQUEST, object({ ...good, ...more }), object(good), "").map(fieldErrorMessage);
  expect(update({ intent: "Withdrawn" })).toEqual([]);
  expect(update({ requester: "", intent: "" })).toEqual([
    "spec.requester: Invalid value: null: field is immutable",
    "spec.requester: Required value",
    "spec.intent: Required value",
  ]);
  expect(update({ requester: "example.com/b", target: { pod: { ...pod, name: "Q_" } } })).toEqual([
    "spec.target: Invalid value: null: field is immutable",
    "spec.requester: Invalid value: null: field is immutable",
  ]);
});

test("the status of an eviction names those who take part", () => {
  const status = (next: object, before = {}) =>
    validateUpdate(EVICTION, object({ target: { pod } }, next), object({ target: { pod } }, before), "status").map(
      fieldErrorMessage,
    );
  const requesters = [
    { name: "x", intent: "No" },
    { name: "a/b", intent: "" },
  ];
  const targetResponders = [{ name: "example.com/a", priority: 0, state: "X" }];
  expect(status({ observedGeneration: 0, requesters, targetResponders })).toEqual([
    "status.observedGeneration: Invalid value: 0: must be greater than or equal to 1",
    `status.requesters[0].name: Invalid value: "x": ${PREFIX}`,
    'status.requesters[0].intent: Unsupported value: "No": supported values: "Eviction", "Withdrawn"',
    "status.requesters[1].intent: Required value",
    'status.targetResponders[0].state: Unsupported value: "X": supported values: "Active", "Canceled", "Completed", "Inactive", "Interrupted"',
  ]);
  expect(status({}, { observedGeneration: 3 })).toEqual([
    "status.observedGeneration: Invalid value: null: field cannot be cleared once set",
  ]);
  expect(status({ responders: [{ name: "a/b", message: "m".repeat(4001) }] })).toEqual([
    "status.responders[0].message: Too long: may not be more than 4000 characters",
  ]);
});
