import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { fieldError } from "../../status/field-error.ts";
import type { Check } from "../check.ts";
import { dnsSubdomain } from "../names.ts";

/** "domain/name", as attributes of devices are called across drivers: each part is said to be wrong by itself. */
export const qualifiedAttribute: Check = (value, at, errors) => {
  const name = String(value);
  const [domain, id = ""] = name.includes("/") ? name.split("/") : [undefined, name];
  for (const problem of domain === undefined ? [] : dnsSubdomain(domain.toLowerCase()))
    errors.push(fieldError.invalid(at, domain, `prefix: ${problem}`));
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(id)) errors.push(fieldError.invalid(at, id, NO_IDENTIFIER));
  if (domain === undefined)
    errors.push(
      fieldError.invalid(at, name, "a fully qualified name must be a domain and a name separated by a slash"),
    );
};

const NO_IDENTIFIER =
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')";

/** What extended resources are called, which quotas of requests have behind a prefix. */
export const extendedResource: Check = (value, at, errors) => {
  const name = String(value);
  const refuse = (why: string) => errors.push(fieldError.invalid(at, value, why));
  if (!name.includes("/")) refuse("a name must be a domain-prefixed path, such as 'example.com/my-prop'");
  else if (name.includes("kubernetes.io/")) refuse('must not have "kubernetes.io/" domain');
  if (name.startsWith("requests.")) refuse('must not have "requests." prefix');
  for (const problem of labelKeyProblems(`requests.${name}`)) refuse(problem);
};
