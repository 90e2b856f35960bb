import { expect, test } from "vitest";
import { conditionsOf, type Remains } from "./conditions.ts";

const NOW = Date.UTC(2025, 0, 1);
const NOTHING: Remains = { resources: new Map(), finalizers: new Map(), stale: [], failures: [] };
const said = (remains: Remains) =>
  conditionsOf(remains, [], NOW).map(({ type, status, message }) => `${type} ${status} ${message}`);

test("an empty namespace says of everything that it went well", () => {
  expect(said(NOTHING)).toEqual([
    "NamespaceDeletionDiscoveryFailure False All resources successfully discovered",
    "NamespaceDeletionGroupVersionParsingFailure False All legacy kube types successfully parsed",
    "NamespaceDeletionContentFailure False All content successfully deleted, may be waiting on finalization",
    "NamespaceContentRemaining False All content successfully removed",
    "NamespaceFinalizersRemaining False All content-preserving finalizers finished",
  ]);
});

test("what remains, what keeps it and what failed is said in a stable order", () => {
  const remains = {
    resources: new Map([
      ["pods.", 2],
      ["deployments.apps", 1],
    ]),
    finalizers: new Map([["example.com/mine", 2]]),
    stale: ["ext.example.com/v1"],
    failures: ["b is denied", "a is denied"],
  };
  expect(said(remains).filter((text) => text.includes(" True "))).toEqual([
    "NamespaceDeletionDiscoveryFailure True Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: ext.example.com/v1: stale GroupVersion discovery: ext.example.com/v1",
    "NamespaceDeletionContentFailure True Failed to delete all resource types, 2 remaining: a is denied, b is denied",
    "NamespaceContentRemaining True Some resources are remaining: deployments.apps has 1 resource instances, pods. has 2 resource instances",
    "NamespaceFinalizersRemaining True Some content in the namespace has finalizers remaining: example.com/mine in 2 resource instances",
  ]);
});

test("a condition keeps the time of its last change, and those of others stay", () => {
  const mine = { type: "Mine", status: "True" };
  const first = conditionsOf(NOTHING, [mine], NOW);
  const later = conditionsOf({ ...NOTHING, failures: ["denied"] }, first, NOW + 60_000);
  const times = later.map(({ type, lastTransitionTime }) => [type, lastTransitionTime]);
  expect(times.slice(0, 4)).toEqual([
    ["Mine", undefined],
    ["NamespaceDeletionDiscoveryFailure", "2025-01-01T00:00:00Z"],
    ["NamespaceDeletionGroupVersionParsingFailure", "2025-01-01T00:00:00Z"],
    ["NamespaceDeletionContentFailure", "2025-01-01T00:01:00Z"],
  ]);
});
