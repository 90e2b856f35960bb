import { isIP, isSpecialAddress } from "@tsukube/foundation/ip-address";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { fieldError } from "../../status/field-error.ts";
import {
  type Check,
  child,
  each,
  fields,
  isUnset,
  listOf,
  member,
  oneOf,
  optional,
  port,
  text,
  unlessUnset,
} from "../check.ts";
import type { KindRules } from "../kind-rules.ts";
import { dnsLabel, dnsSubdomain, ipAddress, withoutZeros } from "../names.ts";

/** An address that traffic can be sent to. */
export const endpointAddress: Check = (value, at, errors) => {
  const address = String(value ?? "");
  const plain = withoutZeros(address); // leading zeros are refused elsewhere
  if (isIP(plain) === 0) return void errors.push(fieldError.invalid(at, address, "must be a valid IP address"));
  const ranges = {
    unspecified: `may not be unspecified (${address})`,
    loopback: "may not be in the loopback range (127.0.0.0/8, ::1/128)",
    "link-local": "may not be in the link-local range (169.254.0.0/16, fe80::/10)",
    "link-local multicast": "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)",
  } as const;
  const kind = isSpecialAddress(plain);
  if (kind !== undefined) errors.push(fieldError.invalid(at, address, ranges[kind]));
};

const address: Check = (value, at, errors) => {
  fields({
    ip: text(ipAddress),
    hostname: unlessUnset(text(dnsLabel)),
    nodeName: optional(text(dnsSubdomain)),
  })(value, at, errors);
  endpointAddress(member(value, "ip"), child(at, "ip"), errors);
};

function portOf(isNamed: boolean): Check {
  return fields({
    name: (value, at, errors) => {
      if (!isUnset(value)) text(dnsLabel)(value, at, errors);
      else if (isNamed) errors.push(fieldError.required(at));
    },
    port,
    protocol: oneOf("SCTP", "TCP", "UDP"),
    appProtocol: optional(text(labelKeyProblems)),
  });
}

const subset: Check = (value, at, errors) => {
  if (isUnset(member(value, "addresses")) && isUnset(member(value, "notReadyAddresses")))
    errors.push(fieldError.required(at, "must specify `addresses` or `notReadyAddresses`"));
  const isNamed = listOf(member(value, "ports")).length > 1;
  fields({ addresses: each(address), notReadyAddresses: each(address), ports: each(portOf(isNamed)) })(
    value,
    at,
    errors,
  );
};

export const endpoints: KindRules = { state: fields({ subsets: each(subset) }) };
