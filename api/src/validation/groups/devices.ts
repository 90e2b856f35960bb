import { jsonEqual } from "../../patch/json-equal.ts";
import {
  all,
  atLeast,
  atMost,
  type Check,
  each,
  fields,
  member,
  noMoreThan,
  optional,
  required,
  run,
  text,
} from "../check.ts";
import { frozen, immutable, type RuleTable } from "../kind-rules.ts";
import { caselessSubdomain, longName } from "../names.ts";
import { claimSpec, declaredClaimSpec } from "./device-claims.ts";
import { declaredPool, extendedResource, qualifiedAttribute } from "./device-names.ts";
import { declaredOpaque, deviceOpaque } from "./device-parameters.ts";
import { deviceSelectors } from "./device-selectors.ts";
import { declaredSlice, sliceContents, sliceIdentity } from "./device-slices.ts";
import { declaredTaintRule, taintRule } from "./device-taints.ts";

const DRIVER_IDENTITY = ["spec.pool.name", "spec.driver", "spec.nodeName"] as const;

const MOST_POOLS = 1000;

const poolRequest: Check = fields({
  driver: required(text(caselessSubdomain)),
  poolName: optional(declaredPool),
  limit: optional(atLeast(1), noMoreThan(MOST_POOLS)),
  defaultPartitionTypeAttribute: optional(qualifiedAttribute),
});

const MOST_CONFIGS = 32;

/** Where selectors or configurations are as they were, they were valid then. */
const classSpec = (old?: unknown): Check =>
  fields({
    selectors: (value, at, errors) => {
      if (old === undefined || !jsonEqual(value ?? [], member(old, "selectors") ?? []))
        deviceSelectors(value, at, errors);
    },
    config: atMost(MOST_CONFIGS, each(fields({ opaque: deviceOpaque }))),
  });

export const DEVICES = {
  "resource.k8s.io/DeviceClass": {
    name: longName,
    state: fields({ spec: classSpec() }),
    declared: fields({
      spec: fields({
        config: each(fields({ opaque: declaredOpaque })),
        extendedResourceName: optional(extendedResource),
      }),
    }),
    updateState: (next, old) => run(fields({ spec: classSpec(old["spec"]) }), next),
  },
  "resource.k8s.io/ResourceSlice": {
    state: all(sliceIdentity, sliceContents()),
    updateState: (next, old, context) => [
      ...run(sliceIdentity, next),
      ...immutable(...DRIVER_IDENTITY)(next, old, context),
      ...run(sliceContents(old["spec"]), next),
    ],
    declared: declaredSlice,
  },
  "resource.k8s.io/ResourceClaim": {
    state: fields({ spec: claimSpec }),
    create: fields({ spec: declaredClaimSpec }),
    updateState: () => [],
    update: frozen("spec"),
  },
  "resource.k8s.io/ResourceClaimTemplate": {
    state: fields({ spec: fields({ spec: claimSpec }) }),
    update: immutable("spec"),
    declared: fields({ spec: fields({ spec: declaredClaimSpec }) }),
  },
  "resource.k8s.io/ResourcePoolStatusRequest": {
    create: fields({ spec: poolRequest }),
    update: frozen("spec"),
  },
  "resource.k8s.io/DeviceTaintRule": {
    state: taintRule,
    declared: declaredTaintRule,
  },
} satisfies RuleTable;
