import { fieldError } from "../../status/field-error.ts";
import {
  all,
  atLeast,
  type Check,
  child,
  each,
  fields,
  isUnset,
  member,
  noMoreThan,
  optional,
  positive,
  required,
  text,
  unlessUnset,
  type Values,
  valueAt,
} from "../check.ts";
import { immutable, type RuleTable } from "../kind-rules.ts";
import { dnsLabel, dnsSubdomain } from "../names.ts";

const slicePool: Check = fields({
  name: required((value, at, errors) => {
    for (const part of String(value).split("/")) text(dnsSubdomain)(part, at, errors);
  }),
  resourceSliceCount: positive,
});

/** A slice is for one node, some nodes or all: exactly one of these says which. */
const WHERE = ["nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection"] as const;

const sliceSpec: Check = (value, at, errors) => {
  fields({ driver: required(text(dnsSubdomain)), pool: slicePool, nodeName: unlessUnset(text(dnsSubdomain)) })(
    value,
    at,
    errors,
  );
  const given = WHERE.filter((name) => !isUnset(member(value, name)));
  if (given.length === 0)
    errors.push(
      fieldError.required(
        at,
        "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required",
      ),
    );
  if (given.length > 1)
    errors.push(
      fieldError.invalid(
        at,
        given.join(", "),
        "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required",
      ),
    );
};

const MOST_POOLS = 1000;

/** A domain of any case. */
function driverName(name: string): readonly string[] {
  const message =
    "an RFC 1123 subdomain must consist of alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'Example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
  return dnsSubdomain(name.toLowerCase()).length > 0 ? [message] : [];
}

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
  driver: required(text(driverName)),
  poolName: optional(text(poolName)),
  limit: optional(atLeast(1), noMoreThan(MOST_POOLS)),
  defaultPartitionTypeAttribute: optional(text(qualifiedAttribute)),
});

/** A count of one device is written out when everything matching is not asked for. */
const allocation: Check = (value, at, errors) => {
  const requests = (valueAt(value, "devices.requests") ?? []) as readonly Values[];
  requests.forEach((request, index) => {
    const exact = member(request, "exactly") ?? request;
    const count = member(exact, "count");
    if (member(exact, "allocationMode") === "All" && !isUnset(count)) {
      const why = "must not be specified when allocationMode is 'All'";
      errors.push(fieldError.invalid(`${child(at, "devices.requests")}[${index}].exactly.count`, count, why));
    }
  });
};

const opaque: Check = (value, at, errors) => {
  if (value === undefined) return void errors.push(fieldError.required(at));
  required(text(dnsSubdomain))(member(value, "driver"), child(at, "driver"), errors);
  const parameters = member(value, "parameters");
  if (parameters === undefined) errors.push(fieldError.required(child(at, "parameters")));
  else if (typeof parameters !== "object" || Array.isArray(parameters))
    errors.push(fieldError.invalid(child(at, "parameters"), "<value omitted>", "must be a valid JSON object"));
};

const deviceClassSpec: Check = fields({
  selectors: each((value, at, errors) => {
    const cel = member(value, "cel");
    if (cel === undefined) errors.push(fieldError.required(child(at, "cel")));
  }),
  config: each(fields({ opaque })),
});

const requestNames: Check = (value, at, errors) => {
  const requests = (valueAt(value, "devices.requests") ?? []) as readonly Values[];
  requests.forEach((request, index) => {
    required(text(dnsLabel))(member(request, "name"), `${child(at, "devices.requests")}[${index}].name`, errors);
  });
};

export const DEVICES: RuleTable = {
  "resource.k8s.io/DeviceClass": { state: fields({ spec: deviceClassSpec }) },
  "resource.k8s.io/ResourceSlice": {
    state: fields({ spec: sliceSpec }),
    update: immutable("spec.driver", "spec.pool.name", "spec.nodeName"),
  },
  "resource.k8s.io/ResourceClaim": {
    state: fields({ spec: all(requestNames, allocation) }),
    update: immutable("spec"),
  },
  "resource.k8s.io/ResourceClaimTemplate": {
    state: fields({ spec: fields({ spec: all(requestNames, allocation) }) }),
    update: immutable("spec"),
  },
  "resource.k8s.io/ResourcePoolStatusRequest": { state: fields({ spec: poolRequest }), update: immutable("spec") },
};
