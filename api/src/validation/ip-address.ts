const OCTET = /^(0|[1-9]\d{0,2})$/;
const GROUP = /^[0-9a-fA-F]{1,4}$/;

/** 4 or 6 for an address of that family, else 0. Pure, since the API package also runs in browsers. */
export function isIP(text: string): 0 | 4 | 6 {
  return isIPv4(text) ? 4 : isIPv6(text) ? 6 : 0;
}

function isIPv4(text: string): boolean {
  const octets = text.split(".");
  return octets.length === 4 && octets.every((octet) => OCTET.test(octet) && Number(octet) <= 255);
}

function isIPv6(text: string): boolean {
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const counts = halves.map(groupCount);
  if (counts.includes(-1)) return false;
  const total = counts.reduce((sum, count) => sum + count, 0);
  return halves.length === 2 ? total <= 7 : total === 8;
}

/** How many 16-bit groups a run of them has; -1 if malformed. A last IPv4 address counts as two. */
function groupCount(run: string): number {
  if (run === "") return 0;
  const groups = run.split(":");
  const last = groups.at(-1)!;
  const embedded = last.includes(".");
  const plain = embedded ? groups.slice(0, -1) : groups;
  if (embedded && !isIPv4(last)) return -1;
  return plain.every((group) => GROUP.test(group)) ? plain.length + (embedded ? 2 : 0) : -1;
}
