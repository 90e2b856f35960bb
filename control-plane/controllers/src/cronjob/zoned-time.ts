import { formatTime } from "@tsukube/foundation";

/** RFC 3339 with the offset of the zone: "2025-07-01T02:00:00+02:00", "...Z" where it is that of UTC. */
export function formatZonedTime(ms: number, timeZone: string): string {
  const parts = new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longOffset" }).formatToParts(ms);
  const offset = parts.find(({ type }) => type === "timeZoneName")?.value.slice("GMT".length) ?? "";
  const match = /^([+-])(\d\d):(\d\d)/.exec(offset);
  if (match === null || (match[2] === "00" && match[3] === "00")) return formatTime(ms);
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  const local = formatTime(ms + (match[1] === "-" ? -1 : 1) * minutes * 60_000);
  return `${local.slice(0, -1)}${match[0]}`;
}
