import { describe, expect, test } from "vitest";
import type { Pod } from "../../../generated/types/core-v1.ts";
import type { Unstructured } from "../../object.ts";
import { preparedPod, updatedPod } from "./pod-preparation.ts";

function pod(spec: object, metadata: object = {}): Unstructured {
  const containers = [{ name: "c", image: "i" }];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", ...metadata },
    spec: { containers, ...spec },
  } as never;
}

function prepared(spec: object, metadata: object = {}, warn = (_text: string): void => {}): Pod {
  return preparedPod(pod(spec, metadata), Date.UTC(2026, 0, 1), warn) as Pod;
}

describe("a new pod", () => {
  test("is pending and has a QoS class", () => {
    expect(prepared({}).status).toEqual({ phase: "Pending", qosClass: "BestEffort" });
  });

  test("with gates waits for them", () => {
    expect(prepared({ schedulingGates: [{ name: "a/b" }] }).status?.conditions).toEqual([
      {
        type: "PodScheduled",
        status: "False",
        lastTransitionTime: "2026-01-01T00:00:00Z",
        reason: "SchedulingGated",
        message: "Scheduling is blocked due to non-empty scheduling gates",
      },
    ]);
  });

  test("selects by the labels that its keys name", () => {
    const term = { topologyKey: "t", labelSelector: {}, matchLabelKeys: ["a", "absent"], mismatchLabelKeys: ["b"] };
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
    const spread = {
      topologyKey: "t",
      maxSkew: 1,
      whenUnsatisfiable: "DoNotSchedule",
      labelSelector: {},
      matchLabelKeys: ["a"],
    };
    const { spec } = prepared({ affinity, topologySpreadConstraints: [spread] }, { labels: { a: "1", b: "2" } });
    const [found] = spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    expect(found?.labelSelector?.matchExpressions).toEqual([
      { key: "a", operator: "In", values: ["1"] },
      { key: "b", operator: "NotIn", values: ["2"] },
    ]);
    expect(spec?.topologySpreadConstraints?.[0]?.labelSelector?.matchExpressions).toEqual([
      { key: "a", operator: "In", values: ["1"] },
    ]);
  });

  const UNCONFINED = { type: "Unconfined" };
  const of = (appArmorProfile: object) => ({ securityContext: { appArmorProfile } });
  const holding = (appArmorProfile: object) => ({ containers: [{ name: "c", image: "i", ...of(appArmorProfile) }] });
  test.each([
    ["unconfined", {}, UNCONFINED, true],
    ["runtime/default", {}, { type: "RuntimeDefault" }, true],
    ["localhost/x", {}, { type: "Localhost", localhostProfile: "x" }, true],
    ["localhost/", {}, undefined, true],
    [`localhost/${"x".repeat(4096)}`, {}, undefined, true],
    ["nonsense", {}, undefined, true],
    ["unconfined", of(UNCONFINED), undefined, false],
    ["unconfined", of({ type: "RuntimeDefault" }), UNCONFINED, true],
    ["unconfined", holding({ type: "RuntimeDefault" }), { type: "RuntimeDefault" }, false],
    ["unconfined", { os: { name: "windows" } }, undefined, false],
  ])(
    "has the AppArmor profile that an annotation names, and hears that it is one of old: %s %j",
    (annotation, spec, profile, warns) => {
      const key = "container.apparmor.security.beta.kubernetes.io/c";
      const warnings: string[] = [];
      const made = prepared(spec, { annotations: { [key]: annotation } }, (text) => warnings.push(text));
      expect(made.spec?.containers[0]?.securityContext?.appArmorProfile).toEqual(profile);
      const warning = `metadata.annotations[${key}]: deprecated since v1.30; use the "appArmorProfile" field instead`;
      expect(warnings).toEqual(warns ? [warning] : []);
    },
  );

  test("asks for what its containers ask for when it has resources of its own", () => {
    const containers = [{ name: "c", resources: { limits: { cpu: "1" }, requests: { cpu: "1", memory: "1Gi" } } }];
    const { spec, status } = prepared({ containers, resources: { requests: { memory: "2Gi" } } });
    expect(spec?.resources).toEqual({ requests: { memory: "2Gi", cpu: "1" }, limits: { cpu: "1" } });
    expect(status?.qosClass).toBe("Burstable");
  });
});

test("an update by one who does not know of a pod's resources leaves them", () => {
  const old = pod({ resources: { limits: { cpu: "1" } } });
  expect(updatedPod(pod({}), old)["spec"]).toMatchObject({ resources: { limits: { cpu: "1" } } });
  expect(updatedPod(pod({ resources: {} }), old)["spec"]).toMatchObject({ resources: {} });
});
