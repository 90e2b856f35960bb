import { encodeUnstructuredText, JsonText } from "../../codec/json-encode.ts";
import type { Unstructured } from "../../object.ts";
import { jsonEqual } from "../../patch/json-equal.ts";
import { fieldError } from "../../status/field-error.ts";
import {
  all,
  atMost,
  type Check,
  each,
  element,
  fields,
  isUnset,
  listOf,
  member,
  oneOf,
  optional,
  required,
  run,
  text,
  uniqueElements,
  valueAt,
} from "../check.ts";
import { nodeSelector } from "../core/scheduling.ts";
import { driverName } from "../core/volume-sources.ts";
import {
  declaredReferences,
  declaredToleration,
  namesOf,
  requestReference,
  toleration,
  within,
} from "../groups/device-claims.ts";
import { declaredPool, poolName } from "../groups/device-names.ts";
import { declaredDriver, declaredOpaque, deviceOpaque, rawObject } from "../groups/device-parameters.ts";
import { declaredSkips, skipped } from "../groups/device-slices.ts";
import { bindings, MOST_CONDITIONS } from "../groups/slice-devices.ts";
import type { UpdateCheck } from "../kind-rules.ts";
import { dnsLabel, interfaceAddress } from "../names.ts";
import { byteLength } from "../object-meta.ts";
import { typedValue } from "../typed-value.ts";
import { conditions } from "./conditions.ts";

const MOST_USERS = 256;
const MOST_RESULTS = 32;
/** Of the class and of the claim. */
const MOST_CONFIGS = 64;
const MOST_DEVICE_CONDITIONS = 8;
const MOST_ADDRESSES = 16;
const LONGEST_INTERFACE = 256;
const LONGEST_HARDWARE_ADDRESS = 128;

const IDENTITY = [
  ["Driver", "driver"],
  ["Pool", "pool"],
  ["Device", "device"],
  ["ShareID", "shareID"],
] as const;

/** Which device, or which share of one that several have: as messages show it. */
function identityOf(device: unknown): string {
  const parts = IDENTITY.map(([shown, name]) => `"${shown}":${encodeUnstructuredText(member(device, name) ?? "")}`);
  return `{${parts.join(",")}}`;
}

/** The identities of the devices that are allocated to a claim. */
function allocatedDevices(claim: Unstructured): ReadonlySet<string> {
  return new Set(listOf(valueAt(claim, "status.allocation.devices.results")).map(identityOf));
}

/** The claim without what is said of devices that it had and has no longer. */
export function withoutGoneDevices(next: Unstructured, old: Unstructured): Unstructured {
  const [had, has] = [allocatedDevices(old), allocatedDevices(next)];
  const status = next["status"] as { readonly devices?: readonly unknown[] | null } | undefined;
  const devices = (status?.devices ?? []).filter((device) => {
    const key = identityOf(device);
    return has.has(key) || !had.has(key);
  });
  if (devices.length === (status?.devices ?? []).length && devices.length > 0) return next;
  const { devices: _gone, ...rest } = status ?? {};
  if (devices.length === 0) return status?.devices === undefined ? next : { ...next, status: rest };
  return { ...next, status: { ...rest, devices } };
}

const user: Check = fields({ resource: required(), name: required(), uid: required() });

const networkData: Check = fields({ ips: within(MOST_ADDRESSES, each(text(interfaceAddress))) });

const deviceStatus = (isAllocated: (device: unknown) => boolean): Check =>
  all(
    fields({ driver: driverName, pool: poolName, device: text(dnsLabel) }),
    (value, at, errors) => {
      if (!isAllocated(value))
        errors.push(
          fieldError.invalid(at, new JsonText(identityOf(value)), "must be an allocated device in the claim"),
        );
    },
    fields({
      conditions: (value, at, errors) => {
        const count = listOf(value).length;
        if (count > MOST_DEVICE_CONDITIONS) errors.push(fieldError.tooMany(at, count, MOST_DEVICE_CONDITIONS));
        conditions(value, at, errors);
      },
      data: optional(rawObject),
      networkData: optional(networkData),
    }),
  );

const result = (request: Check): Check =>
  all(
    fields({ request: (value, at, errors) => request(value ?? "", at, errors), device: text(dnsLabel) }),
    bindings,
    fields({ tolerations: each(toleration), skipNodeOperations: skipped }),
  );

const allocation = (request: Check): Check =>
  fields({
    devices: fields({
      results: within(MOST_RESULTS, each(result(request))),
      config: within(
        MOST_CONFIGS,
        each(fields({ requests: within(MOST_RESULTS, each(request)), opaque: deviceOpaque })),
      ),
    }),
    nodeSelector: optional(nodeSelector),
  });

/** Devices are reserved once they are allocated, which is done once; users come to them until the claim is deleted. */
const reservation = (next: Unstructured, old: Unstructured): Check => {
  const before = listOf(valueAt(old, "status.reservedFor"));
  const isNew = (one: unknown): boolean => !before.some((other) => jsonEqual(one as never, other as never));
  return (value, at, errors) => {
    if (isUnset(value)) return;
    if (valueAt(next, "status.allocation") === undefined)
      errors.push(fieldError.forbidden(at, "may not be specified when `allocated` is not set"));
    else if (next.metadata?.deletionTimestamp !== undefined && listOf(value).some(isNew))
      errors.push(
        fieldError.forbidden(
          at,
          "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set",
        ),
      );
  };
};

const uuid: Check = (value, at, errors) => {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(String(value)))
    errors.push(fieldError.invalid(at, value, "must be a lowercase UUID in 8-4-4-4-12 format"));
};

const atMostBytes =
  (most: number): Check =>
  (value, at, errors) => {
    if (byteLength(String(value ?? "")) > most) errors.push(fieldError.tooLong(at, most));
  };

const uniqueDevices: Check = (value, at, errors) => {
  const seen = new Set<string>();
  listOf(value).forEach((one, index) => {
    const key = identityOf(one);
    const shown = typedValue({ conditions: null, ...(one as object) }, "resource/v1.AllocatedDeviceStatus");
    if (seen.has(key)) errors.push(fieldError.duplicate(element(at, index), shown));
    seen.add(key);
  });
};

const declaredAllocation: Check = fields({
  devices: fields({
    results: atMost(
      MOST_RESULTS,
      each(
        fields({
          driver: declaredDriver,
          pool: required(declaredPool),
          tolerations: each(declaredToleration),
          bindingConditions: atMost(MOST_CONDITIONS),
          bindingFailureConditions: atMost(MOST_CONDITIONS),
          shareID: optional(uuid),
          skipNodeOperations: declaredSkips,
        }),
      ),
    ),
    config: atMost(
      MOST_CONFIGS,
      each(fields({ source: oneOf("FromClaim", "FromClass"), requests: declaredReferences, opaque: declaredOpaque })),
    ),
  }),
});

/** What the types of a status declare. */
const declared = (old: Unstructured): Check => {
  const before = valueAt(old, "status.allocation");
  return fields({
    allocation: optional((value, at, errors) => {
      if (before === undefined) declaredAllocation(value, at, errors);
      else if (!jsonEqual(value as never, before as never))
        errors.push(fieldError.invalid(at, null, "field cannot be modified once set"));
    }),
    reservedFor: atMost(
      MOST_USERS,
      uniqueElements("uid", (one) => typedValue(one, "resource/v1.ResourceClaimConsumerReference")),
    ),
    devices: all(
      uniqueDevices,
      each(
        fields({
          shareID: optional(uuid),
          networkData: optional(
            fields({
              interfaceName: atMostBytes(LONGEST_INTERFACE),
              ips: atMost(MOST_ADDRESSES, uniqueElements(undefined)),
              hardwareAddress: atMostBytes(LONGEST_HARDWARE_ADDRESS),
            }),
          ),
        }),
      ),
    ),
  });
};

/** What may be said of a claim (pkg/apis/resource): what it was allocated, who uses it, and how its devices are. */
export const claimStatus: UpdateCheck = (next, old) => {
  const allocated = allocatedDevices(next);
  const isNew = valueAt(old, "status.allocation") === undefined;
  const request = requestReference(namesOf(valueAt(next, "spec.devices.requests")));
  const own = all(
    fields({
      reservedFor: within(MOST_USERS, each(user)),
      devices: each(deviceStatus((device) => allocated.has(identityOf(device)))),
    }),
    fields({
      reservedFor: reservation(next, old),
      allocation: optional((...given) => isNew && allocation(request)(...given)),
    }),
  );
  return run(all(own, declared(old)), member(next, "status"), "status");
};
