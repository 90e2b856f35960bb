import { fieldError, goQuote } from "../status/field-error.ts";
import { type Check, required } from "./check.ts";
import { dnsLabel, dnsSubdomain } from "./names.ts";

const FORM = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
/** Of a domain, a path of a label and a domain, and a slash. */
const MOST = 253 + 253 + 63 + 2;

/** "example.com/signer": a domain and a path. */
export const signerName: Check = required((value, at, errors) => {
  const name = String(value);
  const [domain = "", path, ...more] = name.split("/");
  if (path === undefined || more.length > 0) {
    errors.push(fieldError.invalid(at, name, FORM));
    return;
  }
  const labels = domain.split(".");
  if (domain.length > 253) errors.push(fieldError.tooLong(at, 253));
  for (const problem of problemsOf(labels, dnsLabel)) errors.push(fieldError.invalid(at, domain, problem));
  if (labels.length < 2)
    errors.push(fieldError.invalid(at, domain, "should be a domain with at least two segments separated by dots"));
  for (const problem of problemsOf(path.split("."), dnsSubdomain)) errors.push(fieldError.invalid(at, path, problem));
  if (name.length > MOST) errors.push(fieldError.tooLong(at, MOST));
});

/** Of the first part that has some. */
function problemsOf(parts: readonly string[], check: (part: string) => readonly string[]): readonly string[] {
  const wrong = parts.find((part) => check(part).length > 0);
  return wrong === undefined ? [] : check(wrong).map((why) => `validating label ${goQuote(wrong)}: ${why}`);
}
