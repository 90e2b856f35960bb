import { fieldError } from "../status/field-error.ts";
import { type Check, required, text } from "./check.ts";
import { dnsSubdomain } from "./names.ts";

/** "example.com/signer": a domain and a path. */
export const signerName: Check = required((value, at, errors) => {
  const [domain = "", ...path] = String(value).split("/");
  if (path.length === 0 || path.join("/") === "") {
    errors.push(
      fieldError.invalid(at, value, "must be a fully qualified domain and path of the form 'example.com/signer-name'"),
    );
  } else text(dnsSubdomain)(domain, at, errors);
});
