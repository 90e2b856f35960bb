import { addressText, parseAddress } from "@tsukube/foundation/ip-address";

/** Of IPv6 addresses in another form than the one that all write. */
export function addressWarnings(value: string | undefined, at: string): string[] {
  const canonical = canonicalV6(value ?? "");
  if (canonical === undefined || canonical === value) return [];
  return [`${at}: IPv6 address ${JSON.stringify(value)} should be in RFC 5952 canonical format ("${canonical}")`];
}

/** As {@link addressWarnings}, of networks such as "2001:db8::/64". */
export function networkWarnings(value: string | undefined, at: string): string[] {
  const [address = "", length = ""] = (value ?? "").split("/");
  const canonical = canonicalV6(address);
  if (canonical === undefined || canonical === address) return [];
  return [
    `${at}: IPv6 CIDR value ${JSON.stringify(value)} should be in RFC 5952 canonical format ("${canonical}/${length}")`,
  ];
}

function canonicalV6(text: string): string | undefined {
  const address = parseAddress(text);
  return address?.length === 8 ? addressText(address) : undefined;
}
