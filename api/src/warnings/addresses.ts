import { addressText, isMapped, parseAddress } from "@tsukube/foundation/ip-address";
import { withoutZeros } from "../validation/names.ts";

/** Of IPv6 addresses in another form than the one that all write, and of addresses that no new field takes. */
export function addressWarnings(value: string | undefined, at: string): string[] {
  const usual = usualForm(value ?? "");
  if (usual !== undefined)
    return [`${at}: non-standard IP address ${JSON.stringify(value)} is invalid: use ${JSON.stringify(usual)}`];
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

/** Of what has leading zeros, or is IPv4 within IPv6. */
function usualForm(text: string): string | undefined {
  const address = parseAddress(text);
  if (address === undefined) {
    const plain = parseAddress(withoutZeros(text));
    return plain === undefined ? undefined : addressText(plain);
  }
  return isMapped(address) ? addressText(address.slice(6)) : undefined;
}

function canonicalV6(text: string): string | undefined {
  const address = parseAddress(text);
  return address?.length === 8 ? addressText(address) : undefined;
}
