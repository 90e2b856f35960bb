import { expect, test } from "vitest";
import defaults from "../../facts/defaults.json" with { type: "json" };
import facts from "../../facts/validation.json" with { type: "json" };
import { normalize } from "../codec/json-decode.ts";
import { applyDefaults } from "../defaults/index.ts";
import { conformToGates, FeatureGates } from "../feature-gates/index.ts";
import { resourceOf } from "../kinds.ts";
import type { Json, Unstructured } from "../object.ts";
import { type GroupVersionKind, parseApiVersion } from "../schema.ts";
import { schemaOf } from "../schema-of.ts";
import type { FieldError } from "../status/field-error.ts";
import { type Values, valueAt } from "./check.ts";
import gaps from "./known-gaps.json" with { type: "json" };
import { validateCreate } from "./validate.ts";

const EVERYTHING = FeatureGates.parse("AllAlpha=true,AllBeta=true");

/** An answer of a real API server. */
interface Answer {
  readonly code: number;
  readonly causes?: readonly string[];
}

interface Recorded {
  readonly server: "default" | "all";
  readonly create?: Readonly<Record<string, Answer>>;
  readonly notTried?: readonly string[];
}

const RESOURCES = facts.resources as unknown as Readonly<Record<string, Recorded>>;
const COMMON = facts.common as unknown as Readonly<Record<string, Answer>>;
const OBJECTS = defaults.objects as unknown as Readonly<Record<string, { readonly in: Values; readonly out: Values }>>;

function kindOfResource(name: string): GroupVersionKind {
  const [apiVersion, resource] = name.split(" ") as [string, string];
  return { ...parseApiVersion(apiVersion), kind: resourceOf({ ...parseApiVersion(apiVersion), resource })!.kind };
}

/** A copy of `object` with the value at `path` replaced, or removed for undefined. */
function withPath(object: Json, path: string, value: Json | undefined): Json {
  const copy = structuredClone(object) as Record<string, Json>;
  const keys = segments(path, copy);
  let at = copy as Record<string, Json>;
  for (const key of keys.slice(0, -1)) at = (at[key] ??= {}) as Record<string, Json>;
  if (value === undefined) delete at[keys.at(-1)!];
  else at[keys.at(-1)!] = value;
  return copy;
}

/** Recorded paths do not quote map keys with dots: the object tells. */
function segments(path: string, object: unknown): string[] {
  const parts = path.replaceAll(/\[(\d+)\]/g, ".$1").split(".");
  const keys: string[] = [];
  let at = object;
  for (let start = 0; start < parts.length; ) {
    let length = 1;
    for (let take = parts.length - start; take > 1; take--) {
      const candidate = parts.slice(start, start + take).join(".");
      if (typeof at === "object" && at !== null && Object.hasOwn(at, candidate)) {
        length = take;
        break;
      }
    }
    const key = parts.slice(start, start + length).join(".");
    keys.push(key);
    at = typeof at === "object" && at !== null ? (at as Values)[key] : undefined;
    start += length;
  }
  return keys;
}

/** The body that a case names, from the smallest good one. */
function bodyOf(name: string, base: Json): Json | undefined {
  const fixed: Record<string, () => Json> = {
    "{}": () => ({}),
    "kind only": () => ({}),
    "name only": () => ({ metadata: { name: valueAt(base, "metadata.name") as string } }),
    "no name": () => withPath(base, "metadata.name", undefined),
    "name Bad_Name": () => withPath(base, "metadata.name", "Bad_Name"),
    "name 254 chars": () => withPath(base, "metadata.name", "x".repeat(254)),
    "name with /": () => withPath(base, "metadata.name", "a/b"),
    'label key "a b"': () => withPath(base, "metadata.labels", { "a b": "c" }),
    'label value "-"': () => withPath(base, "metadata.labels", { a: "-" }),
  };
  if (fixed[name] !== undefined) return fixed[name]();
  if (name.startsWith("no ")) return withPath(base, name.slice(3), undefined);
  const set = /^([\w.]+): (.+)$/.exec(name);
  return set === null ? undefined : withPath(base, set[1]!, JSON.parse(set[2]!) as Json);
}

/** What the registry's strategies do between defaulting and validation. */
function prepare(kind: GroupVersionKind, object: Values): Values {
  const name = String(valueAt(object, "metadata.name") ?? "");
  if (kind.kind === "Namespace" && name !== "") {
    return withPath(object as Json, "metadata.labels", {
      ...(valueAt(object, "metadata.labels") as object),
      "kubernetes.io/metadata.name": name,
    } as Json) as Values;
  }
  if (kind.kind === "LimitRange" && name === "")
    return withPath(object as Json, "metadata.name", "generated") as Values;
  if (kind.kind === "Job") return prepareJob(object, name);
  if (kind.kind === "CustomResourceDefinition") return prepareDefinition(object);
  return object;
}

function prepareJob(object: Values, name: string): Values {
  const uid = { "batch.kubernetes.io/controller-uid": "u" };
  const names = { "controller-uid": "u", "job-name": name, "batch.kubernetes.io/job-name": name };
  const labels = { ...uid, ...names, ...(valueAt(object, "spec.template.metadata.labels") as object) };
  const labelled = withPath(object as Json, "spec.template.metadata.labels", labels as Json);
  const selecting = withPath(labelled, "spec.selector", { matchLabels: uid });
  return withPath(selecting, "metadata.uid", "u") as Values;
}

function prepareDefinition(object: Values): Values {
  const names = { ...(valueAt(object, "spec.names") as Values) };
  const kind = names["kind"] as string | undefined;
  if (kind) {
    names["singular"] ||= kind.toLowerCase();
    names["listKind"] ||= `${kind}List`;
  }
  const versions = (valueAt(object, "spec.versions") ?? []) as readonly Values[];
  const stored = versions.filter((version) => version["storage"] === true).map((version) => version["name"] as string);
  const named = withPath(object as Json, "spec.names", names as Json);
  return withPath(named, "status", { storedVersions: stored }) as Values;
}

function defaulted(kind: GroupVersionKind, body: Json, gates: FeatureGates): Unstructured {
  const complete = {
    ...(body as Values),
    apiVersion: kind.group === "" ? kind.version : `${kind.group}/${kind.version}`,
    kind: kind.kind,
  };
  const schema = schemaOf(kind)!;
  const whole = applyDefaults(kind, normalize<Unstructured>(complete, schema).object);
  return prepare(kind, conformToGates(kind, whole, gates, undefined)) as Unstructured;
}

function namespaced(name: string, body: Json): Json {
  const [apiVersion, resource] = name.split(" ") as [string, string];
  const info = resourceOf({ ...parseApiVersion(apiVersion), resource })!;
  return info.namespaced ? withPath(body, "metadata.namespace", "facts") : body;
}

/** Recorded causes are distinct and in no order. */
function distinct(list: readonly string[]): string {
  return [...new Set(list)].sort().join(" | ");
}

function causes(errors: readonly FieldError[]): string {
  return distinct(errors.map((error) => `${error.type} ${error.field}`));
}

interface Outcome {
  readonly name: string;
  readonly expected: string;
  readonly actual: string;
}

/** Every recorded creation whose answer comes from validation (422), or that is accepted. */
function creations(): Outcome[] {
  const outcomes: Outcome[] = [];
  for (const [name, recorded] of Object.entries(RESOURCES)) {
    const kind = kindOfResource(name);
    const base = OBJECTS[name]?.in as Json;
    const cases = { ...COMMON, ...recorded.create };
    const gates = recorded.server === "all" ? EVERYTHING : FeatureGates.defaults;
    for (const [label, answer] of Object.entries(cases)) {
      if (recorded.notTried?.includes(label) || (answer.code !== 422 && answer.code !== 201)) continue;
      const body = bodyOf(label, base);
      if (body === undefined) continue;
      outcomes.push({
        name: `create ${name}: ${label}`,
        expected: [...(answer.causes ?? [])].sort().join(" | "),
        actual: attempt(() => causes(validateCreate(kind, defaulted(kind, namespaced(name, body), gates), gates))),
      });
    }
  }
  return outcomes;
}

function attempt(action: () => string): string {
  try {
    return action();
  } catch (error) {
    return `threw ${String(error)}`;
  }
}

const known = new Set<string>(Object.values(gaps as Readonly<Record<string, readonly string[]>>).flat());

test("creations answer as recorded, but for the known gaps", () => {
  const outcomes = creations();
  const wrong = outcomes.filter(({ expected, actual }) => expected !== actual);
  const unexpected = wrong.filter(({ name }) => !known.has(name));
  expect(unexpected.map(({ name, expected, actual }) => `${name}\n   wanted ${expected}\n   got    ${actual}`)).toEqual(
    [],
  );
  const open = new Set(wrong.map(({ name }) => name));
  expect(
    [...known].filter((name) => !open.has(name)),
    "gaps that are closed",
  ).toEqual([]);
});
