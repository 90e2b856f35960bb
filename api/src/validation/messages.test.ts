import { expect, test } from "vitest";
import facts from "../../facts/validation.json" with { type: "json" };
import { decodeJson } from "../codec/json-decode.ts";
import { applyDefaults } from "../defaults/index.ts";
import { resourceOf } from "../kinds.ts";
import type { Unstructured } from "../object.ts";
import { schemaOf } from "../schema-of.ts";
import { ApiError } from "../status/api-error.ts";
import { validateCreate } from "./validate.ts";

interface Recorded {
  readonly case: string;
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly code: number;
  readonly message?: string;
  readonly details?: {
    readonly causes?: readonly { readonly reason: string; readonly field: string; readonly message: string }[];
  };
}

/** What validation alone cannot answer: names that are generated, Go's names in values, what depends on the cluster. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "bad generateName": "the registry generates the name",
  "long generateName": "the registry generates the name",
  "service clusterIP taken": "the address allocator",
  "service clusterIP out of range": "the address allocator",
  "service nodePort out of range": "the port allocator",
  "service IPv6 on single-stack IPv4": "the address allocator",
  "service RequireDualStack": "the address allocator",
  "service duplicate ports": "upstream prints Go's field names in the value",
  "ownerReference Event": "upstream prints Go's field names in the value",
  "two controllers": "upstream prints Go's field names in the value",
  "crd two storage versions": "upstream prints Go's field names in the value",
  "crd bad CEL": "CEL is compiled elsewhere",
  "token expiration too small": "the subresource's own kind",
  "annotations over 256 KiB": "the recording shortens the body",
  "label value 64 chars": "the recording shortens the body",
  "label key prefix 254": "the recording shortens the body",
  "label key name 64": "the recording shortens the body",
  "data over 1 MiB": "the recording shortens the body",
};

const cases = (facts.generic as readonly unknown[] as readonly Recorded[]).filter(
  (one) =>
    one.method === "POST" &&
    one.code === 422 &&
    one.body !== undefined &&
    !(one.case in ELSEWHERE) &&
    gvkOf(one.path) !== undefined &&
    !/(dryRun=x|fieldValidation=x|fieldManager)/.test(one.path),
);

function gvkOf(path: string) {
  const [, group = "", version = "v1", resource] =
    /^\/(?:api|apis\/([^/]+))\/([^/]+)\/(?:namespaces\/[^/]+\/)?([a-z]+)(?:\?.*)?$/.exec(path) ?? [];
  const info = resource === undefined ? undefined : resourceOf({ group, version, resource });
  return info === undefined ? undefined : { group, version, kind: info.kind };
}

test("the table has what it should", () => {
  expect(cases.length).toBeGreaterThan(25);
});

test.each(cases.map((one) => [one.case, one] as const))("%s", (_name, recorded) => {
  const kind = gvkOf(recorded.path)!;
  const decoded = decodeJson<Unstructured>(new TextEncoder().encode(recorded.body), schemaOf(kind)!).object;
  const object = withJobLabels(kind.kind, applyDefaults(kind, withDefinitionStatus(decoded)));
  const error = ApiError.invalid(kind, object.metadata?.name ?? "", validateCreate(kind, object));
  const exact = (text: string): unknown => (text.endsWith("…") ? expect.stringContaining(text.slice(0, -1)) : text);
  expect(error.status.details?.causes).toEqual(
    recorded.details?.causes?.map((cause) => ({ ...cause, message: exact(cause.message) })),
  );
  expect(error.message).toEqual(exact(recorded.message!));
});

/** Strategy names the pods of a job after it. */
function withJobLabels(kind: string, object: Unstructured): Unstructured {
  if (kind !== "Job") return object;
  const spec = object["spec"] as { readonly template: { readonly metadata?: { readonly labels?: object } } };
  const uid = { "batch.kubernetes.io/controller-uid": "u" };
  const name = object.metadata?.name ?? "";
  const names = { "controller-uid": "u", "job-name": name, "batch.kubernetes.io/job-name": name };
  const metadata = { ...spec.template.metadata, labels: { ...spec.template.metadata?.labels, ...uid, ...names } };
  const labelled = { ...spec, selector: { matchLabels: uid }, template: { ...spec.template, metadata } };
  return { ...object, metadata: { ...object.metadata, uid: "u" }, spec: labelled } as Unstructured;
}

/** Strategy fills these before validation. */
function withDefinitionStatus(object: Unstructured): Unstructured {
  if (!Object.hasOwn(object, "spec") || (object["spec"] as { names?: unknown })?.names === undefined) return object;
  const spec = object["spec"] as {
    names: Record<string, string>;
    versions?: readonly { name: string; storage: boolean }[];
  };
  const names = { ...spec.names, singular: spec.names["kind"]!.toLowerCase(), listKind: `${spec.names["kind"]}List` };
  const stored = (spec.versions ?? []).filter((version) => version.storage).map((version) => version.name);
  return {
    ...object,
    spec: { ...spec, names },
    status: { storedVersions: stored.length === 0 ? null : stored },
  } as Unstructured;
}
