import { jsonEqual } from "../../patch/json-equal.ts";
import { fieldError } from "../../status/field-error.ts";
import {
  all,
  atLeast,
  atMost,
  type Check,
  child,
  each,
  element,
  entriesOf,
  fields,
  isUnset,
  member,
  noMoreThan,
  optional,
  positive,
  required,
  run,
  text,
  union,
  valueAt,
} from "../check.ts";
import { frozen, immutable, type RuleTable } from "../kind-rules.ts";
import { caselessSubdomain, dnsLabel, dnsSubdomain } from "../names.ts";
import { claimSpec, declaredClaimSpec } from "./device-claims.ts";
import { extendedResource, qualifiedAttribute } from "./device-names.ts";
import { declaredOpaque, deviceOpaque } from "./device-parameters.ts";
import { deviceSelectors } from "./device-selectors.ts";

const slicePool: Check = fields({
  name: required((value, at, errors) => {
    for (const part of String(value).split("/")) text(dnsSubdomain)(part, at, errors);
  }),
  resourceSliceCount: positive,
  generation: (value, at, errors) => {
    if (Number(value ?? 0) < 0) errors.push(fieldError.invalid(at, value, "must be greater than or equal to zero"));
  },
});

const VALUES = ["int", "bool", "string", "version", "ints", "bools", "strings", "versions"];

/** v1beta1 has the attributes one level deeper. */
const device: Check = (value, at, errors) => {
  text(dnsLabel)(member(value, "name") ?? "", child(at, "name"), errors);
  const attributes = member(value, "attributes") ?? valueAt(value, "basic.attributes");
  for (const [name, attribute] of entriesOf(attributes))
    union(...VALUES)(attribute, element(child(at, "attributes"), name), errors);
};

/** A slice is for one node, some nodes or all: exactly one of these says which. */
const WHERE = ["nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection"] as const;

const ONE_PLACE = `exactly one of ${WHERE.map((name) => `\`${name}\``).join(", ")} is required`;

const DRIVER_IDENTITY = ["spec.pool.name", "spec.driver", "spec.nodeName"] as const;

const sliceNode: Check = (value, at, errors) => {
  if (value === "") errors.push(fieldError.invalid(at, value, "must be either unset or set to a non-empty string"));
  else text(dnsSubdomain)(value, at, errors);
};

const sliceIdentity: Check = fields({ spec: fields({ driver: required(text(dnsSubdomain)), pool: slicePool }) });

const slicePlace: Check = fields({
  spec: (value, at, errors) => {
    fields({ nodeName: optional(sliceNode) })(value, at, errors);
    const given = WHERE.filter((name) => !isUnset(member(value, name)));
    if (given.length === 0) errors.push(fieldError.required(at, ONE_PLACE));
    if (given.length > 1) {
      const shown = `{${given.map((name) => `\`${name}\``).join(", ")}}`;
      errors.push(fieldError.invalid(at, shown, `${ONE_PLACE}, but multiple fields are set`));
    }
    fields({ devices: each(device) })(value, at, errors);
  },
});

const MOST_POOLS = 1000;

/** Domains between slashes. */
function poolName(name: string): readonly string[] {
  return name
    .split("/")
    .flatMap((part, index) =>
      (part === "" ? ["must not be empty"] : dnsSubdomain(part)).map((problem) => `segment ${index}: ${problem}`),
    );
}

const poolRequest: Check = fields({
  driver: required(text(caselessSubdomain)),
  poolName: optional(text(poolName)),
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
    state: all(sliceIdentity, slicePlace),
    updateState: (next, old, context) => [
      ...run(sliceIdentity, next),
      ...immutable(...DRIVER_IDENTITY)(next, old, context),
      ...run(slicePlace, next),
    ],
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
  "resource.k8s.io/ResourcePoolStatusRequest": { state: fields({ spec: poolRequest }), update: immutable("spec") },
} satisfies RuleTable;
