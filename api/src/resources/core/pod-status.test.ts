import { describe, expect, test } from "vitest";
import type { Unstructured } from "../../object.ts";
import { preparedPodStatus } from "./pod-status.ts";

function pod(status: object, metadata: object = {}): Unstructured {
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "p", ...metadata }, status } as Unstructured;
}

describe("the status a node writes", () => {
  test.each<[string, object, object, object]>([
    ["keeps the QoS class", {}, { qosClass: "Burstable" }, { qosClass: "Burstable" }],
    ["may say another QoS class", { qosClass: "x" }, { qosClass: "Burstable" }, { qosClass: "x" }],
    ["lists its only address", { podIP: "10.0.0.1" }, {}, { podIP: "10.0.0.1", podIPs: [{ ip: "10.0.0.1" }] }],
    ["names its first address", { podIPs: [{ ip: "::1" }] }, {}, { podIP: "::1", podIPs: [{ ip: "::1" }] }],
    [
      "keeps claims it leaves out",
      {},
      { resourceClaimStatuses: [{ name: "a" }] },
      { resourceClaimStatuses: [{ name: "a" }] },
    ],
    [
      "keeps what its conditions observed",
      { conditions: [{ type: "Ready", status: "True" }] },
      { observedGeneration: 2, conditions: [{ type: "Ready", status: "False", observedGeneration: 2 }] },
      { observedGeneration: 2, conditions: [{ type: "Ready", status: "True", observedGeneration: 2 }] },
    ],
  ])("%s", (_name, next, old, kept) => {
    expect(preparedPodStatus(pod(next), pod(old))["status"]).toEqual(kept);
  });

  test("clears claims by an empty list", () => {
    const old = pod({ resourceClaimStatuses: [{ name: "a" }] });
    expect(preparedPodStatus(pod({}), old, 0, [["status", "resourceClaimStatuses"]])["status"]).toEqual({});
  });

  test("deletes nothing, nor brings it back", () => {
    const going = { deletionTimestamp: "2020-01-01T00:00:00Z" };
    expect(preparedPodStatus(pod({}, going), pod({})).metadata?.deletionTimestamp).toBeUndefined();
    expect(preparedPodStatus(pod({}), pod({}, going)).metadata).toMatchObject(going);
  });

  test("does not touch owners", () => {
    const owners = [{ apiVersion: "v1", kind: "Node", name: "n", uid: "u" }];
    expect(preparedPodStatus(pod({}), pod({}, { ownerReferences: owners })).metadata?.ownerReferences).toEqual(owners);
    expect(preparedPodStatus(pod({}, { ownerReferences: owners }), pod({})).metadata?.ownerReferences).toBeUndefined();
  });
});
