import type { JSONSchemaProps } from "../../../generated/types/apiextensions-v1.ts";
import { structuralErrors } from "../../crd/structural.ts";
import { ruleErrors } from "../../crd/validation-rules.ts";
import { jsonEqual } from "../../patch/json-equal.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
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
const kindName: Check = required((value, at, errors) => {
  const problems = dns1035Label(String(value).toLowerCase());
  const why = `may have mixed case, but should otherwise match: ${problems.join(",")}`;
  if (problems.length > 0) errors.push(fieldError.invalid(at, value, why));
});

const nameFields: Check = fields({
  plural: required(text(dns1035Label)),
  singular: required(text(dns1035Label)),
  kind: kindName,
  listKind: kindName,
  shortNames: each(text(dns1035Label)),
  categories: each(text(dns1035Label)),
});

const names: Check = (value, at, errors) => {
  nameFields(value, at, errors);
  const { kind, listKind } = (value ?? {}) as { readonly kind?: string; readonly listKind?: string };
  if (!isUnset(kind) && kind === listKind)
    errors.push(fieldError.invalid(child(at, "listKind"), listKind, "kind and listKind may not be the same"));
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

const versions: Check = (spec, at, errors) => {
  const list = listOf(member(spec, "versions"));
  const stored = list.filter((version) => member(version, "storage") === true);
  if (stored.length !== 1)
    errors.push(
      fieldError.invalid(child(at, "versions"), list, "must have exactly one version marked as storage version"),
    );
  const seen = new Set<unknown>();
  list.forEach((version, index) => {
    const here = element(child(at, "versions"), index);
    text(dns1035Label)(member(version, "name") ?? "", child(here, "name"), errors);
    if (seen.has(member(version, "name")))
      errors.push(fieldError.invalid(child(at, "versions"), list, "must contain unique version names"));
    seen.add(member(version, "name"));
    deprecationWarning(version, here, errors);
    versionSchema(version, list, index, at, errors);
    const columns = shared(list, "additionalPrinterColumns")
      ? child(at, "additionalPrinterColumns")
      : child(here, "additionalPrinterColumns");
    if (index === 0 || !shared(list, "additionalPrinterColumns"))
      each(column)(member(version, "additionalPrinterColumns"), columns, errors);
    const scaling = valueAt(version, "subresources.scale");
    const subresources = shared(list, "subresources") ? child(at, "subresources") : child(here, "subresources");
    const selectable = shared(list, "selectableFields") ? at : here;
    if (index === 0 || !shared(list, "selectableFields"))
      selectableFields(version, child(selectable, "selectableFields"), errors);
    if (scaling !== undefined && (index === 0 || !shared(list, "subresources")))
      scale(scaling, child(subresources, "scale"), errors);
  });
  // what was the only version once is the first
  unlessUnset(text(dns1035Label))(member(list[0], "name"), child(at, "version"), errors);
};

function versionSchema(
  version: unknown,
  list: readonly unknown[],
  index: number,
  at: string,
  errors: FieldError[],
): void {
  const schema = valueAt(version, "schema.openAPIV3Schema");
  const own = `${element(child(at, "versions"), index)}.schema.openAPIV3Schema`;
  if (schema === undefined) return void errors.push(fieldError.required(own));
  const common = shared(list, "schema");
  if (common && index > 0) return;
  const [here, before] = [common ? child(at, "validation.openAPIV3Schema") : own, errors.length];
  errors.push(...structuralErrors(schema as JSONSchemaProps, here));
  // Rules of a schema that is wrong are not compiled: what is wrong with them may be due to it.
  if (errors.length === before) errors.push(...ruleErrors(schema as JSONSchemaProps, here));
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

const state: Check = (object, at, errors) => {
  const spec = member(object, "spec");
  const scope = member(spec, "scope");
  group(member(spec, "group"), "spec.group", errors);
  if (isUnset(scope)) errors.push(fieldError.required("spec.scope"));
  else exactlyOneOf("Cluster", "Namespaced")(scope, "spec.scope", errors);
  const preserve = member(spec, "preserveUnknownFields");
  if (preserve === true) errors.push(fieldError.invalid("spec.preserveUnknownFields", true, PRESERVED));
  versions(spec, "spec", errors);
  names(member(spec, "names"), "spec.names", errors);
  conversion(spec, "spec", errors);
  approval(object, at, errors);
  storedVersions(object, at, errors);
};

/** The group and plural are fixed for ever; scope and kind once the names are established. */
const identityStays: UpdateCheck = (next, old) => {
  const conditions = listOf(valueAt(old, "status.conditions"));
  const established = conditions.some(
    (one) => member(one, "type") === "Established" && member(one, "status") === "True",
  );
  const paths = [...(established ? ["spec.scope", "spec.names.kind"] : []), "spec.group", "spec.names.plural"];
  return paths.filter((path) => changed(next, old, path)).map((path) => immutableError(next, path));
};

export const CUSTOM_RESOURCES = {
  "apiextensions.k8s.io/CustomResourceDefinition": {
    state: all(nameMatches, state),
    updateState: (next) => run(state, next),
    update: identityStays,
  },
} satisfies RuleTable;
