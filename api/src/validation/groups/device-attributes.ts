import { fieldError } from "../../status/field-error.ts";
import { all, type Check, each, element, entriesOf, fields, listOf, member, optional, union } from "../check.ts";

const LISTS = ["ints", "bools", "strings", "versions"];
const VALUES = ["int", "bool", "string", "version", ...LISTS];
const LONGEST_VALUE = 64;
const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;

const short: Check = (value, at, errors) => {
  if (new TextEncoder().encode(String(value)).length > LONGEST_VALUE)
    errors.push(fieldError.tooLong(at, LONGEST_VALUE));
};

const version: Check = (value, at, errors) => {
  if (!SEMVER.test(String(value)))
    errors.push(fieldError.invalid(at, value, "must be a string compatible with semver.org spec 2.0.0"));
  short(value, at, errors);
};

const filled: Check = (value, at, errors) => {
  if (value !== undefined && listOf(value).length === 0)
    errors.push(fieldError.invalid(at, value, "must not be empty if specified"));
};

/** What an attribute is, of a device. */
export const attribute: Check = fields({
  string: optional(short),
  version: optional(version),
  bools: filled,
  ints: filled,
  strings: all(filled, each(short)),
  versions: all(filled, each(version)),
});

const MOST_PROPERTIES = 32;
const MOST_VALUES = 48;

const valuesOf = (one: unknown): number =>
  Math.max(
    1,
    LISTS.reduce((sum, name) => sum + listOf(member(one, name)).length, 0),
  );

/** How much a device says of itself. */
export const size: Check = (parts, at, errors) => {
  const [attributes, capacity] = ["attributes", "capacity"].map((name) => entriesOf(member(parts, name)));
  const properties = attributes!.length + capacity!.length;
  const limit = (count: number, most: number, what: string): void => {
    if (count > most) errors.push(fieldError.invalid(at, count, `the total number of ${what} must not exceed ${most}`));
  };
  limit(properties, MOST_PROPERTIES, "attributes and capacities");
  limit(
    attributes!.reduce((sum, [, one]) => sum + valuesOf(one), 0),
    MOST_VALUES,
    "attribute values",
  );
};

/** Whether a device has an attribute of several values. */
export const hasLists = (attributes: unknown): boolean =>
  entriesOf(attributes).some(([, value]) => LISTS.some((name) => member(value, name) !== undefined));

export const declaredAttributes: Check = (value, at, errors) => {
  for (const [name, one] of entriesOf(value)) union(...VALUES)(one, element(at, name), errors);
};
