import { expect, test } from "vitest";
import { oldLabels } from "./labels.ts";

const of = (labels: Record<string, string>) => oldLabels({ metadata: { labels } });

test("labels under old names say what those under the new names say", () => {
  const right = { "kubernetes.io/os": "linux", "beta.kubernetes.io/os": "linux" };
  expect(of(right)).toBeUndefined();
  expect(of({ ...right, "beta.kubernetes.io/os": "windows" })).toEqual({ "beta.kubernetes.io/os": "linux" });
  expect(of({ ...right, "kubernetes.io/arch": "arm64" })).toEqual({ "beta.kubernetes.io/arch": "arm64" });
});

test("what has only an old name is left alone", () => {
  expect(of({ "beta.kubernetes.io/os": "linux" })).toBeUndefined();
  expect(oldLabels({})).toBeUndefined();
});
