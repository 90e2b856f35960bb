import { fieldError } from "../../status/field-error.ts";
import {
  atLeast,
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
  text,
  union,
  valueAt,
} from "../check.ts";
import { frozen, immutable, type RuleTable } from "../kind-rules.ts";
import { caselessSubdomain, dnsLabel, dnsSubdomain } from "../names.ts";

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

const sliceNode: Check = (value, at, errors) => {
  if (value === "") errors.push(fieldError.invalid(at, value, "must be either unset or set to a non-empty string"));
  else text(dnsSubdomain)(value, at, errors);
};

const sliceSpec: Check = (value, at, errors) => {
  fields({ driver: required(text(dnsSubdomain)), pool: slicePool, nodeName: optional(sliceNode) })(value, at, errors);
  const given = WHERE.filter((name) => !isUnset(member(value, name)));
  if (given.length === 0) errors.push(fieldError.required(at, ONE_PLACE));
  if (given.length > 1) errors.push(fieldError.invalid(at, given.join(", "), ONE_PLACE));
  fields({ devices: each(device) })(value, at, errors);
};

const MOST_POOLS = 1000;

/** Domains between slashes. */
function poolName(name: string): readonly string[] {
  return name
    .split("/")
    .flatMap((part, index) =>
      (part === "" ? ["must not be empty"] : dnsSubdomain(part)).map((problem) => `segment ${index}: ${problem}`),
    );
}

/** "domain/name". */
function qualifiedAttribute(name: string): readonly string[] {
  const [domain, id] = name.includes("/") ? name.split("/") : [undefined, name];
  const isIdentifier = /^[A-Za-z_][A-Za-z0-9_]*$/.test(id ?? "");
  return [
    ...(domain === undefined ? [] : dnsSubdomain(domain)),
    ...(isIdentifier
      ? []
      : [
          "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')",
        ]),
    ...(domain === undefined ? ["a fully qualified name must be a domain and a name separated by a slash"] : []),
  ];
}

const poolRequest: Check = fields({
  driver: required(text(caselessSubdomain)),
  poolName: optional(text(poolName)),
  limit: optional(atLeast(1), noMoreThan(MOST_POOLS)),
  defaultPartitionTypeAttribute: optional(text(qualifiedAttribute)),
});

const ONE_KIND = "exactly one of `exactly` or `firstAvailable` is required";
const FLAT = ["deviceClassName", "allocationMode", "count", "selectors", "adminAccess", "tolerations", "capacity"];

/** v1beta1 has the fields of an exact request in the request itself. */
function exactOf(request: unknown): unknown {
  const exact = member(request, "exactly");
  return exact ?? (FLAT.some((name) => !isUnset(member(request, name))) ? request : undefined);
}

const request: Check = (value, at, errors) => {
  text(dnsLabel)(member(value, "name") ?? "", child(at, "name"), errors);
  const [exact, others] = [exactOf(value), member(value, "firstAvailable")];
  if (exact === undefined && isUnset(others)) errors.push(fieldError.required(at, ONE_KIND));
  if (exact !== undefined && !isUnset(others)) errors.push(fieldError.invalid(at, value, ONE_KIND));
  if (exact !== undefined) exactRequest(exact, child(at, "exactly"), errors);
};

const exactRequest: Check = (value, at, errors) => {
  fields({ deviceClassName: required(text(dnsSubdomain)) })(value, at, errors);
  const [mode, count, here] = [member(value, "allocationMode"), member(value, "count"), child(at, "count")];
  if (mode === "All") {
    if (!isUnset(count))
      errors.push(fieldError.invalid(here, count, "must not be specified when allocationMode is 'All'"));
  } else if (mode === "ExactCount") {
    if (Number(count ?? 0) <= 0) errors.push(fieldError.invalid(here, count ?? 0, "must be greater than zero"));
  } else errors.push(fieldError.notSupported(child(at, "allocationMode"), mode ?? "", ["All", "ExactCount"]));
};

/** resource.k8s.io's ResourceClaimSpec. */
const claimSpec: Check = fields({ devices: fields({ requests: each(request) }) });

const opaque: Check = (value, at, errors) => {
  if (value === undefined) return void errors.push(fieldError.required(at));
  const parameters = member(value, "parameters");
  if (parameters === undefined) errors.push(fieldError.required(child(at, "parameters")));
  else if (typeof parameters !== "object" || Array.isArray(parameters))
    errors.push(fieldError.invalid(child(at, "parameters"), "<value omitted>", "must be a valid JSON object"));
  required(text(caselessSubdomain))(member(value, "driver"), child(at, "driver"), errors);
};

const deviceClassSpec: Check = fields({
  selectors: each((value, at, errors) => {
    const cel = member(value, "cel");
    if (cel === undefined) errors.push(fieldError.required(child(at, "cel")));
  }),
  config: each(fields({ opaque })),
});

export const DEVICES = {
  "resource.k8s.io/DeviceClass": { state: fields({ spec: deviceClassSpec }) },
  "resource.k8s.io/ResourceSlice": {
    state: fields({ spec: sliceSpec }),
    update: immutable("spec.driver", "spec.pool.name", "spec.nodeName"),
  },
  "resource.k8s.io/ResourceClaim": {
    state: fields({ spec: claimSpec }),
    updateState: () => [],
    update: frozen("spec"),
  },
  "resource.k8s.io/ResourceClaimTemplate": {
    state: fields({ spec: fields({ spec: claimSpec }) }),
    update: immutable("spec"),
  },
  "resource.k8s.io/ResourcePoolStatusRequest": { state: fields({ spec: poolRequest }), update: immutable("spec") },
} satisfies RuleTable;
