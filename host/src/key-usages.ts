/** Names of certificates.k8s.io/v1 KeyUsage, by what they are in a certificate: bits of keyUsage (RFC 5280, 4.2.1.3). */
const BITS: Readonly<Record<string, number>> = {
  signing: 1,
  "digital signature": 1,
  "content commitment": 2,
  "key encipherment": 4,
  "data encipherment": 8,
  "key agreement": 16,
  "cert sign": 32,
  "crl sign": 64,
  "encipher only": 128,
  "decipher only": 256,
};

/** And purposes of extKeyUsage (RFC 5280, 4.2.1.12). */
const PURPOSES: Readonly<Record<string, string>> = {
  any: "2.5.29.37.0",
  "server auth": "1.3.6.1.5.5.7.3.1",
  "client auth": "1.3.6.1.5.5.7.3.2",
  "code signing": "1.3.6.1.5.5.7.3.3",
  "email protection": "1.3.6.1.5.5.7.3.4",
  "s/mime": "1.3.6.1.5.5.7.3.4",
  "ipsec end system": "1.3.6.1.5.5.7.3.5",
  "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
  "ipsec user": "1.3.6.1.5.5.7.3.7",
  timestamping: "1.3.6.1.5.5.7.3.8",
  "ocsp signing": "1.3.6.1.5.5.7.3.9",
  "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
  "netscape sgc": "2.16.840.1.113730.4.1",
};

/** The bits of keyUsage and the purposes of extKeyUsage that usages ask for. @throws for one that there is not. */
export function keyUsagesOf(usages: readonly string[]): {
  readonly bits: number;
  readonly purposes: readonly string[];
} {
  const unknown = usages.find((usage) => BITS[usage] === undefined && PURPOSES[usage] === undefined);
  if (unknown !== undefined) throw new Error(`unrecognized usage values: ["${unknown}"]`);
  const bits = usages.reduce((all, usage) => all | (BITS[usage] ?? 0), 0);
  return { bits, purposes: [...new Set(usages.flatMap((usage) => PURPOSES[usage] ?? []))] };
}
