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

/** What an address is that no other machine answers at; undefined for those that others may have. */
export function isSpecialAddress(
  text: string,
): "unspecified" | "loopback" | "link-local" | "link-local multicast" | undefined {
  const address = text.toLowerCase();
  if (isIPv4(address)) return specialV4(address.split(".").map(Number));
  const [first = 0, ...rest] = groupsOf(address);
  if (rest.slice(0, 4).every((group) => group === 0) && first === 0) {
    if (rest[4] === 0xffff) return specialV4(octetsOf(rest[5] ?? 0, rest[6] ?? 0));
    if (rest.slice(0, 6).every((group) => group === 0)) {
      if (rest[6] === 0) return "unspecified";
      if (rest[6] === 1) return "loopback";
    }
  }
  if ((first & 0xffc0) === 0xfe80) return "link-local";
  return (first & 0xff0f) === 0xff02 ? "link-local multicast" : undefined;
}

function specialV4([a, b, c, d]: readonly number[]): ReturnType<typeof isSpecialAddress> {
  if (a === 0 && b === 0 && c === 0 && d === 0) return "unspecified";
  if (a === 127) return "loopback";
  if (a === 169 && b === 254) return "link-local";
  return a === 224 && b === 0 && c === 0 ? "link-local multicast" : undefined;
}

function octetsOf(high: number, low: number): readonly number[] {
  return [high >> 8, high & 0xff, low >> 8, low & 0xff];
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): readonly number[] {
  const parse = (run: string): number[] =>
    run === ""
      ? []
      : run.split(":").flatMap((group) => {
          if (!group.includes(".")) return [Number.parseInt(group, 16)];
          const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
          return [a * 256 + b, c * 256 + d];
        });
  const [head = "", tail] = address.split("::");
  if (tail === undefined) return parse(head);
  const [left, right] = [parse(head), parse(tail)];
  return [...left, ...Array<number>(Math.max(0, 8 - left.length - right.length)).fill(0), ...right];
}
