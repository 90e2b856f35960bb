import { describe, expect, test } from "vitest";
import { allKinds } from "../kinds.ts";
import type { Unstructured } from "../object.ts";
import type { Schema } from "../schema.ts";
import { schemaOf } from "../schema-of.ts";
import { conformToGates } from "./conform-to-gates.ts";
import { allFeatureGates, FeatureGates } from "./feature-gates.ts";
import { gatedFieldsOf } from "./gated-fields.ts";

const POD = { group: "", version: "v1", kind: "Pod" };
const ON = FeatureGates.parse("AllAlpha=true,AllBeta=true");
const OFF = FeatureGates.parse("AllBeta=false");

const pod = (container: object, more: object = {}): Unstructured => ({
  metadata: { name: "p" },
  spec: { containers: [{ name: "plain" }, { name: "c", ...container }], ...more },
});
const containerOf = (object: Unstructured): unknown => (object["spec"] as { containers: unknown[] }).containers[1];

describe("a field behind a gate", () => {
  const mount = { name: "v", mountPath: "/v" };
  test.each([
    ["ContainerStopSignals", { lifecycle: { stopSignal: "SIGUSR1" } }, {}],
    ["ContainerStopSignals", { lifecycle: { stopSignal: "SIGUSR1", preStop: {} } }, { lifecycle: { preStop: {} } }],
    [
      "VolumeBindMountOptions",
      { volumeMounts: [mount, { ...mount, bindMountOptions: ["noexec"] }] },
      { volumeMounts: [mount, mount] },
    ],
    [
      "GRPCContainerProbeTLS",
      { livenessProbe: { grpc: { port: 1, mode: "TLS" } } },
      { livenessProbe: { grpc: { port: 1 } } },
    ],
  ])("of %s is dropped from %j while it is off, and kept while it is on", (gate, with_, without) => {
    const next = conformToGates(POD, pod(with_), FeatureGates.defaults, undefined);
    expect(containerOf(next)).toEqual({ name: "c", ...without });
    const given = pod(with_);
    expect(conformToGates(POD, given, FeatureGates.parse(`${gate}=true`), undefined)).toBe(given);
  });

  test("stays where the object had it before the gate was off", () => {
    const old = pod({ lifecycle: { stopSignal: "SIGUSR1" } });
    const next = pod({ lifecycle: { stopSignal: "SIGUSR2" } });
    expect(conformToGates(POD, next, FeatureGates.defaults, old)).toBe(next);
    const others = pod({}, { evictionResponders: [{ name: "a" }] });
    expect(conformToGates(POD, others, FeatureGates.defaults, old)["spec"]).not.toHaveProperty("evictionResponders");
  });

  test("of a beta gate is kept by default, and dropped when the gate is set off", () => {
    const rules = { restartPolicy: "Always", restartPolicyRules: [{ action: "Restart" }] };
    const sidecar = { name: "s", restartPolicy: "Always" };
    const given = pod(rules, { initContainers: [sidecar, { ...sidecar, restartPolicy: "Never" }] });
    expect(conformToGates(POD, given, FeatureGates.defaults, undefined)).toBe(given);
    const { containers, initContainers } = conformToGates(POD, given, OFF, undefined)["spec"] as Record<
      string,
      unknown
    >;
    expect({ containers, initContainers }).toEqual({
      containers: [{ name: "plain" }, { name: "c" }],
      initContainers: [sidecar, { name: "s" }],
    });
  });

  test("is dropped from templates as well", () => {
    const template = { spec: pod({ lifecycle: { stopSignal: "SIGUSR1" } })["spec"] };
    const job = { spec: { jobTemplate: { spec: { template, scheduling: {} } } } };
    const kind = { group: "batch", version: "v1", kind: "CronJob" };
    expect(conformToGates(kind, job, FeatureGates.defaults, undefined)).toEqual({
      spec: { jobTemplate: { spec: { template: { spec: pod({})["spec"] } } } },
    });
  });

  test("is dropped from the values of maps, in each version of a kind", () => {
    const attributes = { a: { int: 1 }, b: { ints: [1] } };
    for (const [version, device] of [
      ["v1", { attributes }],
      ["v1beta1", { basic: { attributes } }],
    ] as const) {
      const slice = { spec: { devices: [device] } };
      const kind = { group: "resource.k8s.io", version, kind: "ResourceSlice" };
      const text = JSON.stringify(conformToGates(kind, slice, FeatureGates.defaults, undefined));
      expect(text).toBe(JSON.stringify(slice).replace('{"ints":[1]}', "{}"));
    }
  });

  test("goes only for what of it is behind the gate", () => {
    const kind = { group: "", version: "v1", kind: "PersistentVolumeClaim" };
    const own = { spec: { dataSourceRef: { kind: "Snapshot", name: "a" } } };
    const others = { spec: { dataSourceRef: { ...own.spec.dataSourceRef, namespace: "b" } } };
    expect(conformToGates(kind, own, FeatureGates.defaults, undefined)).toBe(own);
    expect(conformToGates(kind, others, FeatureGates.defaults, undefined)).toEqual({ spec: {} });
    expect(conformToGates(kind, others, FeatureGates.defaults, own)).toBe(others);
  });

  test("stands in the schema of its kind", () => {
    const kinds = allKinds().filter(
      ({ resources, group, kind }) => resources.length > 0 && gatedFieldsOf(`${group}/${kind}`).length > 0,
    );
    const names = new Set(
      allFeatureGates()
        .filter((gate) => !gate.isLocked)
        .map(({ name }) => name),
    );
    const checked = new Set<string>();
    for (const { group, kind } of kinds) {
      const schemas = kinds.filter((one) => one.group === group && one.kind === kind).map((one) => schemaOf(one)!);
      for (const { gate, paths } of gatedFieldsOf(`${group}/${kind}`)) {
        expect(names, gate).toContain(gate);
        for (const { steps } of paths) {
          const text = `${group}/${kind} ${steps.map((step) => step.names.join("|")).join(".")}`;
          expect([text, schemas.some((schema) => isThere(schema, steps))]).toEqual([text, true]);
          checked.add(text);
        }
      }
    }
    expect(checked.size).toBeGreaterThan(150);
  });
});

/** Whether one of the alternatives of each step is a field of the schema, in the form that the step says. */
function isThere(
  schema: Schema,
  [step, ...rest]: ReturnType<typeof gatedFieldsOf>[number]["paths"][number]["steps"],
): boolean {
  if (step === undefined) return true;
  const inner = step.names.map((name) => (schema.kind === "object" ? schema.fields.get(name)?.schema : undefined));
  return inner.every((one) => {
    if (one === undefined) return false;
    if (step.into === "list") return one.kind === "list" && isThere(one.items, rest);
    if (step.into === "map") return one.kind === "map" && isThere(one.values, rest);
    return isThere(one, rest);
  });
}

describe("a default behind a gate", () => {
  test("is filled in while it is on", () => {
    const given = pod({
      livenessProbe: { httpGet: { port: 80 } },
      lifecycle: { preStop: { httpGet: { port: 80, protocol: "HTTP2" } } },
    });
    expect(containerOf(conformToGates(POD, given, ON, undefined))).toMatchObject({
      livenessProbe: { httpGet: { protocol: "HTTP1" } },
      lifecycle: { preStop: { httpGet: { protocol: "HTTP2" } } },
    });
    const without = containerOf(conformToGates(POD, given, FeatureGates.defaults, undefined));
    expect(without).toMatchObject({ livenessProbe: { httpGet: { port: 80 } } });
    expect(JSON.stringify(without)).not.toContain("protocol");
  });
});
