import { TsukubeError } from "@tsukube/foundation";

/** Text that is no schedule. */
export class ScheduleError extends TsukubeError<"invalid-schedule"> {
  constructor(text: string, state: string) {
    super("invalid-schedule", `Cannot read schedule "${text}": ${state}`);
  }
}

/** One of the five fields: which values are meant. */
export interface Field {
  /** Rising, each once. */
  readonly values: readonly number[];
  /** "*" or "?" without a step: the field asks for nothing. Decides how day of month and day of week combine. */
  readonly isAny: boolean;
}

/** What a field may hold. */
export interface FieldBounds {
  readonly name: string;
  readonly first: number;
  readonly last: number;
  /** Names of the values, beginning with that of `first`. */
  readonly names?: readonly string[];
}

export const FIELDS: readonly FieldBounds[] = [
  { name: "minute", first: 0, last: 59 },
  { name: "hour", first: 0, last: 23 },
  { name: "day of month", first: 1, last: 31 },
  { name: "month", first: 1, last: 12, names: "jan feb mar apr may jun jul aug sep oct nov dec".split(" ") },
  { name: "day of week", first: 0, last: 6, names: "sun mon tue wed thu fri sat".split(" ") },
];

/** Reads "*", "?", "a", "a-b", each with an optional "/step", and lists of them. "a/step" runs from a to the end. */
export function parseField(text: string, bounds: FieldBounds, schedule: string): Field {
  const values = new Set<number>();
  let isAny = false;
  for (const range of text.split(",")) {
    const { from, to, step, any } = parseRange(range, bounds, schedule);
    isAny ||= any;
    for (let value = from; value <= to; value += step) values.add(value);
  }
  return { values: [...values].sort((a, b) => a - b), isAny };
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly any: boolean;
}

function parseRange(range: string, bounds: FieldBounds, schedule: string): Range {
  const { name, first, last } = bounds;
  const refuse = (state: string): never => {
    throw new ScheduleError(schedule, `${name} "${range}" ${state}`);
  };
  const [body = "", stepText, ...rest] = range.split("/");
  if (rest.length > 0) refuse("has two steps, expected one");
  const step = stepText === undefined ? 1 : /^\d{1,9}$/.test(stepText) ? Number(stepText) : 0;
  if (step < 1) refuse("has no step after its slash, expected a positive number");
  if (body === "*" || body === "?") return { from: first, to: last, step, any: step === 1 };
  const ends = body.split("-").map((end) => numberOf(end, bounds));
  const [from, to = stepText === undefined ? from : last] = ends;
  if (ends.length > 2 || from === undefined || ends.some((end) => end === undefined))
    return refuse(`is not understood, expected *, a value or a range`);
  if (from < first || to! > last) refuse(`is out of bounds, expected ${first} to ${last}`);
  if (from > to!) refuse("ends before it begins");
  return { from, to: to!, step, any: false };
}

function numberOf(text: string, { first, names = [] }: FieldBounds): number | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const at = names.indexOf(text.toLowerCase());
  return at < 0 ? undefined : first + at;
}
