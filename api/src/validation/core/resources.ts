import { compareQuantities, parseQuantity } from "../../quantity.ts";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { fieldError } from "../../status/field-error.ts";
import { type Check, child, element, entriesOf, fields, listOf, member, NON_NEGATIVE } from "../check.ts";

const CONTAINER_RESOURCES: ReadonlySet<string> = new Set(["cpu", "memory", "ephemeral-storage"]);
const ZERO = parseQuantity("0");

/** A quantity below zero is refused. */
export const nonNegativeQuantity: Check = (value, at, errors) => {
  if (value !== undefined && compareQuantities(parseQuantity(String(value)), ZERO) < 0) {
    errors.push(fieldError.invalid(at, value, NON_NEGATIVE));
  }
};

/** A quantity that is not above zero is refused. */
export const positiveQuantity: Check = (value, at, errors) => {
  if (value !== undefined && compareQuantities(parseQuantity(String(value)), ZERO) <= 0) {
    errors.push(fieldError.invalid(at, value, "must be greater than zero"));
  }
};

/** The standard resources need no prefix; everything else is counted in integers. */
function isExtendedResource(name: string): boolean {
  return name.includes("/") && !name.startsWith("kubernetes.io/") && !name.startsWith("requests.");
}

function isContainerResource(name: string): boolean {
  return CONTAINER_RESOURCES.has(name) || name.startsWith("hugepages-");
}

const resourceName: (name: string, at: string, errors: Parameters<Check>[2]) => void = (name, at, errors) => {
  for (const problem of labelKeyProblems(name)) errors.push(fieldError.invalid(at, name, problem));
  if (name.includes("/") || isContainerResource(name)) return;
  errors.push(fieldError.invalid(at, name, "must be a standard resource type or fully qualified"));
  errors.push(fieldError.invalid(at, name, "must be a standard resource for containers"));
};

const resourceAmount: Check = (value, at, errors) => {
  nonNegativeQuantity(value, at, errors);
};

function wholeNumber(name: string, value: unknown, at: string, errors: Parameters<Check>[2]): void {
  const isWhole = !String(value).endsWith("m") && !String(value).includes(".");
  if (isExtendedResource(name) && !isWhole) errors.push(fieldError.invalid(at, value, "must be an integer"));
}

const amounts: Check = (value, at, errors) => {
  for (const [name, amount] of entriesOf(value)) {
    const here = element(at, name);
    resourceName(name, here, errors);
    resourceAmount(amount, here, errors);
    wholeNumber(name, amount, here, errors);
  }
};

/** Requests may not exceed limits; extended resources and huge pages must equal them. */
const withinLimits: Check = (value, at, errors) => {
  const limits = member(value, "limits");
  const requests = member(value, "requests");
  for (const [name, amount] of entriesOf(requests)) {
    const limit = member(limits, name);
    const here = child(at, "requests");
    const exact = isExtendedResource(name) || name.startsWith("hugepages-");
    if (limit === undefined) {
      if (exact)
        errors.push(fieldError.required(child(at, "limits"), "Limit must be set for non overcommitable resources"));
      continue;
    }
    const order = compareQuantities(parseQuantity(String(amount)), parseQuantity(String(limit)));
    if (exact && order !== 0)
      errors.push(fieldError.invalid(here, amount, `must be equal to ${name} limit of ${String(limit)}`));
    else if (order > 0)
      errors.push(fieldError.invalid(here, amount, `must be less than or equal to ${name} limit of ${String(limit)}`));
  }
};

const claims: Check = (value, at, errors) => {
  listOf(value).forEach((claim, index) => {
    if (!member(claim, "name")) errors.push(fieldError.required(child(element(at, index), "name")));
  });
};

/** core/v1.ResourceRequirements of a container. */
export const containerResources: Check = (value, at, errors) => {
  fields({ limits: amounts, requests: amounts, claims })(value, at, errors);
  withinLimits(value, at, errors);
};
