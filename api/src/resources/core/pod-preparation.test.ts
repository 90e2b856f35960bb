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

function prepared(spec: object, metadata: object = {}): Pod {
  return preparedPod(pod(spec, metadata), Date.UTC(2026, 0, 1)) as Pod;
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

  test.each([
    ["unconfined", { type: "Unconfined" }],
    ["runtime/default", { type: "RuntimeDefault" }],
    ["localhost/x", { type: "Localhost", localhostProfile: "x" }],
    ["localhost/", undefined],
  ])("has the AppArmor profile that an annotation names: %s", (annotation, profile) => {
    const annotations = { "container.apparmor.security.beta.kubernetes.io/c": annotation };
    expect(prepared({}, { annotations }).spec?.containers[0]?.securityContext?.appArmorProfile).toEqual(profile);
  });

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
