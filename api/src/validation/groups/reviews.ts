import { labelKeyProblems, labelValueProblems } from "../../selectors/label-syntax.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import { all, type Check, each, fields, isUnset, listOf, member, optional, text, valueAt } from "../check.ts";
import type { KindRules, RuleTable } from "../kind-rules.ts";

const ONE_OF = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
const VALUES_NEEDED = "must be specified when `operator` is 'In' or 'NotIn'";
const NO_VALUES = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";

/** As upstream prints the attributes: by the names of their fields in Go. */
function shownPath(attributes: unknown): unknown {
  if (attributes === undefined) return null;
  return { Path: member(attributes, "path") ?? "", Verb: member(attributes, "verb") ?? "" };
}

/** Operators that nobody knows yet are let through: a newer client may ask an older server. */
const operands: Check = (value, at, errors) => {
  const [operator, hasValues] = [member(value, "operator"), listOf(member(value, "values")).length > 0];
  if ((operator === "In" || operator === "NotIn") && !hasValues)
    errors.push(fieldError.required(`${at}.values`, VALUES_NEEDED));
  if ((operator === "Exists" || operator === "DoesNotExist") && hasValues)
    errors.push(fieldError.forbidden(`${at}.values`, NO_VALUES));
};

const fieldRequirement: Check = (value, at, errors) => {
  if (isUnset(member(value, "key"))) errors.push(fieldError.required(`${at}.key`, "must be specified"));
  operands(value, at, errors);
};

const labelRequirement: Check = all(
  operands,
  fields({ key: text(labelKeyProblems), values: each(text(labelValueProblems)) }),
);

const selector = (requirement: Check): Check =>
  optional((value, at, errors) => {
    const [raw, requirements] = [member(value, "rawSelector"), member(value, "requirements")];
    const both = "may not specified at the same time as requirements";
    if (!isUnset(raw) && !isUnset(requirements)) errors.push(fieldError.invalid(`${at}.rawSelector`, raw, both));
    if (isUnset(raw) && isUnset(requirements)) {
      const why = `when ${at} is specified, requirements or rawSelector is required`;
      errors.push(fieldError.required(`${at}.requirements`, why));
    }
    each(requirement)(requirements, `${at}.requirements`, errors);
  });

const selectors = fields({ fieldSelector: selector(fieldRequirement), labelSelector: selector(labelRequirement) });

const attributes: Check = (value, at, errors) => {
  const [resource, other] = [member(value, "resourceAttributes"), member(value, "nonResourceAttributes")];
  if ((resource === undefined) === (other === undefined)) errors.push(fieldError.invalid(at, shownPath(other), ONE_OF));
};

const subject: Check = (value, at, errors) => {
  if (isUnset(member(value, "user")) && isUnset(member(value, "groups")))
    errors.push(fieldError.invalid(`${at}.user`, "", "at least one of user or group must be specified"));
};

/** A question has no metadata but what the server puts in. */
const nameless = (allowed: readonly string[], why: string): Check =>
  optional((value, at, errors) => {
    const given = Object.entries(value as object).filter(([name, held]) => !allowed.includes(name) && !isUnset(held));
    if (given.length > 0) errors.push(fieldError.invalid(at, value, why));
  });

const bare = fields({ metadata: nameless(["managedFields"], "must be empty") });

const within: Check = (value, _at, errors) => {
  const namespace = valueAt(value, "metadata.namespace") ?? "";
  const [resource, other] = [valueAt(value, "spec.resourceAttributes"), valueAt(value, "spec.nonResourceAttributes")];
  const asked = member(resource, "namespace") ?? "";
  const differs = "must match metadata.namespace";
  if (resource !== undefined && asked !== namespace)
    errors.push(fieldError.invalid("spec.resourceAttributes.namespace", asked, differs));
  if (other !== undefined)
    errors.push(
      fieldError.invalid("spec.nonResourceAttributes", shownPath(other), "disallowed on this kind of request"),
    );
};

const review = (...checks: readonly Check[]): KindRules => ({ hasMeta: false, state: all(...checks) });
const about = (...checks: readonly Check[]): Check =>
  fields({ spec: all(...checks, fields({ resourceAttributes: selectors })) });
const localMetadata = nameless(["managedFields", "namespace"], "must be empty except for namespace");

const WEBHOOK_KINDS = ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"];
const UNBOUND = "attestations may only be specified with a webhook bound object reference";

const tokenSpec: Check = (value, at, errors) => {
  const [ref, attestations] = [member(value, "boundObjectRef"), member(value, "attestations")];
  const isWebhook =
    WEBHOOK_KINDS.includes(String(member(ref, "kind"))) &&
    member(ref, "apiVersion") === "admissionregistration.k8s.io/v1";
  // upstream tells of nothing else then
  if (!isWebhook && !isUnset(attestations))
    errors.push(fieldError.invalid(`${at}.attestations`, attestations, UNBOUND));
  else errors.push(...lifetimeErrors(member(value, "expirationSeconds"), `${at}.expirationSeconds`));
};

function lifetimeErrors(seconds: unknown, at: string): readonly FieldError[] {
  if (seconds === undefined) return [];
  if (Number(seconds) < 600)
    return [fieldError.invalid(at, seconds, "may not specify a duration less than 10 minutes")];
  if (Number(seconds) <= 2 ** 32) return [];
  return [fieldError.invalid(at, seconds, "may not specify a duration larger than 2^32 seconds")];
}

/** What is asked and not kept. */
export const REVIEWS = {
  "authentication.k8s.io/SelfSubjectReview": { hasMeta: false },
  "authentication.k8s.io/TokenReview": { hasMeta: false },
  "authentication.k8s.io/TokenRequest": { hasMeta: false, state: fields({ spec: tokenSpec }) },
  "authorization.k8s.io/LocalSubjectAccessReview": review(
    about(attributes, subject),
    fields({ metadata: localMetadata }),
    within,
  ),
  "authorization.k8s.io/SelfSubjectAccessReview": review(about(attributes), bare),
  "authorization.k8s.io/SelfSubjectRulesReview": { hasMeta: false },
  "authorization.k8s.io/SubjectAccessReview": review(about(attributes, subject), bare),
} satisfies RuleTable;
