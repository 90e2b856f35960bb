import type { Unstructured } from "../../object.ts";
import { jsonEqual } from "../../patch/json-equal.ts";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import { type Check, isUnset, text, valueAt } from "../check.ts";
import type { KindRules, UpdateCheck } from "../kind-rules.ts";
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
  return [...errors, ...lengthErrors("message", String(valueAt(object, note) ?? ""), LONGEST_NOTE)];
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

/** What events of core alone may have, by its name there. */
const DEPRECATED = {
  deprecatedFirstTimestamp: "firstTimestamp",
  deprecatedLastTimestamp: "lastTimestamp",
  deprecatedCount: "count",
  deprecatedSource: "source",
} as const;

/** events.k8s.io asks for more, but only of new events. */
const newCreate: Check = (object, _at, errors) => {
  if (!isModern(object)) errors.push(fieldError.required("eventTime"));
  const type = valueAt(object, "type") ?? "";
  if (type !== "Normal" && type !== "Warning")
    errors.push(fieldError.invalid("type", "", `has invalid value: ${String(type)}`));
  for (const [path, name] of Object.entries(DEPRECATED)) {
    const value = valueAt(object, path);
    if (!isUnset(value) && Object.keys(value as object).length + (typeof value === "object" ? 0 : 1) > 0)
      errors.push(fieldError.invalid(name, "", "needs to be unset"));
  }
  const series = valueAt(object, "series");
  if (isUnset(series)) return;
  if (Number(valueAt(series, "count") ?? 0) < 2)
    errors.push(fieldError.invalid("series.count", "", "should be at least 2"));
  if (isUnset(valueAt(series, "lastObservedTime"))) errors.push(fieldError.required("series.lastObservedTime"));
};

const REFERENCE = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"];

/** Everything but the series is fixed. Errors have core's names, and values the fields of its Go type. */
const FIXED: readonly (readonly [path: string, name: string, unset: unknown, fields?: readonly string[]])[] = [
  ["regarding", "involvedObject", {}, REFERENCE],
  ["reason", "reason", ""],
  ["note", "message", ""],
  ["deprecatedSource", "source", {}, ["component", "host"]],
  ["deprecatedFirstTimestamp", "firstTimestamp", null],
  ["deprecatedLastTimestamp", "lastTimestamp", null],
  ["deprecatedCount", "count", 0],
  ["type", "type", ""],
  ["eventTime", "eventTime", null],
  ["action", "action", ""],
  ["related", "related", null, REFERENCE],
  ["reportingController", "reportingController", ""],
  ["reportingInstance", "reportingInstance", ""],
];

const newUpdate: UpdateCheck = (next, old) =>
  FIXED.filter(([path, _name, unset]) => {
    const [is, was] = [valueAt(next, path) ?? unset, valueAt(old, path) ?? unset];
    return !jsonEqual(is, was);
  }).map(([path, name, unset, names]) => {
    const value = valueAt(next, path) ?? unset;
    const shown = names === undefined || value === null ? value : goFields(value, names);
    return fieldError.invalid(name, shown, "field is immutable");
  });

function goFields(value: unknown, names: readonly string[]): object {
  return Object.fromEntries(names.map((name) => [goName(name), valueAt(value, name) ?? ""]));
}

function goName(name: string): string {
  return { uid: "UID", apiVersion: "APIVersion" }[name] ?? name[0]!.toUpperCase() + name.slice(1);
}

export const event: KindRules = { hasMeta: false, state: legacyState };
export const newEvent: KindRules = { state: newState, create: newCreate, update: newUpdate };
