import type { Unstructured } from "../../object.ts";
import { jsonEqual } from "../../patch/json-equal.ts";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import { type Check, isUnset, text, valueAt } from "../check.ts";
import { changed, type KindRules, type UpdateCheck } from "../kind-rules.ts";
import { pathSegment } from "../names.ts";
import { validateMeta } from "../object-meta.ts";

/** Where an event's fields are in the two API groups that serve events; errors about what it is about name core's. */
interface Names {
  readonly subject: string;
  readonly controller: string;
  readonly note: string;
}

const LEGACY: Names = { subject: "involvedObject", controller: "reportingComponent", note: "message" };
const NEW: Names = { subject: "regarding", controller: "reportingController", note: "note" };

/** Events of today tell the time with fractions of a second. */
function isModern(object: unknown): boolean {
  return !isUnset(valueAt(object, "eventTime"));
}

/** An event lives where what it is about lives; one about a cluster-scoped object lives in "default". */
function namespaceErrors(object: unknown, { subject }: Names): readonly FieldError[] {
  const about = valueAt(object, `${subject}.namespace`) ?? "";
  const own = valueAt(object, "metadata.namespace") ?? "";
  const isOfCluster = own === "default" || own === (isModern(object) ? "kube-system" : "");
  const matches = about === "" ? isOfCluster : isModern(object) || about === own;
  return matches ? [] : [fieldError.invalid("involvedObject.namespace", about, "does not match event.namespace")];
}

const SHORT = { reportingInstance: 128, action: 128, reason: 128 } as const;
const LONGEST_NOTE = 1024;

function reportErrors(object: unknown, { controller, note }: Names): readonly FieldError[] {
  const errors: FieldError[] = [];
  const by = String(valueAt(object, controller) ?? "");
  if (by === "") errors.push(fieldError.required(controller));
  text(labelKeyProblems)(by, controller, errors);
  for (const [name, limit] of Object.entries(SHORT)) {
    const said = String(valueAt(object, name) ?? "");
    if (said === "") errors.push(fieldError.required(name));
    errors.push(...lengthErrors(name, said, limit));
  }
  return [...errors, ...lengthErrors(note, String(valueAt(object, note) ?? ""), LONGEST_NOTE)];
}

function lengthErrors(name: string, said: string, limit: number): readonly FieldError[] {
  return said.length > limit ? [fieldError.invalid(name, "", `can have at most ${limit} characters`)] : [];
}

function eventErrors(object: unknown, names: Names): readonly FieldError[] {
  return [...namespaceErrors(object, names), ...(isModern(object) ? reportErrors(object, names) : [])];
}

/** What is wrong with the event itself hides what is wrong with its name. */
const legacyState: Check = (object, _at, errors) => {
  const wrong = eventErrors(object, LEGACY);
  errors.push(...(wrong.length > 0 ? wrong : validateMeta(object as Unstructured, pathSegment)));
};

const newState: Check = (object, _at, errors) => void errors.push(...eventErrors(object, NEW));

/** events.k8s.io asks for more, but only of new events. */
const newCreate: Check = (object, _at, errors) => {
  if (!isModern(object)) errors.push(fieldError.required("eventTime"));
  const type = valueAt(object, "type") ?? "";
  if (type !== "Normal" && type !== "Warning")
    errors.push(fieldError.invalid("type", "", `has invalid value: ${String(type)}`));
  if (!isUnset(valueAt(object, "deprecatedCount"))) errors.push(fieldError.invalid("count", "", "needs to be unset"));
};

const FIXED = ["reportingController", "reportingInstance", "action", "reason", "type", "eventTime"] as const;

const newUpdate: UpdateCheck = (next, old) => {
  const errors: FieldError[] = FIXED.filter((path) => changed(next, old, path)).map((path) =>
    fieldError.invalid(path, valueAt(next, path) ?? (path === "eventTime" ? null : ""), "field is immutable"),
  );
  if (!jsonEqual(valueAt(next, "regarding") ?? null, valueAt(old, "regarding") ?? null)) {
    errors.push(fieldError.invalid("involvedObject", valueAt(next, "regarding"), "field is immutable"));
  }
  return errors;
};

export const event: KindRules = { hasMeta: false, state: legacyState };
export const newEvent: KindRules = { state: newState, create: newCreate, update: newUpdate };
