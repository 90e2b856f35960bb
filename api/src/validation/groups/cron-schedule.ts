/** The bounds of minute, hour, day of month, month and day of week. */
const BOUNDS = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 6],
] as const;
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const DESCRIPTORS: ReadonlySet<string> = new Set([
  "@yearly",
  "@annually",
  "@monthly",
  "@weekly",
  "@daily",
  "@midnight",
  "@hourly",
]);

/** True for a cron schedule: five fields, or a descriptor such as "@daily" or "@every 1h30m". */
export function isSchedule(text: string): boolean {
  const schedule = text.trim();
  if (schedule.startsWith("@"))
    return DESCRIPTORS.has(schedule) || /^@every (\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(schedule);
  const parts = schedule.split(/\s+/);
  return parts.length === 5 && parts.every((part, index) => part.split(",").every((range) => isRange(range, index)));
}

/** "*", "?", "n", "a-b", each with an optional "/step". */
function isRange(range: string, index: number): boolean {
  const [body = "", step, ...rest] = range.split("/");
  if (rest.length > 0 || (step !== undefined && !(/^\d+$/.test(step) && Number(step) > 0))) return false;
  if (body === "*" || body === "?") return true;
  const ends = body.split("-").map((end) => numberOf(end, index));
  const [low, high] = BOUNDS[index]!;
  if (ends.length > 2 || ends.some((end) => end === undefined || end < low || end > high)) return false;
  return ends.length === 1 || ends[0]! <= ends[1]!;
}

function numberOf(text: string, index: number): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  const names = index === 3 ? MONTHS : index === 4 ? DAYS : [];
  const at = names.indexOf(text.toLowerCase());
  return at < 0 ? undefined : index === 3 ? at + 1 : at;
}

/** True for a zone of the tz database such as "Europe/Berlin" or "Etc/UTC". */
export function isTimeZone(name: string): boolean {
  if (name.toLowerCase() === "local") return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
