import { expect, test } from "vitest";
import type { Unstructured } from "../../object.ts";
import { withJobSelector } from "./job-selector.ts";

const job = (spec: object): Unstructured => ({ metadata: { name: "pi", uid: "u1" }, spec });

test("a job is found by its uid, and its pods carry its name and uid", () => {
  expect(withJobSelector(job({ template: { metadata: { labels: { app: "pi" } } } }))["spec"]).toEqual({
    selector: { matchLabels: { "batch.kubernetes.io/controller-uid": "u1" } },
    template: {
      metadata: {
        labels: {
          app: "pi",
          "batch.kubernetes.io/controller-uid": "u1",
          "controller-uid": "u1",
          "batch.kubernetes.io/job-name": "pi",
          "job-name": "pi",
        },
      },
    },
  });
});

test("a manual selector stays as it is", () => {
  const manual = job({ manualSelector: true, selector: { matchLabels: { a: "b" } }, template: {} });
  expect(withJobSelector(manual)).toBe(manual);
});

test("labels that the user set are kept for validation to judge", () => {
  const made = withJobSelector(job({ template: { metadata: { labels: { "job-name": "other" } } } })) as {
    spec?: { template: { metadata: { labels: Record<string, string> } } };
  };
  expect(made.spec?.template.metadata.labels["job-name"]).toBe("other");
});
