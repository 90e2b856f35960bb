import type { Unstructured } from "@tsukube/api";
import { expect, test } from "vitest";
import { blame } from "./blame.ts";
import { differences, leavesOf } from "./leaves.ts";
import { durationOf, revisionNamed } from "./moment.ts";

const entry = (manager: string, time: string, fieldsV1: object, subresource = ""): object => ({
  manager,
  operation: "Update",
  apiVersion: "apps/v1",
  time,
  fieldsType: "FieldsV1",
  fieldsV1,
  ...(subresource !== "" && { subresource }),
});
const web = { "f:template": { "f:spec": { "f:containers": { 'k:{"name":"web"}': { ".": {}, "f:image": {} } } } } };
const object = (replicas: number, image: string, managedFields: readonly object[], more: object = {}): Unstructured =>
  ({
    metadata: { name: "web", managedFields },
    spec: { replicas, template: { spec: { containers: [{ name: "web", image }] } } },
    ...more,
  }) as unknown as Unstructured;

test("what differs is named by paths that tell items of lists by their names", () => {
  const before = leavesOf({
    labels: { "a.b/c": "1" },
    list: [
      { name: "x", v: 1 },
      { name: "y", v: 2 },
    ],
    gone: {},
  });
  const after = leavesOf({
    labels: { "a.b/c": "2" },
    list: [
      { name: "y", v: 2 },
      { name: "x", v: 3 },
    ],
    came: [1, 2],
  });
  expect(differences(before, after)).toEqual([
    { path: "came[0]", from: undefined, to: 1 },
    { path: "came[1]", from: undefined, to: 2 },
    { path: "gone", from: {}, to: undefined },
    { path: 'labels."a.b/c"', from: "1", to: "2" },
    { path: "list[x].v", from: 1, to: 3 },
  ]);
});

test("each field is blamed on the write that gave it its value, whoever wrote to the object later", () => {
  const created = entry("kubectl-create", "2025-01-01T00:00:00Z", { "f:spec": { "f:replicas": {}, ...web } });
  const kept = entry("kubectl-create", "2025-01-01T00:00:00Z", { "f:spec": web });
  const scaled = entry("hpa", "2025-01-01T00:05:00Z", { "f:spec": { "f:replicas": {} } }, "scale");
  const status = entry("deployment-controller", "2025-01-01T00:06:00Z", { "f:status": { "f:replicas": {} } }, "status");
  const versions = [
    { revision: 5, time: 1000, object: object(1, "web:1", [created]) },
    { revision: 8, time: 2000, object: object(3, "web:1", [kept, scaled]) },
    { revision: 9, time: 3000, object: object(3, "web:1", [kept, scaled, status], { status: { replicas: 3 } }) },
  ];
  const found = new Map(blame(versions, true).map(({ path, ...rest }) => [path, rest]));
  expect(found.get("spec.replicas")).toEqual({ value: "3", who: "hpa/scale", time: 2000, revision: 8 });
  expect(found.get("spec.template.spec.containers[web].image")).toMatchObject({ who: "kubectl-create", revision: 5 });
  expect(found.get("status.replicas")).toMatchObject({ who: "deployment-controller/status", revision: 9 });
});

test("what is older than history is told from managedFields, with its time and no revision", () => {
  const own = entry("helm", "2025-01-01T00:00:00Z", { "f:spec": web });
  const other = entry("kubectl-edit", "2025-01-01T00:09:00Z", { "f:spec": { "f:replicas": {} } });
  const found = new Map(
    blame([{ revision: 70, time: 9, object: object(2, "web:1", [own, other]) }], false).map((one) => [one.path, one]),
  );
  const image = found.get("spec.template.spec.containers[web].image");
  expect(image).toMatchObject({ who: "helm", time: Date.UTC(2025, 0, 1), revision: undefined });
  expect(found.get("spec.replicas")?.who).toBe("kubectl-edit");
});

test("a moment is a revision, a time or how long ago", async () => {
  const past = { revision: 99, revisionAt: async (time: number) => time } as never;
  expect(await revisionNamed(past, "17", 0)).toBe(17);
  expect(await revisionNamed(past, "2025-01-01T00:00:00Z", 0)).toBe(Date.UTC(2025, 0, 1));
  expect(await revisionNamed(past, "now", 0)).toBe(99);
  expect(await revisionNamed(past, "10m", 1_000_000)).toBe(400_000);
  expect(await revisionNamed(past, "1h30m", 6_000_000)).toBe(600_000);
  expect(await revisionNamed(past, "2025-01-01", 0)).toBe(Date.UTC(2025, 0, 1));
  for (const none of ["soon", "-5", "1.5", "1h5", "h", "2025-1", "2025-13-01"])
    await expect(revisionNamed(past, none, 0), none).rejects.toMatchObject({ code: "usage" });
  expect(durationOf("7d")).toBe(604_800_000);
});
