const OCTET = /^(0|[1-9]\d{0,2})$/;
const GROUP = /^[0-9a-fA-F]{1,4}$/;

/** An address by its 16-bit groups: two of IPv4, eight of IPv6. Pure, since the API package also runs in browsers. */
export type Address = readonly number[];

/** An IPv4 or IPv6 address; undefined for other texts. */
export function parseAddress(text: string): Address | undefined {
  return text.includes(":") ? parse6(text) : parse4(text);
}

function parse4(text: string): Address | undefined {
  const octets = text.split(".");
  if (octets.length !== 4 || !octets.every((octet) => OCTET.test(octet) && Number(octet) <= 255)) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = octets.map(Number);
  return [a * 256 + b, c * 256 + d];
}

function parse6(text: string): Address | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(parseRun);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const count = head.length + (tail?.length ?? 0);
  if (tail === undefined) return count === 8 ? head : undefined;
  return count > 7 ? undefined : [...head, ...Array<number>(8 - count).fill(0), ...tail];
}

/** The groups of "a:b:c"; the last may be an IPv4 address, which counts as two. */
function parseRun(run: string): Address | undefined {
  if (run === "") return [];
  const groups: number[] = [];
  const texts = run.split(":");
  for (const [index, text] of texts.entries()) {
    const embedded = index === texts.length - 1 && text.includes(".") ? parse4(text) : undefined;
    if (embedded !== undefined) groups.push(...embedded);
    else if (GROUP.test(text)) groups.push(Number.parseInt(text, 16));
    else return undefined;
  }
  return groups;
}

/** 4 or 6 for an address of that family, else 0. */
export function isIP(text: string): 0 | 4 | 6 {
  const address = parseAddress(text);
  return address === undefined ? 0 : address.length === 2 ? 4 : 6;
}

/** True for an IPv4 address in the form of IPv6: "::ffff:10.0.0.1". */
export function isMapped(address: Address): boolean {
  return address.length === 8 && address[5] === 0xffff && address.slice(0, 5).every((group) => group === 0);
}

/** An address in the form that all write: IPv6 as RFC 5952 says. */
export function addressText(address: Address): string {
  if (address.length === 2) return address.flatMap(octets).join(".");
  if (isMapped(address)) return address.slice(6).flatMap(octets).join(".");
  const groups = address.map((group) => group.toString(16));
  let [at, length] = [-1, 1];
  for (let start = 0; start < groups.length; start += 1) {
    let end = start;
    while (groups[end] === "0") end += 1;
    if (end - start > length) [at, length] = [start, end - start];
  }
  if (at < 0) return groups.join(":");
  return `${groups.slice(0, at).join(":")}::${groups.slice(at + length).join(":")}`;
}

/** The first address of the network of `length` bits that an address is in. */
export function networkOf(address: Address, length: number): Address {
  return address.map((group, index) => {
    const bits = Math.min(16, Math.max(0, length - index * 16));
    return group & (0xffff << (16 - bits)) & 0xffff;
  });
}

function octets(group: number): readonly number[] {
  return [group >> 8, group & 0xff];
}

/** What an address is that no other machine answers at; undefined for those that others may have. */
export function isSpecialAddress(
  text: string,
): "unspecified" | "loopback" | "link-local" | "link-local multicast" | undefined {
  const address = parseAddress(text) ?? [];
  if (address.length === 2) return specialV4(address);
  if (isMapped(address)) return specialV4(address.slice(6));
  const [first = 0] = address;
  if (address.slice(0, 7).every((group) => group === 0)) {
    if (address[7] === 0) return "unspecified";
    if (address[7] === 1) return "loopback";
  }
  if ((first & 0xffc0) === 0xfe80) return "link-local";
  return (first & 0xff0f) === 0xff02 ? "link-local multicast" : undefined;
}

function specialV4(address: Address): ReturnType<typeof isSpecialAddress> {
  const [a, b, c, d] = address.flatMap(octets);
  if (a === 0 && b === 0 && c === 0 && d === 0) return "unspecified";
  if (a === 127) return "loopback";
  if (a === 169 && b === 254) return "link-local";
  return a === 224 && b === 0 && c === 0 ? "link-local multicast" : undefined;
}
