import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { fieldError } from "../../status/field-error.ts";
import { type Check, required, text } from "../check.ts";
import { driverName } from "../core/volume-sources.ts";
import { dnsSubdomain } from "../names.ts";

const NO_IDENTIFIER =
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')";

const LONGEST_DOMAIN = 63;
const LONGEST_NAME = 32;

const identifier: Check = (value, at, errors) => {
  const name = String(value);
  if (name.length > LONGEST_NAME) errors.push(fieldError.tooLong(at, LONGEST_NAME));
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) errors.push(fieldError.invalid(at, name, NO_IDENTIFIER));
};

/** What attributes and capacities of devices are called: "name", or "domain/name" as other drivers than the own have it. */
export const qualifiedName: Check = (value, at, errors) => {
  const [first = "", second, ...rest] = String(value).split("/");
  if (rest.length > 0) return; // upstream lets more slashes pass
  if (second === undefined) return identifier(first, at, errors);
  if (first === "") errors.push(fieldError.invalid(at, "", "the domain must not be empty"));
  else driverName(first, at, errors);
  if (second === "") errors.push(fieldError.invalid(at, "", "the name must not be empty"));
  else identifier(second, at, errors);
};

/** "domain/name", as attributes of devices are called across drivers: each part is said to be wrong by itself. */
export const qualifiedAttribute: Check = (value, at, errors) => {
  const [first = "", second, ...rest] = String(value).split("/");
  if (rest.length > 0) return;
  if (second === undefined) {
    identifier(first, at, errors);
    errors.push(
      fieldError.invalid(at, first, "a fully qualified name must be a domain and a name separated by a slash"),
    );
    return;
  }
  if (first === "") errors.push(fieldError.invalid(at, "", "prefix must not be empty"));
  else if (first.length > LONGEST_DOMAIN) errors.push(fieldError.tooLong(at, LONGEST_DOMAIN));
  for (const problem of first === "" ? [] : dnsSubdomain(first))
    errors.push(fieldError.invalid(at, first, `prefix: ${problem}`));
  if (second === "") errors.push(fieldError.invalid(at, "", "name must not be empty"));
  else identifier(second, at, errors);
};

/** Enough for domains, as names of nodes are. */
const LONGEST_POOL = 253;

/** Domains between slashes. */
export const poolName: Check = required((value, at, errors) => {
  if (String(value).length > LONGEST_POOL) errors.push(fieldError.tooLong(at, LONGEST_POOL));
  for (const part of String(value).split("/")) text(dnsSubdomain)(part, at, errors);
});

/** The same as declared types say it. */
export const declaredPool: Check = (value, at, errors) => {
  if (String(value).length > LONGEST_POOL) errors.push(fieldError.tooLong(at, LONGEST_POOL));
  String(value)
    .split("/")
    .forEach((part, index) => {
      if (part === "") errors.push(fieldError.invalid(at, value, `segment ${index}: must not be empty`));
      else text((name) => dnsSubdomain(name).map((problem) => `segment ${index}: ${problem}`))(part, at, errors);
    });
};

/** What extended resources are called, which quotas of requests have behind a prefix. */
export const extendedResource: Check = (value, at, errors) => {
  const name = String(value);
  const refuse = (why: string) => errors.push(fieldError.invalid(at, value, why));
  if (!name.includes("/")) refuse("a name must be a domain-prefixed path, such as 'example.com/my-prop'");
  else if (name.includes("kubernetes.io/")) refuse('must not have "kubernetes.io/" domain');
  if (name.startsWith("requests.")) refuse('must not have "requests." prefix');
  for (const problem of labelKeyProblems(`requests.${name}`)) refuse(problem);
};
