import { fieldError } from "../../status/field-error.ts";
import {
  all,
  atMost,
  type Check,
  child,
  each,
  element,
  exactlyOneOf,
  fields,
  listOf,
  member,
  optional,
  positive,
  required,
  text,
  uniqueElements,
} from "../check.ts";
import { nodeSelector, shownNodeTerms } from "../core/scheduling.ts";
import { driverName } from "../core/volume-sources.ts";
import { dnsLabel, dnsSubdomain } from "../names.ts";
import { typedValue } from "../typed-value.ts";
import { poolName, qualifiedAttribute } from "./device-names.ts";
import {
  consumes,
  counterCount,
  counters,
  declaredParts,
  device,
  isAdvanced,
  partsOf,
  placed,
  shownPlaces,
  trueOrUnset,
} from "./slice-devices.ts";

const pool: Check = fields({
  name: poolName,
  resourceSliceCount: positive,
  generation: (value, at, errors) => {
    if (Number(value ?? 0) < 0) errors.push(fieldError.invalid(at, value, "must be greater than or equal to zero"));
  },
});

/** A slice is for one node, some nodes or all, or says it of each device: exactly one of these. */
const SLICE_PLACES = ["nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection"] as const;
const ONE_SLICE_PLACE = `exactly one of ${SLICE_PLACES.map((name) => `\`${name}\``).join(", ")} is required`;

const sliceNode: Check = (value, at, errors) => {
  if (value === "") errors.push(fieldError.invalid(at, value, "must be either unset or set to a non-empty string"));
  else text(dnsSubdomain)(value, at, errors);
};

const oneTerm: Check = (value, at, errors) => {
  nodeSelector(value, at, errors);
  const terms = listOf(member(value, "nodeSelectorTerms"));
  if (terms.length === 1) return;
  const shown = shownNodeTerms(terms);
  errors.push(fieldError.invalid(child(at, "nodeSelectorTerms"), shown, "must have exactly one node selector term"));
};

const slicePlace: Check = (value, at, errors) => {
  fields({
    nodeName: optional(sliceNode),
    nodeSelector: optional(oneTerm),
    allNodes: trueOrUnset,
    perDeviceNodeSelection: trueOrUnset,
  })(value, at, errors);
  const given = placed(SLICE_PLACES, value);
  if (given.length === 0) errors.push(fieldError.required(at, ONE_SLICE_PLACE));
  if (given.length > 1)
    errors.push(fieldError.invalid(at, shownPlaces(given), `${ONE_SLICE_PLACE}, but multiple fields are set`));
};

const MOST_DEVICES = 128;
const MOST_ADVANCED_DEVICES = 64;

const uniqueNames = uniqueElements("name", (one) => member(one, "name") ?? "");

/** The attribute that says what kind of part of a device one is: each device that consumes counters has it. */
const partitionType: Check = (spec, at, errors) => {
  const [name, devices] = [member(spec, "partitionTypeAttribute"), listOf(member(spec, "devices"))];
  if (name === undefined) return;
  if (!devices.some(consumes)) {
    const why = "may only be set on a slice which declares devices that consume counters";
    return void errors.push(fieldError.invalid(child(at, "partitionTypeAttribute"), name, why));
  }
  const own = `${member(spec, "driver") ?? ""}/`;
  const bare = String(name).startsWith(own) ? String(name).slice(own.length) : String(name);
  devices.forEach((one, index) => {
    if (!consumes(one)) return;
    const attributes = member(partsOf(one), "attributes");
    const given = member(attributes, String(name)) ?? member(attributes, bare);
    const here = `${element(child(at, "devices"), index)}.attributes[${name}]`;
    if (given === undefined)
      errors.push(
        fieldError.required(
          here,
          "device consumes counters and `partitionTypeAttribute` names this attribute, so it must be set",
        ),
      );
    else if (member(given, "string") === undefined)
      errors.push(
        fieldError.invalid(
          here,
          typedValue(given, "resource/v1.DeviceAttribute"),
          "must be a string value because `partitionTypeAttribute` names this attribute",
        ),
      );
  });
};

const OPERATIONS = ["*", "NodePrepareResources", "NodeUnprepareResources"];

export const skipped: Check = (value, at, errors) => {
  const skips = listOf(value);
  if (skips.includes("NodePrepareResources") && !skips.includes("NodeUnprepareResources") && !skips.includes("*"))
    errors.push(
      fieldError.invalid(
        at,
        skips,
        "NodePrepareResources cannot be skipped unless NodeUnprepareResources is also skipped",
      ),
    );
};

const MOST_COUNTER_SETS = 8;

export const sliceIdentity: Check = fields({ spec: fields({ driver: driverName, pool }) });

/** What a slice holds and where that is. @param old The spec that it had before. */
export const sliceContents = (old?: unknown): Check =>
  fields({
    spec: (spec, at, errors) => {
      slicePlace(spec, at, errors);
      if (member(spec, "sharedCounters") !== undefined && member(spec, "devices") !== undefined)
        errors.push(fieldError.invalid(at, "", "only one of `sharedCounters` or `devices` is allowed"));
      const most = listOf(member(spec, "devices")).some(isAdvanced) ? MOST_ADVANCED_DEVICES : MOST_DEVICES;
      const isPerDevice = member(spec, "perDeviceNodeSelection") === true;
      fields({
        devices: atMost(most, each(device(isPerDevice, old)), uniqueNames),
        sharedCounters: (list, here, found) => {
          if (listOf(list).length <= MOST_COUNTER_SETS) each(fields({ counters: counterCount }))(list, here, found);
        },
      })(spec, at, errors);
      partitionType(spec, at, errors);
      fields({ skipNodeOperations: skipped })(spec, at, errors);
    },
  });

export const declaredSkips: Check = all(uniqueElements(undefined), each(exactlyOneOf(...OPERATIONS)));

/** What the types of a slice declare of themselves. */
export const declaredSlice: Check = fields({
  spec: fields({
    devices: each((value, at, errors) => {
      const basic = member(value, "basic");
      if (basic === undefined) declaredParts(value, at, errors);
      else declaredParts(basic, child(at, "basic"), errors);
    }),
    sharedCounters: atMost(
      MOST_COUNTER_SETS,
      uniqueElements("name", (one) => typedValue(one, "resource/v1.CounterSet")),
      each(fields({ name: required(text(dnsLabel)), counters })),
    ),
    partitionTypeAttribute: optional(qualifiedAttribute),
    skipNodeOperations: declaredSkips,
  }),
});
