import type { JSONSchemaProps } from "../../../generated/types/apiextensions-v1.ts";
import { structuralErrors } from "../../crd/structural.ts";
import { ruleErrors } from "../../crd/validation-rules.ts";
import { jsonEqual } from "../../patch/json-equal.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import { caBundleProblem } from "../ca-bundle.ts";
import {
  all,
  type Check,
  child,
  each,
  element,
  exactlyOneOf,
  fields,
  isUnset,
  listOf,
  member,
  required,
  run,
  text,
  unlessUnset,
  valueAt,
} from "../check.ts";
import { changed, immutableError, type RuleTable, type UpdateCheck } from "../kind-rules.ts";
import { dns1035Label, dnsSubdomain } from "../names.ts";
import { selectableFields } from "./selectable-fields.ts";
import { reviewVersions, webhookClient } from "./webhook-client.ts";

const APPROVAL = "api-approved.kubernetes.io";

const nameMatches: Check = (object, _at, errors) => {
  const name = valueAt(object, "metadata.name");
  const required = `${String(valueAt(object, "spec.names.plural") ?? "")}.${String(valueAt(object, "spec.group") ?? "")}`;
  const why = 'must be spec.names.plural+"."+spec.group';
  const base = valueAt(object, "metadata.generateName");
  if (!isUnset(base) && base !== required) errors.push(fieldError.invalid("metadata.generateName", base, why));
  if (!isUnset(name) && name !== required) errors.push(fieldError.invalid("metadata.name", name, why));
};

const group: Check = (value, at, errors) => {
  if (isUnset(value)) return void errors.push(fieldError.required(at));
  const problems = dnsSubdomain(String(value));
  for (const problem of problems) errors.push(fieldError.invalid(at, value, problem));
  if (problems.length === 0 && !String(value).includes("."))
    errors.push(fieldError.invalid(at, value, "should be a domain with at least one dot"));
};

/** Go's parser of kinds takes them in lower case. */
const kindName: Check = unlessUnset((value, at, errors) => {
  const problems = dns1035Label(String(value).toLowerCase());
  const why = `may have mixed case, but should otherwise match: ${problems.join(",")}`;
  if (problems.length > 0) errors.push(fieldError.invalid(at, value, why));
});

const requiredNames: Check = fields({
  plural: required(),
  singular: required(),
  kind: required(),
  listKind: required(),
});

const nameFields: Check = fields({
  plural: unlessUnset(text(dns1035Label)),
  singular: unlessUnset(text(dns1035Label)),
  kind: kindName,
  listKind: kindName,
  shortNames: each(text(dns1035Label)),
});

const names: Check = (value, at, errors) => {
  nameFields(value, at, errors);
  const { kind, listKind } = (value ?? {}) as { readonly kind?: string; readonly listKind?: string };
  if (!isUnset(kind) && kind === listKind)
    errors.push(fieldError.invalid(child(at, "listKind"), listKind, "kind and listKind may not be the same"));
  fields({ categories: each(text(dns1035Label)) })(value, at, errors);
};

const COLUMN_TYPES = ["boolean", "date", "integer", "number", "string"] as const;

const COLUMN_FORMATS = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"] as const;

const columnFields: Check = fields({
  name: required(),
  type: (value, at, errors) => {
    if (isUnset(value)) errors.push(fieldError.required(at, `must be one of ${COLUMN_TYPES.join(",")}`));
    else if (!COLUMN_TYPES.includes(value as never))
      errors.push(fieldError.invalid(at, value, `must be one of ${COLUMN_TYPES.join(",")}`));
  },
  format: (value, at, errors) => {
    if (!isUnset(value) && !COLUMN_FORMATS.includes(value as never))
      errors.push(fieldError.invalid(at, value, `must be one of ${COLUMN_FORMATS.join(",")}`));
  },
});

/** Upstream names the path as its internal type does. */
const column: Check = (value, at, errors) => {
  columnFields(value, at, errors);
  const [path, here] = [String(member(value, "jsonPath") ?? ""), child(at, "JSONPath")];
  if (path === "") errors.push(fieldError.required(here));
  else if (!path.startsWith("."))
    errors.push(fieldError.invalid(here, path, "must be a simple json path starting with ."));
};

const scale: Check = fields({
  specReplicasPath: required(pathBelow(["spec"])),
  statusReplicasPath: required(pathBelow(["status"])),
  labelSelectorPath: unlessUnset(pathBelow(["spec", "status"])),
});

function pathBelow(roots: readonly string[]): Check {
  const where = roots.length === 1 ? `.${roots[0]}` : `either ${roots.map((root) => `.${root}`).join(" or ")}`;
  return (value, at, errors) => {
    if (!String(value).startsWith("."))
      errors.push(fieldError.invalid(at, value, "must be a simple json path starting with ."));
    else if (!roots.some((root) => String(value).startsWith(`.${root}.`)))
      errors.push(fieldError.invalid(at, value, `should be a json path under ${where}`));
  };
}

/** Fields that are the same in all versions are named where the internal type has them: at the top of spec. */
function shared(versions: readonly unknown[], name: string): boolean {
  return versions.every((version) => jsonEqual(member(version, name) ?? null, member(versions[0], name) ?? null));
}

const MAX_WARNING = 256;

/** What a version tells those who use it, which ends up in a header. */
const deprecationWarning: Check = (version, at, errors) => {
  const text = member(version, "deprecationWarning");
  if (typeof text !== "string") return;
  const refuse = (why: string): void =>
    void errors.push(fieldError.invalid(child(at, "deprecationWarning"), text, why));
  if (member(version, "deprecated") !== true) refuse("can only be set for deprecated versions");
  if (text === "") return refuse("must not be an empty string");
  if ([...text].length > MAX_WARNING) refuse(`must be <= ${MAX_WARNING} characters long`);
  const hidden = text.search(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u);
  const bytes = new TextEncoder().encode(text.slice(0, Math.max(hidden, 0))).length;
  if (hidden >= 0)
    refuse(`must only contain printable UTF-8 characters; non-printable character found at index ${bytes}`);
};

/** What upstream's internal type has at the top of spec once all versions have the same. */
const SHARED = ["schema", "subresources", "additionalPrinterColumns", "selectableFields"] as const;

const versions: Check = (spec, at, errors) => {
  const list = listOf(member(spec, "versions"));
  const here = child(at, "versions");
  const own = SHARED.filter((name) => !shared(list, name));
  list.forEach((version, index) => {
    if (valueAt(version, "schema.openAPIV3Schema") === undefined)
      errors.push(fieldError.required(`${element(here, index)}.schema.openAPIV3Schema`));
  });
  list.forEach((version, index) => {
    text(dns1035Label)(member(version, "name") ?? "", child(element(here, index), "name"), errors);
    deprecationWarning(version, element(here, index), errors);
    versionParts(version, own, element(here, index), "schema", errors);
  });
  const refuse = (why: string) => errors.push(fieldError.invalid(here, member(spec, "versions") ?? null, why));
  if (new Set(list.map((version) => member(version, "name"))).size < list.length)
    refuse("must contain unique version names");
  if (list.filter((version) => member(version, "storage") === true).length !== 1)
    refuse("must have exactly one version marked as storage version");
  // what was the only version once is the first
  unlessUnset(text(dns1035Label))(member(list[0], "name"), child(at, "version"), errors);
};

/** What all versions have the same, looked at once. */
const sharedParts: Check = (spec, at, errors) => {
  const list = listOf(member(spec, "versions"));
  const common = SHARED.filter((name) => shared(list, name));
  if (list.length > 0) versionParts(list[0], common, at, "validation", errors);
};

function versionParts(
  version: unknown,
  names: readonly string[],
  at: string,
  schemaName: keyof typeof ELSEWHERE,
  errors: FieldError[],
): void {
  const schema = valueAt(version, "schema.openAPIV3Schema");
  if (names.includes("schema") && schema !== undefined)
    schemaProblems(schema as JSONSchemaProps, `${at}.${schemaName}.openAPIV3Schema`, errors);
  const scaling = valueAt(version, "subresources.scale");
  if (names.includes("subresources") && scaling !== undefined) scale(scaling, `${at}.subresources.scale`, errors);
  if (names.includes("additionalPrinterColumns"))
    each(column)(member(version, "additionalPrinterColumns"), child(at, "additionalPrinterColumns"), errors);
  if (!names.includes("selectableFields")) return;
  if (names.includes("schema") || isUnset(member(version, "selectableFields")))
    selectableFields(version, child(at, "selectableFields"), errors);
  else errors.push(fieldError.invalid(child(at, "selectableFields"), "", ELSEWHERE[schemaName]));
}

/** Upstream looks for the schema where the fields are, and moves either one by itself to where all versions have the same. */
const ELSEWHERE = {
  schema: "may only be set when `version.schema.openAPIV3Schema` is not included",
  validation: "may only be set when validations.schema is included",
} as const;

/** Rules of a schema that is wrong are not compiled: what is wrong with them may be due to it. */
function schemaProblems(schema: JSONSchemaProps, at: string, errors: FieldError[]): void {
  const problems = structuralErrors(schema, at);
  errors.push(...(problems.length > 0 ? problems : ruleErrors(schema, at)));
}

const conversion: Check = (spec, at, errors) => {
  const value = member(spec, "conversion");
  if (value === undefined) return;
  const strategy = member(value, "strategy");
  const here = child(at, "conversion");
  required(exactlyOneOf("None", "Webhook"))(strategy, child(here, "strategy"), errors);
  const [config, reviews] = [
    valueAt(value, "webhook.clientConfig"),
    listOf(valueAt(value, "webhook.conversionReviewVersions")),
  ];
  if (strategy === "Webhook") {
    if (config === undefined)
      errors.push(fieldError.required(child(here, "webhookClientConfig"), "required when strategy is set to Webhook"));
    else webhookClient(config, child(here, "webhookClientConfig"), errors);
    if (reviews.length === 0) errors.push(fieldError.required(child(here, "conversionReviewVersions")));
    else reviewVersions(reviews, child(here, "conversionReviewVersions"), errors);
    return;
  }
  if (config !== undefined)
    errors.push(
      fieldError.forbidden(child(here, "webhookClientConfig"), "should not be set when strategy is not set to Webhook"),
    );
  if (reviews.length > 0)
    errors.push(
      fieldError.forbidden(
        child(here, "conversionReviewVersions"),
        "should not be set when strategy is not set to Webhook",
      ),
    );
};

const approval: Check = (object, _at, errors) => {
  const groupName = String(valueAt(object, "spec.group") ?? "");
  const isProtected =
    groupName === "k8s.io" ||
    groupName === "kubernetes.io" ||
    groupName.endsWith(".k8s.io") ||
    groupName.endsWith(".kubernetes.io");
  if (!isProtected) return;
  const at = element("metadata.annotations", APPROVAL);
  const value = String(member(valueAt(object, "metadata.annotations"), APPROVAL) ?? "");
  if (value === "") {
    errors.push(
      fieldError.required(
        at,
        `protected groups must have approval annotation "${APPROVAL}", see https://github.com/kubernetes/enhancements/pull/1111`,
      ),
    );
  } else if (!value.startsWith("unapproved") && !/^https?:\/\/[^/]+/.test(value)) {
    errors.push(
      fieldError.invalid(
        at,
        value,
        `protected groups must have approval annotation "${APPROVAL}" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111`,
      ),
    );
  }
};

const storedVersions: Check = (object, _at, errors) => {
  const stored = listOf(valueAt(object, "status.storedVersions"));
  const at = "status.storedVersions";
  if (stored.length === 0) errors.push(fieldError.invalid(at, null, "must have at least one stored version"));
  const versions = listOf(valueAt(object, "spec.versions"));
  const versionNames = versions.map((version) => member(version, "name"));
  for (const version of versions) {
    if (member(version, "storage") === true && !stored.includes(member(version, "name")))
      errors.push(fieldError.invalid(at, stored, `must have the storage version ${member(version, "name")}`));
  }
  stored.forEach((name, index) => {
    if (!versionNames.includes(name)) errors.push(fieldError.invalid(element(at, index), name, missing(name)));
  });
};

function missing(version: unknown): string {
  return `missing from spec.versions; ${version} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${version} and removes ${version} from status.storedVersions`;
}

const PRESERVED =
  "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";

const specState: Check = (object, _at, errors) => {
  const spec = member(object, "spec");
  const scope = member(spec, "scope");
  group(member(spec, "group"), "spec.group", errors);
  if (isUnset(scope)) errors.push(fieldError.required("spec.scope"));
  else exactlyOneOf("Cluster", "Namespaced")(scope, "spec.scope", errors);
  versions(spec, "spec", errors);
  requiredNames(member(spec, "names"), "spec.names", errors);
  names(member(spec, "names"), "spec.names", errors);
  sharedParts(spec, "spec", errors);
  conversion(spec, "spec", errors);
};

/** Comes after what `spec` says of itself and, on updates, of the one before. */
const restState: Check = (object, at, errors) => {
  names(valueAt(object, "status.acceptedNames"), "status.acceptedNames", errors);
  storedVersions(object, at, errors);
  approval(object, at, errors);
  if (valueAt(object, "spec.preserveUnknownFields") === true)
    errors.push(fieldError.invalid("spec.preserveUnknownFields", true, PRESERVED));
};

function wasEstablished(old: unknown): boolean {
  return listOf(valueAt(old, "status.conditions")).some(
    (one) => member(one, "type") === "Established" && member(one, "status") === "True",
  );
}

const BUNDLE = "spec.conversion.webhook.clientConfig.caBundle";

/** One that is none stands in the way of being established; what is established keeps one that is, if it had one. */
const bundleStays: UpdateCheck = (next, old) => {
  const why = caBundleProblem(valueAt(next, BUNDLE));
  if (why === undefined || valueAt(next, "spec.conversion.strategy") !== "Webhook" || !wasEstablished(old)) return [];
  if (caBundleProblem(valueAt(old, BUNDLE)) !== undefined) return [];
  return [fieldError.invalid("spec.conversion.webhookClientConfig.caBundle", valueAt(next, BUNDLE), why)];
};

/** The group and plural are fixed for ever; scope and kind once the names are established. */
const identityStays: UpdateCheck = (next, old) => {
  const paths = [...(wasEstablished(old) ? ["spec.scope", "spec.names.kind"] : []), "spec.group", "spec.names.plural"];
  return paths.filter((path) => changed(next, old, path)).map((path) => immutableError(next, path));
};

export const CUSTOM_RESOURCES = {
  "apiextensions.k8s.io/CustomResourceDefinition": {
    state: all(nameMatches, specState, restState),
    updateState: (next) => run(specState, next),
    update: (next, old, context) => [
      ...bundleStays(next, old, context),
      ...identityStays(next, old, context),
      ...run(restState, next),
    ],
  },
} satisfies RuleTable;
