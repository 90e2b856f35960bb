import { type FieldError, fieldError } from "../status/field-error.ts";

/** Checks a value and appends what is wrong with it. Absent and null values arrive as undefined. */
export type Check = (value: unknown, at: string, errors: FieldError[]) => void;

/** A decoded object. */
export type Values = { readonly [name: string]: unknown };

/** "spec" and "replicas" make "spec.replicas". */
export function child(at: string, name: string): string {
  return at === "" ? name : `${at}.${name}`;
}

export function element(at: string, index: number | string): string {
  return `${at}[${index}]`;
}

/** A member of a decoded object; undefined when absent or null, or when `value` is no object. */
export function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Values)[name] ?? undefined;
}

/** A value by path of members, such as "spec.template.metadata". */
export function valueAt(value: unknown, path: string): unknown {
  return path === "" ? value : path.split(".").reduce<unknown>((at, name) => member(at, name), value);
}

/** A list, empty when absent. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

/** The members of an object or map, none when absent. */
export function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}

/** True for what Go calls the zero value: absent, "", 0, false, an empty list or map. */
export function isUnset(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === 0 || value === false) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** Checks members; an absent object is checked as an empty one, as Go structs are. */
export function fields(shape: Readonly<Record<string, Check>>): Check {
  const entries = Object.entries(shape);
  return (value, at, errors) => {
    for (const [name, check] of entries) check(member(value, name), child(at, name), errors);
  };
}

export function all(...checks: readonly Check[]): Check {
  return (value, at, errors) => {
    for (const check of checks) check(value, at, errors);
  };
}

/** Checks only what is there. */
export function optional(...checks: readonly Check[]): Check {
  const check = all(...checks);
  return (value, at, errors) => {
    if (value !== undefined) check(value, at, errors);
  };
}

/** Checks only what is not Go's zero value. */
export function unlessUnset(...checks: readonly Check[]): Check {
  const check = all(...checks);
  return (value, at, errors) => {
    if (!isUnset(value)) check(value, at, errors);
  };
}

/** Required, and then `checks`. */
export function required(...checks: readonly Check[]): Check {
  return requiredWith("", ...checks);
}

export function requiredWith(detail: string, ...checks: readonly Check[]): Check {
  const check = all(...checks);
  return (value, at, errors) => {
    if (isUnset(value)) errors.push(fieldError.required(at, detail));
    else check(value, at, errors);
  };
}

/** Checks each element of a list. */
export function each(...checks: readonly Check[]): Check {
  const check = all(...checks);
  return (value, at, errors) => {
    listOf(value).forEach((item, index) => {
      check(item, element(at, index), errors);
    });
  };
}

/** Refuses a second element with the same `key`, at the element's key field. */
export function unique(key: string): Check {
  return (value, at, errors) => {
    const seen = new Set<unknown>();
    listOf(value).forEach((item, index) => {
      const id = member(item, key);
      if (seen.has(id) && id !== undefined) errors.push(fieldError.duplicate(child(element(at, index), key), id));
      seen.add(id);
    });
  };
}

/**
 * Refuses an element whose `key` an element before it has.
 * @param key undefined: which itself came before. @param shown What the error says of it.
 */
export function uniqueElements(key: string | undefined, shown = (item: unknown): unknown => item): Check {
  return (value, at, errors) => {
    const seen = new Set<unknown>();
    listOf(value).forEach((item, index) => {
      const id = key === undefined ? item : (member(item, key) ?? "");
      if (seen.has(id)) errors.push(fieldError.duplicate(element(at, index), shown(item)));
      seen.add(id);
    });
  };
}

/** Checks a list unless it has too many elements, which alone is refused then. */
export function atMost(most: number, ...checks: readonly Check[]): Check {
  const check = all(...checks);
  return (value, at, errors) => {
    const { length } = listOf(value);
    if (length > most) errors.push(fieldError.tooMany(at, length, most));
    else check(value, at, errors);
  };
}

/** Exactly one of these members. */
export function union(...names: readonly string[]): Check {
  const all = names.map((name) => `\`${name}\``).join(", ");
  return (value, at, errors) => {
    const given = names.filter((name) => !isAbsent(member(value, name)));
    if (given.length === 0) errors.push(fieldError.invalid(at, "", `must specify one of: ${all}`));
    if (given.length > 1)
      errors.push(fieldError.invalid(at, `{${given.join(", ")}}`, `must specify exactly one of: ${all}`));
  };
}

/** Undefined, or a list without elements. */
function isAbsent(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}

/** One of `values`; unset is refused as required unless `optional`. */
export function oneOf(...values: readonly string[]): Check {
  return (value, at, errors) => {
    if (isUnset(value)) errors.push(fieldError.required(at));
    else if (!values.includes(value as string)) errors.push(fieldError.notSupported(at, value, values));
  };
}

/** One of `values`, or absent. */
export function optionalOneOf(...values: readonly string[]): Check {
  return (value, at, errors) => {
    if (value !== undefined && !values.includes(value as string))
      errors.push(fieldError.notSupported(at, value, values));
  };
}

/** One of `values`; unset is not supported either. */
export function exactlyOneOf(...values: readonly string[]): Check {
  return (value, at, errors) => {
    if (!values.includes((value ?? "") as string)) errors.push(fieldError.notSupported(at, value ?? "", values));
  };
}

/** What makes the value invalid in upstream's words; an empty list means nothing does. */
export type Problems = (value: string) => readonly string[];

/** Invalid for each problem of a string; absent counts as "". */
export function text(problems: Problems): Check {
  return (value, at, errors) => {
    for (const problem of problems((value ?? "") as string)) errors.push(fieldError.invalid(at, value ?? "", problem));
  };
}

export const NON_NEGATIVE = "must be greater than or equal to 0";

/** Refuses negative numbers. */
export const nonNegative: Check = (value, at, errors) => {
  if (Number(value ?? 0) < 0) errors.push(fieldError.invalid(at, value, NON_NEGATIVE));
};

/** Refuses numbers that are not above zero. */
export const positive: Check = (value, at, errors) => {
  if (!(Number(value ?? 0) > 0)) errors.push(fieldError.invalid(at, value ?? 0, "must be greater than zero"));
};

export function atLeast(low: number): Check {
  return (value, at, errors) => {
    if (Number(value ?? 0) < low)
      errors.push(fieldError.invalid(at, value ?? 0, `must be greater than or equal to ${low}`));
  };
}

/** As declarative validation words it. */
export function noMoreThan(high: number): Check {
  return (value, at, errors) => {
    if (Number(value ?? 0) > high) errors.push(fieldError.invalid(at, value, `must be less than or equal to ${high}`));
  };
}

export function between(low: number, high: number): Check {
  return (value, at, errors) => {
    const number = Number(value ?? 0);
    if (number < low || number > high) {
      errors.push(fieldError.invalid(at, value ?? 0, `must be between ${low} and ${high}, inclusive`));
    }
  };
}

/** A port number. */
export const port: Check = between(1, 65_535);

/** Runs a check on a whole object. */
export function run(check: Check, value: unknown, at = ""): FieldError[] {
  const errors: FieldError[] = [];
  check(value, at, errors);
  return errors;
}
