import { fieldError } from "../../status/field-error.ts";
import {
  type Check,
  child,
  fields,
  isUnset,
  member,
  optional,
  positive,
  required,
  text,
  unlessUnset,
  type Values,
  valueAt,
} from "../check.ts";
import { immutable, type RuleTable } from "../kind-rules.ts";
import { dnsSubdomain } from "../names.ts";

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

const poolRequest: Check = fields({
  driver: required(text(dnsSubdomain)),
  limit: optional((value, at, errors) => {
    if (Number(value) < 1) errors.push(fieldError.invalid(at, value, "must be greater than or equal to 1"));
  }),
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

export const DEVICES: RuleTable = {
  "resource.k8s.io/ResourceSlice": {
    state: fields({ spec: sliceSpec }),
    update: immutable("spec.driver", "spec.pool.name", "spec.nodeName"),
  },
  "resource.k8s.io/ResourceClaim": { state: fields({ spec: allocation }), update: immutable("spec") },
  "resource.k8s.io/ResourceClaimTemplate": {
    state: fields({ spec: fields({ spec: allocation }) }),
    update: immutable("spec"),
  },
  "resource.k8s.io/ResourcePoolStatusRequest": { state: fields({ spec: poolRequest }), update: immutable("spec") },
};
