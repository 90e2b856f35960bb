import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  type Quantity,
  roundUpQuantity,
} from "../../quantity.ts";
import { fieldError } from "../../status/field-error.ts";
import { type Check, child, element, entriesOf, fields, listOf, member, NON_NEGATIVE, optional } from "../check.ts";
import { allows } from "../gates-in-force.ts";

const MOST_VALUES = 10;
const LARGEST = (1n << 63n) - 1n;
const NANO = 1_000_000_000n;
const MILLI = 1_000_000n;
const ONE_POLICY =
  'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time';

const quantity = (value: unknown): Quantity | undefined =>
  value === undefined ? undefined : parseQuantity(`${value}`);
const isFractional = (one: Quantity): boolean => one.nanos % NANO !== 0n;

/** Which amounts of a capacity a claim may ask for (KEP-5075): a few, or steps from a least to a largest. */
function requestPolicy(capacity: Quantity): Check {
  return (value, at, errors) => {
    const [values, range, amount] = [
      member(value, "validValues"),
      member(value, "validRange"),
      member(value, "default"),
    ];
    const name = listOf(values).length > 0 ? "validValues" : "validRange";
    if (name === "validValues" && range !== undefined) return void errors.push(fieldError.forbidden(at, ONE_POLICY));
    const given = name === "validValues" ? values : range;
    if (given === undefined) return;
    if (amount === undefined)
      return void errors.push(fieldError.required(child(at, "default"), `required when ${name} is defined`));
    const check = name === "validValues" ? validValues : validRange;
    check(capacity, parseQuantity(`${amount}`))(given, child(at, name), errors);
  };
}

function validValues(capacity: Quantity, amount: Quantity): Check {
  return (value, at, errors) => {
    const options = listOf(value).map((option) => parseQuantity(`${option}`));
    options.forEach((option, index) => {
      if (index > 0 && compareQuantities(options[index - 1]!, option) > 0)
        errors.push(
          fieldError.invalid(element(at, index), formatQuantity(option), "values must be sorted in ascending order"),
        );
    });
    const isTooLong = options.length > MOST_VALUES;
    if (isTooLong) errors.push(fieldError.tooMany(at, options.length, MOST_VALUES));
    else distinctOptions(options, capacity)(value, at, errors);
    if (isTooLong || !options.some((option) => compareQuantities(option, amount) === 0))
      errors.push(
        fieldError.invalid(at, formatQuantity(amount), "default value is not valid according to the requestPolicy"),
      );
  };
}

/** Without fractions, options are told apart by what they are rounded up to. */
function distinctOptions(options: readonly Quantity[], capacity: Quantity): Check {
  return (_value, at, errors) => {
    const larger = `option is larger than capacity value: ${formatQuantity(capacity)}`;
    options.forEach((option, index) => {
      if (compareQuantities(option, capacity) > 0)
        errors.push(fieldError.invalid(element(at, index), formatQuantity(option), larger));
    });
    const seen = new Set<string>();
    options.forEach((option, index) => {
      const isExact = allows("DRAFractionalCapacityRange");
      const key = isExact
        ? formatQuantity({ ...option, format: "DecimalSI" })
        : `${roundUpQuantity(option, NANO).nanos / NANO}`;
      if (seen.has(key)) errors.push(fieldError.duplicate(element(at, index), key));
      seen.add(key);
    });
  };
}

function validRange(capacity: Quantity, amount: Quantity): Check {
  return (value, at, errors) => {
    const [min, max, step] = ["min", "max", "step"].map((name) => quantity(member(value, name)));
    const refuse = (name: string, bad: Quantity, why: string): void =>
      void errors.push(fieldError.invalid(child(at, name), formatQuantity(bad), why));
    if (min === undefined)
      return void errors.push(fieldError.required(child(at, "min"), "required when validRange is defined"));
    const [most, least] = [formatQuantity(capacity), formatQuantity(min)];
    if (compareQuantities(min, capacity) > 0) refuse("min", min, `min is larger than capacity value: ${most}`);
    if (compareQuantities(amount, min) < 0) refuse("default", amount, `default is less than min: ${least}`);
    if (max !== undefined) {
      const largest = formatQuantity(max);
      if (compareQuantities(min, max) > 0) refuse("max", min, `min is larger than max: ${largest}`);
      if (compareQuantities(max, capacity) > 0) refuse("max", max, `max is larger than capacity value: ${most}`);
      if (compareQuantities(amount, max) > 0) refuse("default", amount, `default is more than max: ${largest}`);
    }
    const named = Object.entries({ default: amount, min, max, step }).filter(
      (one): one is [string, Quantity] => one[1] !== undefined,
    );
    const inMilli = allows("DRAFractionalCapacityRange") && named.some(([, one]) => isFractional(one));
    const tooFine = named.filter(([, one]) => inMilli && (one.nanos % MILLI !== 0n || one.nanos > LARGEST * MILLI));
    for (const [name, one] of tooFine) refuse(name, one, "value cannot be represented as a milli value");
    if (tooFine.length > 0 || step === undefined) return;
    if (step.nanos <= 0n) return refuse("step", step, "must be greater than zero");
    const next = addQuantities(min, step);
    if (compareQuantities(next, capacity) > 0)
      refuse("step", step, `one step ${formatQuantity(next)} is larger than capacity value: ${most}`);
    const outside = inMilli ? [] : named.filter(([, one]) => one.nanos < 0n || one.nanos > LARGEST * NANO);
    for (const [name, one] of outside)
      refuse(name, one, one.nanos < 0n ? NON_NEGATIVE : `must not be larger than ${LARGEST}`);
    if (outside.length > 0) return;
    const unit = inMilli ? MILLI : NANO;
    const counted = (one: Quantity): bigint => roundUpQuantity(one, unit).nanos / unit;
    const why = `value is not a multiple of a given step (${formatQuantity(step)}) from (${least})`;
    for (const one of max === undefined ? [amount] : [amount, max])
      if ((counted(one) - counted(min)) % counted(step) !== 0n) refuse("step", one, why);
  };
}

/** The capacities of a device: only of one that several claims share may less than all be asked for. */
export function capacities(isShared: boolean, name: Check): Check {
  return (value, at, errors) => {
    for (const [key, capacity] of entriesOf(value)) {
      name(key, at, errors);
      const policy = isShared ? requestPolicy(parseQuantity(`${member(capacity, "value") ?? 0}`)) : REFUSED;
      fields({ requestPolicy: optional(policy) })(capacity, element(at, key), errors);
    }
  };
}

const REFUSED: Check = (_value, at, errors) => {
  errors.push(fieldError.forbidden(at, "allowMultipleAllocations must be true"));
};
