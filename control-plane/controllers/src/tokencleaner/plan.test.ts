import type { Secret } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { endsIn } from "./plan.ts";

const NOW = Date.UTC(2025, 0, 1);
const token = (expiration: string, type = "bootstrap.kubernetes.io/token"): Secret => ({
  type,
  data: { expiration: Buffer.from(expiration).toString("base64") },
});

test("a bootstrap token ends when it says", () => {
  expect(endsIn(token("2025-01-01T00:00:30Z"), NOW)).toBe(30_000);
  expect(endsIn(token("2024-12-31T23:59:59Z"), NOW)).toBe(-1000);
});

test("one that says something else has ended, one that says nothing never does", () => {
  expect(endsIn(token("soon"), NOW)).toBe(0);
  expect(endsIn(token(""), NOW)).toBeUndefined();
  expect(endsIn({ type: "bootstrap.kubernetes.io/token" }, NOW)).toBeUndefined();
});

test("other secrets are none", () => {
  expect(endsIn(token("2024-12-31T00:00:00Z", "Opaque"), NOW)).toBeUndefined();
});
