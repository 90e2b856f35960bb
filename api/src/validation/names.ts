import { addressText, isIP, isMapped, networkOf, parseAddress } from "@tsukube/foundation/ip-address";

/** The forms of names, in upstream's words. Each returns what is wrong; nothing means valid. */

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const UNDERSCORED = /^_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*$/;
const DNS1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const CONFIG_KEY = /^[-._a-zA-Z0-9]+$/;
const PORT_NAME = /^[-a-z0-9]+$/;

const LABEL_MESSAGE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_MESSAGE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const UNDERSCORED_MESSAGE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')";
const DNS1035_MESSAGE =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const CONFIG_KEY_MESSAGE =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

export function dnsLabel(value: string): string[] {
  const long = longerThan(value, 63);
  if (LABEL.test(value)) return long;
  return [...long, SUBDOMAIN.test(value) ? "must not contain dots" : LABEL_MESSAGE];
}

export function dnsSubdomain(value: string): string[] {
  return [...longerThan(value, 253), ...(SUBDOMAIN.test(value) ? [] : [SUBDOMAIN_MESSAGE])];
}

/** The same in the words of types that declare it (k8s-long-name). */
export function longName(value: string): string[] {
  return dnsSubdomain(value).map((problem) => problem.replace(/characters$/, "bytes"));
}

/** A subdomain whose parts may hold underscores, as search paths of DNS may. */
export function underscoredSubdomain(value: string): string[] {
  return [...longerThan(value, 253), ...(UNDERSCORED.test(value) ? [] : [UNDERSCORED_MESSAGE])];
}

export function dns1035Label(value: string): string[] {
  return [...longerThan(value, 63), ...(DNS1035.test(value) ? [] : [DNS1035_MESSAGE])];
}

function longerThan(value: string, limit: number): string[] {
  return value.length > limit ? [`must be no more than ${limit} characters`] : [];
}

/** A name that can stand in a URL path. */
export function pathSegment(value: string): string[] {
  return value === "." || value === ".." ? [`may not be '${value}'`] : pathSegmentPart(value);
}

/** What such names begin with. */
export function pathSegmentPart(value: string): string[] {
  return ["/", "%"]
    .filter((character) => value.includes(character))
    .map((character) => `may not contain '${character}'`);
}

/** Service names since 1.34: a label without dots that may begin with a digit. */
export function serviceName(value: string): string[] {
  return dnsLabel(value);
}

export function configMapKey(value: string): string[] {
  const problems = longerThan(value, 253);
  if (!CONFIG_KEY.test(value)) problems.push(CONFIG_KEY_MESSAGE);
  if (value === "." || value === "..") problems.push(`must not be '${value}'`);
  else if (value.startsWith("..")) problems.push("must not start with '..'");
  return problems;
}

export function environmentName(value: string): string[] {
  const printable = value !== "" && [...value].every((one) => one > "\x1f" && one < "\x7f" && one !== "=");
  return printable
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** A named port: at most 15 lower case alphanumerics and dashes with one letter at least. */
export function portName(value: string): string[] {
  const problems: string[] = [];
  if (value.length > 15) problems.push("must be no more than 15 characters");
  if (!PORT_NAME.test(value)) problems.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  if (!/[a-z]/.test(value)) problems.push("must contain at least one letter (a-z)");
  if (value.includes("--")) problems.push("must not contain consecutive hyphens");
  if (value.startsWith("-") || value.endsWith("-")) problems.push("must not begin or end with a hyphen");
  return problems;
}

/** An IP address; IPv6 in any form. */
export function ipAddress(value: string): string[] {
  const address = parseAddress(value);
  if (address !== undefined) return isMapped(address) ? ["must not be an IPv4-mapped IPv6 address"] : [];
  return isIP(withoutZeros(value)) === 0
    ? ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    : ["must not have leading 0s"];
}

/** An IP address in the form that all write. */
export function canonicalAddress(value: string): string[] {
  const problems = ipAddress(value);
  if (problems.length > 0) return problems;
  const canonical = addressText(parseAddress(value)!);
  return canonical === value ? [] : [`must be in canonical form ("${canonical}")`];
}

const CIDR = /^(.+)\/(0|[1-9]\d{0,2})$/;

/** A network such as "10.9.8.0/24"; IPv6 in any form. */
export function cidr(value: string): string[] {
  if (!isCidr(value)) {
    return isCidr(withoutZeros(value))
      ? ["must not have leading 0s in IP or prefix length"]
      : ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"];
  }
  const [, text = "", length] = CIDR.exec(value)!;
  const address = parseAddress(text)!;
  if (isMapped(address)) return ["must not have an IPv4-mapped IPv6 address"];
  const isWhole = addressText(networkOf(address, Number(length))) === addressText(address);
  return isWhole ? [] : ["must not have bits set beyond the prefix length"];
}

/** A network in the form that all write. */
export function canonicalCidr(value: string): string[] {
  const problems = cidr(value);
  if (problems.length > 0) return problems;
  const [, text = "", length] = CIDR.exec(value)!;
  const canonical = `${addressText(parseAddress(text)!)}/${length}`;
  return canonical === value ? [] : [`must be in canonical form ("${canonical}")`];
}

/** An address with the length of its network, such as "10.9.8.7/24". */
export function interfaceAddress(value: string): string[] {
  const plain = withoutZeros(value);
  if (!isCidr(plain)) return ["must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"];
  const [, text = "", length] = CIDR.exec(plain)!;
  const address = parseAddress(text)!;
  const bits = isMapped(address) && Number(length) > 32 ? Number(length) - 96 : Number(length);
  const canonical = `${addressText(address)}/${bits}`;
  return canonical === value ? [] : [`must be in canonical form ("${canonical}")`];
}

function isCidr(value: string): boolean {
  const [, text = "", length] = CIDR.exec(value) ?? [];
  const family = isIP(text);
  return family !== 0 && Number(length) <= (family === 4 ? 32 : 128);
}

/** Numbers of IPv4 addresses and of bits once could begin with zeros. */
export function withoutZeros(value: string): string {
  return value.replace(/(^|[./:])0+(?=[1-9]\d*(?:[./]|$)|0(?:[./]|$))/g, "$1");
}

/** "*.example.com". */
export function wildcardSubdomain(value: string): string[] {
  const valid = value.startsWith("*.") && SUBDOMAIN.test(value.slice(2)) && value.length <= 253;
  return valid
    ? []
    : [
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
      ];
}

/** A domain of any case. */
export function caselessSubdomain(name: string): string[] {
  const message =
    "an RFC 1123 subdomain must consist of alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'Example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
  return dnsSubdomain(name.toLowerCase()).length > 0 ? [message] : [];
}
