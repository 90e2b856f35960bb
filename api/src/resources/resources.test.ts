import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { RESOURCES } from "../../generated/resources.ts";
import { factsTable } from "../facts.ts";
import { allResources } from "../kinds.ts";
import { builtinResource, strategyOf } from "./index.ts";

const nameOf = ({ group, resource }: { readonly group: string; readonly resource: string }) => `${group}/${resource}`;

test("every resource has one file, named after it", () => {
  const files = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" });
  const expected = RESOURCES.map(({ group, resource }) => `${group.split(".")[0] || "core"}/${resource}.ts`);
  expect(files).toEqual(expect.arrayContaining(expected));
  expect(new Set(RESOURCES.map(nameOf))).toHaveLength(RESOURCES.length);
});

test("facts know every resource, or its file declares it; there is a file for all that facts know", () => {
  const known = factsTable("resources.tsv").map((row) =>
    nameOf({ group: row["group"] === "core" ? "" : (row["group"] ?? ""), resource: row["resource"] ?? "" }),
  );
  const undeclared = RESOURCES.filter(({ declares }) => declares === undefined).map(nameOf);
  expect(new Set(undeclared)).toEqual(new Set(known));
});

test("what differs in one version is told for versions that there are", () => {
  for (const { group, resource, versions = {} } of RESOURCES) {
    const served = allResources().filter((info) => info.group === group && info.resource === resource);
    expect(served.map(({ version }) => version)).toEqual(expect.arrayContaining(Object.keys(versions)));
  }
});

test("a version's difference comes before what is said of all", () => {
  const rule = { group: "resource.k8s.io", resource: "devicetaintrules" };
  expect(strategyOf({ ...rule, version: "v1" }, true)).toMatchObject({ unconditionalUpdate: false, generation: true });
  expect(strategyOf({ ...rule, version: "v1beta2" }, true)).toMatchObject({ unconditionalUpdate: true });
  expect(builtinResource("resource.k8s.io", "nothings")).toBeUndefined();
});

test("taints of devices say since when, in each version", () => {
  const slices = { group: "resource.k8s.io", resource: "resourceslices" };
  const [timeAdded, now] = ["2026-01-02T03:04:05Z", Date.parse("2026-02-03T04:05:06Z")];
  const taints = (...times: readonly (string | undefined)[]) => ({
    taints: times.map((time) => ({ key: "k", effect: "None", ...(time === undefined ? {} : { timeAdded: time }) })),
  });
  for (const [version, device] of [
    ["v1", (...times: readonly (string | undefined)[]) => ({ name: "d", ...taints(...times) })],
    ["v1beta1", (...times: readonly (string | undefined)[]) => ({ name: "d", basic: taints(...times) })],
  ] as const) {
    const { complete } = strategyOf({ ...slices, version }, true);
    const slice = { spec: { devices: [{ name: "c" }, device(timeAdded, undefined)] } };
    expect(complete!(slice, now)).toEqual({
      spec: { devices: [{ name: "c" }, device(timeAdded, "2026-02-03T04:05:06Z")] },
    });
  }
});
