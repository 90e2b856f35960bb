/** A part of a schedule: its bounds and the names its numbers have. */
interface Field {
  readonly low: number;
  readonly high: number;
  readonly names: ReadonlyMap<string, number>;
}

function named(first: number, ...names: readonly string[]): ReadonlyMap<string, number> {
  return new Map(names.map((name, index) => [name, first + index]));
}

const MONTHS = named(1, "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec");
const DAYS = named(0, "sun", "mon", "tue", "wed", "thu", "fri", "sat");

/** Minute, hour, day of month, month and day of week. */
const FIELDS: readonly Field[] = [
  { low: 0, high: 59, names: named(0) },
  { low: 0, high: 23, names: named(0) },
  { low: 1, high: 31, names: named(0) },
  { low: 1, high: 12, names: MONTHS },
  { low: 0, high: 6, names: DAYS },
];
const DESCRIPTORS: ReadonlySet<string> = new Set([
  "@yearly",
  "@annually",
  "@monthly",
  "@weekly",
  "@daily",
  "@midnight",
  "@hourly",
]);
const EVERY = "@every ";
const DURATION = /^[-+]?(\d+(\.\d*)?(ns|us|µs|ms|s|m|h))+$/;

/**
 * What is wrong with a cron schedule: five fields, or a descriptor such as "@daily" or "@every 1h30m", after an optional
 * "TZ=Europe/Berlin ".
 */
export function scheduleProblem(text: string): string | undefined {
  if (text === "") return "empty spec string";
  const zone = /^(?:CRON_)?TZ=(\S*)( ?)/.exec(text);
  if (zone === null) return untimedProblem(text);
  if (zone[2] === "") return "invalid schedule format: runtime error: slice bounds out of range [:-1]";
  if (!isTimeZone(zone[1]!)) return `provided bad location ${zone[1]!}: unknown time zone ${zone[1]!}`;
  return untimedProblem(text.slice(zone[0].length).trim());
}

function untimedProblem(schedule: string): string | undefined {
  if (schedule.startsWith("@")) return descriptorProblem(schedule);
  const parts = schedule.split(/\s+/).filter((part) => part !== "");
  if (parts.length !== FIELDS.length)
    return `expected exactly ${FIELDS.length} fields, found ${parts.length}: [${parts.join(" ")}]`;
  for (const [index, part] of parts.entries()) {
    for (const range of part.split(",").filter((one) => one !== "")) {
      const problem = rangeProblem(range, FIELDS[index]!);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

function descriptorProblem(descriptor: string): string | undefined {
  if (DESCRIPTORS.has(descriptor)) return undefined;
  if (!descriptor.startsWith(EVERY)) return `unrecognized descriptor: ${descriptor}`;
  const duration = descriptor.slice(EVERY.length);
  if (DURATION.test(duration)) return undefined;
  return `failed to parse duration ${descriptor}: time: invalid duration ${JSON.stringify(duration)}`;
}

/** "*", "?", "n", "a-b", each with an optional "/step". */
function rangeProblem(range: string, field: Field): string | undefined {
  const [body = "", stepText, ...more] = range.split("/");
  const ends = body.split("-");
  const isAny = ends[0] === "*" || ends[0] === "?";
  const start = isAny ? field.low : numberOf(ends[0]!, field);
  if (typeof start === "string") return start;
  if (!isAny && ends.length > 2) return `too many hyphens: ${range}`;
  const last = isAny ? field.high : ends.length === 2 ? numberOf(ends[1]!, field) : start;
  if (typeof last === "string") return last;
  const step = stepText === undefined ? 1 : parsed(stepText);
  if (typeof step === "string") return step;
  if (more.length > 0) return `too many slashes: ${range}`;
  const end = stepText !== undefined && ends.length === 1 ? field.high : last;
  if (start < field.low) return `beginning of range (${start}) below minimum (${field.low}): ${range}`;
  if (end > field.high) return `end of range (${end}) above maximum (${field.high}): ${range}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${range}`;
  return step === 0 ? `step of range should be a positive number: ${range}` : undefined;
}

/** The number, or what is wrong with it. */
function numberOf(text: string, { names }: Field): number | string {
  return names.get(text.toLowerCase()) ?? parsed(text);
}

function parsed(text: string): number | string {
  if (!/^[-+]?\d+$/.test(text))
    return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
  const number = Number(text);
  return number < 0 ? `negative number (${number}) not allowed: ${text}` : number;
}

/** True for a zone of the tz database such as "Europe/Berlin" or "Etc/UTC". */
export function isTimeZone(name: string): boolean {
  if (name === "" || name === "Local") return true; // Go takes these two for UTC and for the zone of the machine
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
