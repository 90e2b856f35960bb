import { compareQuantities, parseQuantity, quantityMilliValue, quantityValue } from "../../quantity.ts";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { fieldError } from "../../status/field-error.ts";
import { type Check, child, element, entriesOf, isUnset, listOf, member, NON_NEGATIVE, text } from "../check.ts";
import { dnsLabel } from "../names.ts";

type Errors = Parameters<Check>[2];

const ZERO = parseQuantity("0");
const CONTAINER_RESOURCES: ReadonlySet<string> = new Set(["cpu", "memory", "ephemeral-storage"]);
const COUNTED: readonly string[] = [
  ...["pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps"],
  ...["persistentvolumeclaims", "services.nodeports", "services.loadbalancers"],
];
const STANDARD: ReadonlySet<string> = new Set([
  ...["cpu", "memory", "ephemeral-storage"].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
  ...["storage", "requests.storage"],
  ...COUNTED,
]);

/** A quantity below zero is refused. */
export const nonNegativeQuantity: Check = (value, at, errors) => {
  if (value !== undefined && compareQuantities(parseQuantity(String(value)), ZERO) < 0)
    errors.push(fieldError.invalid(at, value, NON_NEGATIVE));
};

/** A quantity that is not above zero is refused. */
export const positiveQuantity: Check = (value, at, errors) => {
  if (value !== undefined && compareQuantities(parseQuantity(String(value)), ZERO) <= 0)
    errors.push(fieldError.invalid(at, value, "must be greater than zero"));
};

/** An amount of something there is: not below zero, shown as a whole number. */
export const basicQuantity: Check = (value, at, errors) => {
  if (value === undefined || compareQuantities(parseQuantity(String(value)), ZERO) >= 0) return;
  errors.push(fieldError.invalid(at, quantityValue(String(value)), "must be a valid resource quantity"));
};

/** An amount of this resource: of some there are only whole ones. */
export function resourceQuantity(name: string): Check {
  return (value, at, errors) => {
    nonNegativeQuantity(value, at, errors);
    if (isWhole(name) && quantityMilliValue(String(value)) % 1000 !== 0)
      errors.push(fieldError.invalid(at, value, "must be an integer"));
  };
}

function isWhole(name: string): boolean {
  return COUNTED.includes(name) || isExtendedResource(name);
}

/** A resource that Kubernetes knows: without a domain, or of its own. */
function isNativeResource(name: string): boolean {
  return !name.includes("/") || name.includes("kubernetes.io/");
}

/** A resource of others that nodes offer. */
export function isExtendedResource(name: string): boolean {
  if (isNativeResource(name) || name.startsWith("requests.")) return false;
  return labelKeyProblems(`requests.${name}`).length === 0;
}

export function isHugePages(name: string): boolean {
  return name.startsWith("hugepages-");
}

function isOvercommitAllowed(name: string): boolean {
  return isNativeResource(name) && !isHugePages(name);
}

/** Whether the system knows the resource, perhaps by its name in quotas. */
export function isStandardResource(name: string): boolean {
  return STANDARD.has(name) || isHugePages(name) || name.startsWith("requests.hugepages-");
}

/** The name of any resource. */
export function resourceName(name: string, at: string, errors: Errors): void {
  const problems = labelKeyProblems(name);
  for (const problem of problems) errors.push(fieldError.invalid(at, name, problem));
  if (problems.length === 0 && !name.includes("/") && !isStandardResource(name))
    errors.push(fieldError.invalid(at, name, "must be a standard resource type or fully qualified"));
}

/** The name of a resource that a container can ask for. */
export function containerResourceName(name: string, at: string, errors: Errors): void {
  resourceName(name, at, errors);
  if (!name.includes("/")) {
    if (!CONTAINER_RESOURCES.has(name) && !isHugePages(name))
      errors.push(fieldError.invalid(at, name, "must be a standard resource for containers"));
  } else if (!isNativeResource(name) && !isExtendedResource(name))
    errors.push(fieldError.invalid(at, name, "doesn't follow extended resource name standard"));
}

const POD_RESOURCES = ["cpu", "memory"];

function podResourceName(name: string, at: string, errors: Errors): void {
  const before = errors.length;
  resourceName(name, at, errors);
  if (errors.length === before && !POD_RESOURCES.includes(name) && !isHugePages(name))
    errors.push(fieldError.notSupported(at, name, [...POD_RESOURCES]));
}

type NameCheck = (name: string, at: string, errors: Errors) => void;

/** core/v1.ResourceRequirements. @param spec The pod's, whose claims it may name. */
function requirements(spec: unknown, nameCheck: NameCheck): Check {
  return (value, at, errors) => {
    const [limits, requests] = [entriesOf(member(value, "limits")), entriesOf(member(value, "requests"))];
    for (const [name, amount] of limits) amountOf(name, amount, element(child(at, "limits"), name), nameCheck, errors);
    for (const [name, amount] of requests) {
      const here = element(child(at, "requests"), name);
      nameCheck(name, here, errors);
      resourceQuantity(name)(amount, here, errors);
      withinLimit(name, amount, member(value, "limits"), at, errors);
      hugePages(name, amount, here, errors);
    }
    const names = [...limits, ...requests].map(([name]) => name);
    if (names.some(isHugePages) && !names.includes("cpu") && !names.includes("memory"))
      errors.push(fieldError.forbidden(at, "HugePages require cpu or memory"));
    claimNames(member(value, "claims"), spec, child(at, "claims"), errors);
  };
}

function amountOf(name: string, amount: unknown, at: string, nameCheck: NameCheck, errors: Errors): void {
  nameCheck(name, at, errors);
  resourceQuantity(name)(amount, at, errors);
  hugePages(name, amount, at, errors);
}

/** Huge pages come whole. */
function hugePages(name: string, amount: unknown, at: string, errors: Errors): void {
  if (!isHugePages(name) || isMultiple(String(amount), name.slice("hugepages-".length))) return;
  const shown = String(amount);
  errors.push(fieldError.invalid(at, shown, `${shown} is not positive integer multiple of ${name}`));
}

function isMultiple(amount: string, page: string): boolean {
  try {
    const size = quantityValue(page);
    return size > 0 && quantityMilliValue(page) % 1000 === 0 && quantityValue(amount) % size === 0;
  } catch {
    return false;
  }
}

/** Requests may not exceed limits; what cannot be shared must equal them. */
function withinLimit(name: string, amount: unknown, limits: unknown, at: string, errors: Errors): void {
  const limit = member(limits, name);
  if (limit === undefined) {
    if (!isOvercommitAllowed(name))
      errors.push(fieldError.required(child(at, "limits"), "Limit must be set for non overcommitable resources"));
    return;
  }
  const order = compareQuantities(parseQuantity(String(amount)), parseQuantity(String(limit)));
  const shown = String(limit);
  if (order !== 0 && !isOvercommitAllowed(name))
    errors.push(fieldError.invalid(child(at, "requests"), amount, `must be equal to ${name} limit of ${shown}`));
  else if (order > 0) {
    const why = `must be less than or equal to ${name} limit of ${shown}`;
    errors.push(fieldError.invalid(child(at, "requests"), amount, why));
  }
}

/** What a container claims are claims of its pod, each once. */
function claimNames(claims: unknown, spec: unknown, at: string, errors: Errors): void {
  const known = new Set(
    listOf(member(spec, "resourceClaims")).flatMap((claim) =>
      isUnset(member(claim, "name")) ? [] : [String(member(claim, "name"))],
    ),
  );
  const seen = new Set<string>();
  const withRequest = new Set<string>();
  const detail = claimsDetail(known);
  for (const [index, claim] of listOf(claims).entries()) {
    const here = element(at, index);
    const [name, request] = [String(member(claim, "name") ?? ""), String(member(claim, "request") ?? "")];
    if (name === "") {
      errors.push(fieldError.required(here));
      continue;
    }
    if (request !== "" && !seen.has(name)) text(dnsLabel)(request, child(here, "request"), errors);
    const key = request === "" ? name : `${name}/${request}`;
    const isTaken = seen.has(name) || seen.has(key) || (request === "" && withRequest.has(name));
    if (isTaken) errors.push(fieldError.duplicate(here, seen.has(name) ? name : key));
    seen.add(key);
    if (request !== "") withRequest.add(name);
    if (!known.has(name)) errors.push({ ...fieldError.notFound(here, name), detail });
  }
}

function claimsDetail(known: ReadonlySet<string>): string {
  const list = known.size === 0 ? " which is empty" : `: ${[...known].sort().join(", ")}`;
  return `must be one of the names in pod.spec.resourceClaims${list}`;
}

/** `resources` of a container. */
export function containerResources(spec: unknown): Check {
  return requirements(spec, containerResourceName);
}

/** `resources` of a pod itself. */
export function podResources(spec: unknown): Check {
  return requirements(spec, podResourceName);
}

/** What a pod costs besides its containers. */
export const overhead: Check = (value, at, errors) => {
  if (value !== undefined) requirements(undefined, containerResourceName)({ limits: value }, at, errors);
};
