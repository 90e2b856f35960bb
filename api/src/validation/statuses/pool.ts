import { fieldError } from "../../status/field-error.ts";
import {
  all,
  atLeast,
  atMost,
  type Check,
  each,
  element,
  fields,
  listOf,
  member,
  optional,
  required,
  run,
  text,
} from "../check.ts";
import { declaredPool } from "../groups/device-names.ts";
import { changed, immutableError, type UpdateCheck } from "../kind-rules.ts";
import { caselessSubdomain, dnsSubdomain } from "../names.ts";
import { byteLength } from "../object-meta.ts";
import { typedValue } from "../typed-value.ts";
import { conditions } from "./conditions.ts";

const MOST_POOLS = 1000;
const MOST_CONDITIONS = 10;
const MOST_SUMMARIES = 32;
const LONGEST_ERROR = 256;

/** Required though it may be 0. */
const present = (...checks: readonly Check[]): Check => {
  const check = all(...checks);
  return (value, at, errors) => {
    if (value === undefined) errors.push(fieldError.required(at));
    else check(value, at, errors);
  };
};

const count = optional(atLeast(0));
const presentCount = present(atLeast(0));

const uniqueParts: Check = (value, at, errors) => {
  const seen = new Set<string>();
  listOf(value).forEach((one, index) => {
    const key = [member(one, "attribute"), member(one, "type")].join("\n");
    if (seen.has(key))
      errors.push(fieldError.duplicate(element(at, index), typedValue(one, "resource/v1alpha3.PartitionTypeStatus")));
    seen.add(key);
  });
};

const pool: Check = fields({
  driver: required(text(caselessSubdomain)),
  poolName: required(declaredPool),
  generation: required(atLeast(0)),
  resourceSliceCount: optional(atLeast(1)),
  totalDevices: count,
  allocatedDevices: count,
  availableDevices: count,
  unavailableDevices: count,
  nodeName: optional(text(dnsSubdomain)),
  validationError: optional((value, at, errors) => {
    if (byteLength(String(value)) > LONGEST_ERROR) errors.push(fieldError.tooLong(at, LONGEST_ERROR));
  }),
  partitionSummary: atMost(
    MOST_SUMMARIES,
    uniqueParts,
    each(fields({ attribute: required(), type: required(), total: presentCount, allocatable: presentCount })),
  ),
  shareableSummary: optional(
    fields({
      fullyAvailableDevices: presentCount,
      partiallyAvailableDevices: presentCount,
      capacity: atMost(
        MOST_SUMMARIES,
        each(fields({ name: required(), total: present(), consumed: present(), available: present() })),
      ),
    }),
  ),
});

const declared: Check = fields({
  poolCount: presentCount,
  pools: atMost(MOST_POOLS, each(pool)),
  conditions: atMost(MOST_CONDITIONS),
});

/** What is asked of pools is answered once. */
export const poolStatus: UpdateCheck = (next, old) => {
  const status = member(next, "status");
  const isChanged = changed(next, old, "status");
  const own = member(old, "status") === undefined ? run(fields({ conditions }), status, "status") : [];
  const again = member(old, "status") !== undefined && isChanged ? [immutableError(next, "status")] : [];
  return [...own, ...again, ...(isChanged && status !== undefined ? run(declared, status, "status") : [])];
};
