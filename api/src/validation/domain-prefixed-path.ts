import { fieldError } from "../status/field-error.ts";
import { type Check, required, text } from "./check.ts";
import { dnsSubdomain } from "./names.ts";

const PATH = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;

/** "acme.io/foo". */
export const domainPrefixedPath: Check = required((value, at, errors) => {
  const whole = String(value);
  const slash = whole.indexOf("/");
  if (slash <= 0 || slash === whole.length - 1) {
    const why = 'must be a domain-prefixed path (such as "acme.io/foo")';
    return void errors.push(fieldError.invalid(at, whole, why));
  }
  text(dnsSubdomain)(whole.slice(0, slash), at, errors);
  const path = whole.slice(slash + 1);
  if (!PATH.test(path)) {
    const why = `Invalid path (regex used for validation is '${PATH.source.slice(1, -1)}')`;
    errors.push(fieldError.invalid(at, path, why));
  }
});
