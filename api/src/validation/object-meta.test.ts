import { expect, test } from "vitest";
import { fieldErrorMessage } from "../status/field-error.ts";
import { dnsLabel } from "./names.ts";
import { validateMeta } from "./object-meta.ts";

const problems = (apiVersion: string, kind: string, finalizer: string): readonly string[] =>
  validateMeta({ apiVersion, kind, metadata: { name: "n", finalizers: [finalizer] } }).map(fieldErrorMessage);

test("kinds of Kubernetes take short finalizers only where they are known", () => {
  expect(problems("v1", "ConfigMap", "orphan")).toEqual([]);
  expect(problems("v1", "ConfigMap", "example.com/hold")).toEqual([]);
  expect(problems("v1", "ConfigMap", "hold")[0]).toContain("neither a standard finalizer name");
});

test("definitions and custom resources take any finalizer with a proper name", () => {
  const cleanup = "customresourcecleanup.apiextensions.k8s.io";
  expect(problems("apiextensions.k8s.io/v1", "CustomResourceDefinition", cleanup)).toEqual([]);
  expect(problems("example.com/v1", "CronTab", "hold")).toEqual([]);
  expect(problems("example.com/v1", "CronTab", "not a name")).not.toEqual([]);
});

test.each([
  ["a.b", ["must not contain dots"]],
  ["..", [expect.stringMatching(/^a lowercase RFC 1123 label must consist of/)]],
  ["a-b", []],
])("%s as a label of a domain", (name, problems) => {
  expect(dnsLabel(name)).toEqual(problems);
});
