import type { Unstructured } from "../../object.ts";
import { jsonEqual } from "../../patch/json-equal.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import { type Check, isUnset, valueAt } from "../check.ts";
import { changed, type KindRules, type UpdateCheck } from "../kind-rules.ts";
import { pathSegment } from "../names.ts";
import { validateMeta } from "../object-meta.ts";

/** Where an event's fields are in the two API groups that serve events; errors name core's. */
interface Names {
  readonly subject: string;
  readonly strict: boolean;
}

const LEGACY: Names = { subject: "involvedObject", strict: false };
const NEW: Names = { subject: "regarding", strict: true };

/** An event lives where what it is about lives; one about a cluster-scoped object lives in "default". */
function namespaceError(object: unknown, { subject }: Names): FieldError[] {
  const about = valueAt(object, `${subject}.namespace`) ?? "";
  const own = valueAt(object, "metadata.namespace") ?? "";
  const matches = about === own || (about === "" && (own === "" || own === "default" || own === "kube-system"));
  return matches ? [] : [fieldError.invalid("involvedObject.namespace", about, "does not match event.namespace")];
}

/** A wrong namespace hides everything else, even the lack of a name. */
const legacyState: Check = (object, _at, errors) => {
  const wrong = namespaceError(object, LEGACY);
  errors.push(...(wrong.length > 0 ? wrong : validateMeta(object as Unstructured, pathSegment)));
};

const LIMITS = { reportingInstance: 128, action: 128, reason: 128, note: 1024 } as const;

const newState: Check = (object, _at, errors) => void errors.push(...namespaceError(object, NEW));

/** events.k8s.io asks for more, but only of new events. */
const newCreate: Check = (object, _at, errors) => {
  if (isUnset(valueAt(object, "eventTime"))) errors.push(fieldError.required("eventTime"));
  else reporting(object, errors);
  const type = valueAt(object, "type") ?? "";
  if (type !== "Normal" && type !== "Warning")
    errors.push(fieldError.invalid("type", "", `has invalid value: ${String(type)}`));
};

function reporting(object: unknown, errors: FieldError[]): void {
  if (isUnset(valueAt(object, "reportingController"))) {
    errors.push(fieldError.required("reportingController"));
    errors.push(fieldError.invalid("reportingController", "", "name part must be non-empty"));
  }
  for (const [name, limit] of Object.entries(LIMITS)) {
    const text = String(valueAt(object, name) ?? "");
    if (text === "" && name !== "note") errors.push(fieldError.required(name));
    if (text.length > limit) errors.push(fieldError.invalid(name, "", `can have at most ${limit} characters`));
  }
  if (!isUnset(valueAt(object, "deprecatedCount"))) errors.push(fieldError.invalid("count", "", "needs to be unset"));
}

const FIXED = ["reportingController", "reportingInstance", "action", "reason", "type", "eventTime"] as const;

const newUpdate: UpdateCheck = (next, old) => {
  const errors: FieldError[] = FIXED.filter((path) => changed(next, old, path)).map((path) =>
    fieldError.invalid(path, valueAt(next, path) ?? null, "field is immutable"),
  );
  if (!jsonEqual(valueAt(next, "regarding") ?? null, valueAt(old, "regarding") ?? null)) {
    errors.push(fieldError.invalid("involvedObject", valueAt(next, "regarding"), "field is immutable"));
  }
  return errors;
};

export const event: KindRules = { hasMeta: false, state: legacyState };
export const newEvent: KindRules = { state: newState, create: newCreate, updateState: () => [], update: newUpdate };
