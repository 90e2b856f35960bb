import { expect, test } from "vitest";
import type { PersistentVolumeClaim, Pod, PodSpec, ResourceQuota } from "../../generated/types/core-v1.ts";
import { isQuotaMatching, matchesScopes } from "./scopes.ts";

const PODS = { group: "", resource: "pods" };
const quota = (...scopes: string[]): ResourceQuota => ({ spec: { scopes } });
const selecting = (scopeName: string, operator: string, ...values: string[]): ResourceQuota => ({
  spec: { scopeSelector: { matchExpressions: [{ scopeName, operator, ...(values.length > 0 && { values }) }] } },
});
const pod = (spec: Partial<PodSpec> = {}): Pod => ({ spec: { containers: [{ name: "c" }], ...spec } });
const asking = pod({ containers: [{ name: "c", resources: { requests: { cpu: "1" } } }] });

test("a quota without scopes is for everything", () => {
  expect(matchesScopes({}, PODS, pod())).toBe(true);
  expect(matchesScopes({}, { group: "", resource: "secrets" }, {})).toBe(true);
});

test("a quota with scopes is for no kind that has none", () => {
  expect(matchesScopes(quota("BestEffort"), { group: "", resource: "secrets" }, {})).toBe(false);
  expect(matchesScopes(quota("BestEffort"), { group: "example.com", resource: "pods" }, pod())).toBe(false);
});

test.each([
  ["BestEffort", pod(), asking],
  ["NotBestEffort", asking, pod()],
  ["Terminating", pod({ activeDeadlineSeconds: 0 }), pod()],
  ["NotTerminating", pod(), pod({ activeDeadlineSeconds: 10 })],
  ["PriorityClass", pod({ priorityClassName: "high" }), pod()],
  [
    "CrossNamespacePodAffinity",
    pod({ affinity: affinityTo({ topologyKey: "k", namespaces: ["other"] }) }),
    pod({ affinity: affinityTo({ topologyKey: "k" }) }),
  ],
])("scope %s tells pods apart", (scope, inside, outside) => {
  expect(matchesScopes(quota(scope), PODS, inside)).toBe(true);
  expect(matchesScopes(quota(scope), PODS, outside)).toBe(false);
});

function affinityTo(podAffinityTerm: { topologyKey: string; namespaces?: string[] }): NonNullable<PodSpec["affinity"]> {
  return { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm }] } };
}

test("a namespace selector, even an empty one, crosses namespaces", () => {
  const term = { topologyKey: "k", namespaceSelector: {} };
  const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  expect(matchesScopes(quota("CrossNamespacePodAffinity"), PODS, pod({ affinity }))).toBe(true);
});

test("all scopes have to match", () => {
  expect(matchesScopes(quota("BestEffort", "Terminating"), PODS, pod())).toBe(false);
  expect(matchesScopes(quota("BestEffort", "NotTerminating"), PODS, pod())).toBe(true);
});

test("the kubelet's word on the quality of service goes before the spec", () => {
  const burstable: Pod = { ...pod(), status: { qosClass: "Burstable" } };
  expect(matchesScopes(quota("BestEffort"), PODS, burstable)).toBe(false);
});

test("priority classes are selected by name", () => {
  const [high, none] = [pod({ priorityClassName: "high" }), pod()];
  const matches = (operator: string, ...values: string[]) =>
    [high, none].map((each) => matchesScopes(selecting("PriorityClass", operator, ...values), PODS, each));
  expect(matches("In", "high", "higher")).toEqual([true, false]);
  expect(matches("NotIn", "high")).toEqual([false, true]);
  expect(matches("Exists")).toEqual([true, false]);
  expect(matches("DoesNotExist")).toEqual([false, true]);
});

test("a claim is within the scope of each attributes class that it has or is to get", () => {
  const claim: PersistentVolumeClaim = {
    spec: { volumeAttributesClassName: "fast" },
    status: { currentVolumeAttributesClassName: "slow" },
  };
  const matches = (...values: string[]) =>
    matchesScopes(
      selecting("VolumeAttributesClass", "In", ...values),
      { group: "", resource: "persistentvolumeclaims" },
      claim,
    );
  expect([matches("fast"), matches("slow"), matches("other")]).toEqual([true, true, false]);
});

test("a quota matches when it counts something of the kind, within its scopes", () => {
  const counting = (...names: string[]): ResourceQuota => ({
    spec: { scopes: ["BestEffort"], hard: Object.fromEntries(names.map((name) => [name, "1"])) },
  });
  expect(isQuotaMatching(counting("pods"), PODS, pod())).toBe(true);
  expect(isQuotaMatching(counting("pods"), PODS, asking)).toBe(false);
  expect(isQuotaMatching(counting("secrets"), PODS, pod())).toBe(false);
});
