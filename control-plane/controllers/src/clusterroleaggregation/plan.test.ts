import type { ClusterRole, PolicyRule } from "@tsukube/api/types/rbac-v1";
import { expect, test } from "vitest";
import { isAggregated, plan } from "./plan.ts";

const rule = (resource: string): PolicyRule => ({ verbs: ["get"], apiGroups: [""], resources: [resource] });

function role(name: string, labels: Record<string, string>, ...resources: readonly string[]): ClusterRole {
  return { metadata: { name, labels }, rules: resources.map(rule) };
}

function aggregated(name: string, ...selectors: readonly string[]): ClusterRole {
  return {
    metadata: { name },
    aggregationRule: { clusterRoleSelectors: selectors.map((key) => ({ matchLabels: { [key]: "true" } })) },
  };
}

const resources = (rules: readonly PolicyRule[] | undefined): unknown => rules?.map((each) => each.resources?.[0]);

test("the rules of matching roles are collected in the order of the roles' names", () => {
  const roles = [role("z", { x: "true" }, "pods"), role("a", { x: "true" }, "secrets"), role("m", { y: "true" }, "no")];
  expect(resources(plan(aggregated("all", "x"), roles))).toEqual(["secrets", "pods"]);
});

test("selectors add up in their order, and each rule comes once", () => {
  const roles = [role("a", { x: "true" }, "pods", "nodes"), role("b", { y: "true" }, "services", "pods")];
  expect(resources(plan(aggregated("all", "y", "x"), roles))).toEqual(["services", "pods", "nodes"]);
});

test("a role that matches its own selector does not feed itself", () => {
  const self = { ...aggregated("self", "x"), metadata: { name: "self", labels: { x: "true" } }, rules: [rule("old")] };
  expect(plan(self, [self, role("a", { x: "true" }, "pods")])).toEqual([rule("pods")]);
});

test("an empty selector takes every other role; no selector takes none", () => {
  const everything: ClusterRole = { metadata: { name: "e" }, aggregationRule: { clusterRoleSelectors: [{}] } };
  const nothing: ClusterRole = { metadata: { name: "n" }, rules: [rule("old")], aggregationRule: {} };
  const roles = [role("a", {}, "pods"), everything];
  expect(resources(plan(everything, roles))).toEqual(["pods"]);
  expect(plan(nothing, roles)).toEqual([]);
});

test("nothing is to be done when the rules are right, or when both are empty", () => {
  const roles = [role("a", { x: "true" }, "pods")];
  expect(plan({ ...aggregated("all", "x"), rules: [rule("pods")] }, roles)).toBeUndefined();
  expect(plan(aggregated("all", "y"), roles)).toBeUndefined();
});

test("a role is aggregated when it has an aggregationRule", () => {
  expect(isAggregated(aggregated("a", "x"))).toBe(true);
  expect(isAggregated(role("a", {}))).toBe(false);
});
