import { canonicalTime } from "../timestamps.ts";
import { dnsLabel, dnsSubdomain } from "../validation/names.ts";

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;
const HOSTNAME =
  /^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z0-9-\p{L}]){2,63})$/u;

/** Whether an address is IPv6 in any of its spellings. */
function isIPv6(text: string): boolean {
  const [head = "", tail, extra] = text.split("::");
  if (extra !== undefined) return false;
  const groups = [...head.split(":"), ...(tail === undefined ? [] : tail.split(":"))].filter((group) => group !== "");
  const last = groups.at(-1) ?? "";
  const embedded = IPV4.test(last);
  const count = groups.length + (embedded ? 1 : 0);
  if (!(embedded ? groups.slice(0, -1) : groups).every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  const edges = (head === "" || !/^:|:$/.test(head)) && (tail === undefined || !/^:|:$/.test(tail));
  return edges && (tail === undefined ? count === 8 : count < 8);
}

/** As Go's sloppy parser: decimal, with leading zeros if somebody likes them; IPv4 within IPv6 has dots as well. */
function isIPv4(text: string): boolean {
  return IPV4.test(withoutZeros(text)) || (text.includes(".") && isIPv6(text));
}

function withoutZeros(text: string): string {
  return text.replaceAll(/\b0+(?=\d)/g, "");
}

function isCidr(text: string): boolean {
  const [address = "", bits, extra] = text.split("/");
  if (bits === undefined || extra !== undefined || !/^\d{1,3}$/.test(bits)) return false;
  return (IPV4.test(withoutZeros(address)) && Number(bits) <= 32) || (isIPv6(address) && Number(bits) <= 128);
}

/** 48 and 64 bits, and the 20 bytes of InfiniBand. */
function isMac(text: string): boolean {
  const isDotted = /^(?:[0-9a-f]{4}\.)+[0-9a-f]{4}$/i.test(text);
  const isPaired = /^[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2})*$/i.test(text);
  return (isDotted || isPaired) && [12, 16, 40].includes(text.replaceAll(/[.:-]/g, "").length);
}

function isDate(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && isTime(`${text}T00:00:00Z`);
}

/** Letters in any case; the seconds' fraction may begin with any character. */
function isDateTime(text: string): boolean {
  const parts = /^(.*)t(\d\d):(\d\d):(\d\d)(?:.\d+)?(?:z|[+-]\d\d:\d\d)$/.exec(text.toLowerCase());
  if (parts === null) return false;
  const [, date = "", hour, minute, second] = parts;
  return isDate(date) && Number(hour) <= 23 && Number(minute) <= 59 && Number(second) <= 59;
}

function isTime(text: string): boolean {
  try {
    canonicalTime(text);
    return true;
  } catch {
    return false;
  }
}

function isUri(text: string): boolean {
  const isHostWhole = !/^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/?#]*\[[^\]/?#]*(?:[/?#]|$)/.test(text);
  return (/^[a-zA-Z][a-zA-Z0-9+.-]*:[^\s]+$/.test(text) && isHostWhole) || text.startsWith("/");
}

const UNITS = /^(?:ns|nano.*|us|µs|micro.*|ms|milli.*|s|sec.*|m|min.*|h|hr|hour.*|d|day.*|w|wk|week.*)$/i;

/** Go's durations, or words among which is an amount of something that is a time. */
function isDuration(text: string): boolean {
  if (/^[-+]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.test(text)) return true;
  return [...text.matchAll(/(?<!\d)\d+\s*([A-Za-zµ]+)/g)].some(([, unit = ""]) => UNITS.test(unit));
}

/** ISBN-10 and -13, credit cards: a weighted sum of digits that a modulus divides. */
function isIsbn10(text: string): boolean {
  const digits = text.replace(/[-\s]/g, "");
  if (!/^\d{9}[\dXx]$/.test(digits)) return false;
  const sum = [...digits].reduce(
    (total, digit, index) => total + (10 - index) * (/x/i.test(digit) ? 10 : Number(digit)),
    0,
  );
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = text.replace(/[-\s]/g, "");
  if (!/^\d{13}$/.test(digits)) return false;
  return [...digits].reduce((total, digit, index) => total + Number(digit) * (index % 2 === 0 ? 1 : 3), 0) % 10 === 0;
}

function isCreditCard(text: string): boolean {
  const digits = text.replace(/\D/g, "");
  if (!/^\d{12,19}$/.test(digits)) return false;
  const sum = [...digits].reverse().reduce((total, digit, index) => {
    const doubled = Number(digit) * (index % 2 === 0 ? 1 : 2);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return sum % 10 === 0;
}

const UUID = (version: string, variant: string) =>
  new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?${variant}[0-9a-f]{3}-?[0-9a-f]{12}$`, "i");

function matches(form: RegExp): (text: string) => boolean {
  return (text) => form.test(text);
}

/** The formats that upstream checks; any other name is accepted without a check. */
const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: matches(/^[0-9a-fA-F]{24}$/),
  uri: isUri,
  email: matches(/^(?:[^\s@<>]+@[^\s@<>]+|[^<>@]*<[^\s@<>]+@[^\s@<>]+>)$/),
  hostname: (text) => text.length <= 255 && HOSTNAME.test(text),
  ipv4: isIPv4,
  ipv6: isIPv6,
  cidr: isCidr,
  mac: isMac,
  uuid: matches(UUID("[0-9a-f]", "[0-9a-f]")),
  uuid3: matches(UUID("3", "[0-9a-f]")),
  uuid4: matches(UUID("4", "[89ab]")),
  uuid5: matches(UUID("5", "[89ab]")),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: matches(/^\d{3}[- ]\d{2}[- ]\d{4}$/),
  hexcolor: matches(/^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
  rgbcolor: matches(
    /^rgb\(\s*(?:\d{1,2}|1\d\d|2[0-4]\d|25[0-5])\s*(?:,\s*(?:\d{1,2}|1\d\d|2[0-4]\d|25[0-5])\s*){2}\)$/,
  ),
  byte: matches(/^(?=.)(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/),
  date: isDate,
  "date-time": isDateTime,
  datetime: isDateTime,
  duration: isDuration,
  password: () => true,
  "k8s-short-name": (text) => dnsLabel(text).length === 0,
  "k8s-long-name": (text) => dnsSubdomain(text).length === 0,
};

/** Whether upstream knows the format of texts: others are kept as they are, with a warning. */
export function isKnownFormat(format: string): boolean {
  return Object.hasOwn(FORMATS, format);
}

/** Whether a text has a format such as "date-time"; names that upstream does not know are accepted. */
export function hasFormat(text: string, format: string): boolean {
  return Object.hasOwn(FORMATS, format) ? FORMATS[format]!(text) : true;
}
