import { labelKeyProblems, labelValueProblems } from "../../selectors/label-syntax.ts";
import { fieldError } from "../../status/field-error.ts";
import {
  all,
  atMost,
  type Check,
  child,
  each,
  element,
  fields,
  isUnset,
  listOf,
  member,
  oneOf,
  required,
  text,
  unlessUnset,
} from "../check.ts";
import { dnsLabel, dnsSubdomain } from "../names.ts";
import { typedValue } from "../typed-value.ts";
import { qualifiedAttribute } from "./device-names.ts";
import { declaredOpaque, deviceOpaque } from "./device-parameters.ts";
import { deviceSelectors } from "./device-selectors.ts";

const MOST = 32;
const MOST_ALTERNATIVES = 8;
const ONE_KIND = "exactly one of `exactly` or `firstAvailable` is required";
const FLAT = ["deviceClassName", "allocationMode", "count", "selectors", "adminAccess", "tolerations", "capacity"];

/** v1beta1 has the fields of an exact request in the request itself. */
function exactOf(request: unknown): unknown {
  return member(request, "exactly") ?? (isFlat(request) ? request : undefined);
}

function isFlat(request: unknown): boolean {
  return FLAT.some((name) => !isUnset(member(request, name)));
}

const requestName: Check = (value, at, errors) => text(dnsLabel)(value ?? "", at, errors);

const request: Check = (value, at, errors) => {
  fields({ name: requestName })(value, at, errors);
  const [exact, others] = [exactOf(value), member(value, "firstAvailable")];
  if (exact === undefined && isUnset(others)) errors.push(fieldError.required(at, ONE_KIND));
  else if (exact !== undefined && !isUnset(others))
    errors.push(fieldError.invalid(at, null, `${ONE_KIND}, but multiple fields are set`));
  else if (exact === undefined)
    atMost(MOST_ALTERNATIVES, each(alternative))(others, child(at, "firstAvailable"), errors);
  else all(fields({ deviceClassName: required(text(dnsSubdomain)) }), needs)(exact, child(at, "exactly"), errors);
};

const count: Check = (value, at, errors) => {
  const [mode, amount, here] = [member(value, "allocationMode"), member(value, "count"), child(at, "count")];
  if (mode === "All" && !isUnset(amount))
    errors.push(fieldError.invalid(here, amount, "must not be specified when allocationMode is 'All'"));
  if (mode === "ExactCount" && Number(amount ?? 0) <= 0)
    errors.push(fieldError.invalid(here, amount ?? 0, "must be greater than zero"));
};

export const toleration: Check = (value, at, errors) => {
  const [operator, wanted, here] = [member(value, "operator"), member(value, "value"), child(at, "value")];
  if (operator === "Exists" && !isUnset(wanted))
    errors.push(fieldError.invalid(here, wanted, "must be empty for operator `Exists`"));
  if (operator === "Equal") text(labelValueProblems)(wanted, here, errors);
};

const needs: Check = all(fields({ selectors: deviceSelectors }), count, fields({ tolerations: each(toleration) }));

const alternative: Check = all(fields({ name: requestName }), needs);

/** Requests by name, each with the names of its alternatives. */
type Names = ReadonlyMap<unknown, ReadonlySet<unknown>>;

export function namesOf(requests: unknown): Names {
  return new Map(
    listOf(requests).map((one) => [
      member(one, "name") ?? "",
      new Set(listOf(member(one, "firstAvailable")).map((other) => member(other, "name") ?? "")),
    ]),
  );
}

const NO_REQUEST =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

export function requestReference(names: Names): Check {
  return (value, at, errors) => {
    const parts = String(value).split("/");
    if (parts.length > 2) return void errors.push(fieldError.invalid(at, value, NO_REQUEST));
    for (const part of parts) requestName(part, at, errors);
    const alternatives = names.get(parts[0]);
    if (alternatives === undefined || (parts.length === 2 && !alternatives.has(parts[1])))
      errors.push(fieldError.invalid(at, value, NO_REQUEST));
  };
}

const ONE_ATTRIBUTE = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set';

/** resource.k8s.io's ResourceClaimSpec, but for what its types declare. */
export const claimSpec: Check = fields({
  devices: (value, at, errors) => {
    const references = atMost(MOST, each(requestReference(namesOf(member(value, "requests")))));
    const constraint: Check = (one, here, found) => {
      fields({ requests: references })(one, here, found);
      if (member(one, "matchAttribute") === undefined && member(one, "distinctAttribute") === undefined)
        found.push(fieldError.required(here, ONE_ATTRIBUTE));
    };
    fields({
      requests: within(MOST, each(request)),
      constraints: within(MOST, each(constraint)),
      config: within(MOST, each(fields({ requests: references, opaque: deviceOpaque }))),
    })(value, at, errors);
  },
});

/** Looks into lists that are short enough only: that others are too long, their types declare. */
export function within(most: number, check: Check): Check {
  return (value, at, errors) => {
    if (listOf(value).length <= most) check(value, at, errors);
  };
}

/**
 * Names that must not come twice, as declared types say it.
 * @param typeOf The type of elements that have a name; undefined: the elements are names.
 */
function distinct(typeOf?: (one: unknown) => string): Check {
  return (value, at, errors) => {
    const seen = new Set<unknown>();
    listOf(value).forEach((one, index) => {
      const id = typeOf === undefined ? one : (member(one, "name") ?? "");
      const shown = typeOf === undefined ? one : typedValue(one, typeOf(one));
      if (seen.has(id)) errors.push(fieldError.duplicate(element(at, index), shown));
      seen.add(id);
    });
  };
}

const MODES = ["All", "ExactCount"];

/** What the type of a toleration declares. */
export const declaredToleration: Check = fields({
  key: unlessUnset(text(labelKeyProblems)),
  operator: oneOf("Equal", "Exists"),
  effect: unlessUnset(oneOf("NoExecute", "NoSchedule", "None")),
});

const declaredNeeds: Check = fields({
  selectors: atMost(MOST),
  allocationMode: (value, at, errors) => {
    if (!MODES.includes(String(value ?? ""))) errors.push(fieldError.notSupported(at, value ?? "", MODES));
  },
  tolerations: each(declaredToleration),
});

const declaredRequest: Check = (value, at, errors) => {
  const exact = exactOf(value);
  // v1beta1 has it where it is, though messages of what is not declared tell of v1
  if (exact !== undefined) declaredNeeds(exact, exact === value ? at : child(at, "exactly"), errors);
  const alternatives = all(
    distinct(() => "resource/v1.DeviceSubRequest"),
    each(all(fields({ deviceClassName: required(text(dnsSubdomain)) }), declaredNeeds)),
  );
  atMost(MOST_ALTERNATIVES, alternatives)(member(value, "firstAvailable"), child(at, "firstAvailable"), errors);
};

export const declaredReferences: Check = atMost(MOST, distinct());

/** What the types of a claim declare of themselves. */
export const declaredClaimSpec: Check = fields({
  devices: fields({
    requests: atMost(
      MOST,
      all(
        distinct((one) => `resource/${isFlat(one) ? "v1beta1" : "v1"}.DeviceRequest`),
        each(declaredRequest),
      ),
    ),
    constraints: atMost(
      MOST,
      each(
        fields({
          requests: declaredReferences,
          matchAttribute: unlessUnset(qualifiedAttribute),
          distinctAttribute: unlessUnset(qualifiedAttribute),
        }),
      ),
    ),
    config: atMost(MOST, each(fields({ requests: declaredReferences, opaque: declaredOpaque }))),
  }),
});
