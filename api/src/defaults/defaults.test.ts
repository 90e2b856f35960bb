import { describe, expect, test } from "vitest";
import { decodeJson, normalize } from "../codec/json-decode.ts";
import { factsText } from "../facts.ts";
import type { KubeObject } from "../object.ts";
import { type GroupVersionKind, parseApiVersion } from "../schema.ts";
import { schemaOf } from "../schema-of.ts";
import { applyDefaults } from "./index.ts";

type Json = Record<string, unknown>;
interface Recorded {
  readonly in: Json;
  readonly out: Json;
  readonly withoutAdmission?: Json;
}

/** What a create adds besides defaults, and who adds it. Paths without indexes; a trailing dot covers all below. */
const NOT_DEFAULTS: Readonly<Record<string, string>> = {
  "metadata.namespace": "the request's path",
  "metadata.name": "generateName",
  "metadata.generation": "strategy",
  "metadata.finalizers": "strategy of pod groups",
  kind: "the request's path",
  apiVersion: "the request's path",
};
const NOT_DEFAULTS_OF: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  namespaces: { "spec.finalizers": "strategy" },
  nodes: {},
  persistentvolumeclaims: { "spec.dataSourceRef.": "strategy mirrors dataSource" },
  persistentvolumes: { "status.lastPhaseTransitionTime": "strategy: the clock" },
  pods: { "status.": "strategy: phase and QoS class", "spec.resources.requests.": "strategy" },
  services: {
    "spec.clusterIP": "allocation",
    "spec.clusterIPs": "allocation",
    "spec.ipFamilies": "allocation",
    "spec.ipFamilyPolicy": "allocation",
    "spec.ports.nodePort": "allocation",
    "spec.healthCheckNodePort": "allocation",
  },
  customresourcedefinitions: { "status.": "strategy" },
  daemonsets: { "metadata.annotations.": "strategy: template generation" },
  selfsubjectreviews: { "status.": "the answer" },
  tokenreviews: { "status.": "the answer" },
  localsubjectaccessreviews: { "status.": "the answer" },
  selfsubjectaccessreviews: { "status.": "the answer" },
  selfsubjectrulesreviews: { "status.": "the answer", "spec.namespace": "the request's namespace is not shown" },
  subjectaccessreviews: { "status.": "the answer" },
  jobs: {
    "metadata.labels.": "strategy: controller uid",
    "spec.selector.": "strategy: controller uid",
    "spec.template.metadata.labels.": "strategy: controller uid",
  },
  certificatesigningrequests: { "spec.username": "strategy", "spec.uid": "strategy", "spec.groups": "strategy" },
  devicetaintrules: { "spec.taint.timeAdded": "strategy: the clock" },
  podgroups: { "spec.priority": "admission", "spec.preemptionPolicy": "admission" },
  compositepodgroups: { "spec.priority": "admission", "spec.preemptionPolicy": "admission" },
};

const recorded = JSON.parse(factsText("defaults.json").replaceAll("<time>", "2025-01-01T00:00:00Z")) as {
  objects: Record<string, Recorded>;
};
const cases = Object.entries(recorded.objects).filter(([key]) => key !== "v1 bindings"); // answered with a Status

describe("defaulting gives what a server stores", () => {
  test.each(cases)("%s", (key, { in: given, out, withoutAdmission }) => {
    const [, resource = ""] = key.split(" ");
    const expected = withoutAdmission ?? out;
    const gvk: GroupVersionKind = { ...parseApiVersion(String(out["apiVersion"])), kind: String(out["kind"]) };
    const schema = schemaOf(gvk);
    if (schema === undefined) throw new Error(`no schema of ${key}`);
    const bytes = new TextEncoder().encode(JSON.stringify(given));
    const object = decodeJson<KubeObject>(bytes, schema).object;
    const actual = applyDefaults(gvk, object);
    const ignored = { ...NOT_DEFAULTS, ...NOT_DEFAULTS_OF[resource] };
    expect(differences(expected, actual, ignored)).toEqual([]);
    expect(normalize(actual, schema).object, "the normal form is kept").toEqual(actual);
    expect(applyDefaults(gvk, actual), "defaulting again changes nothing").toEqual(actual);
  });
});

/** Paths at which two values differ. */
function differences(
  expected: unknown,
  actual: unknown,
  ignored: Readonly<Record<string, string>>,
  path = "",
): string[] {
  if (
    path !== "" &&
    Object.keys(ignored).some((each) => path === each || (each.endsWith(".") && `${path}.`.startsWith(each)))
  ) {
    return [];
  }
  if (typeof expected !== "object" || typeof actual !== "object" || expected === null || actual === null) {
    return Object.is(expected, actual)
      ? []
      : [`${path}: ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`];
  }
  const names = new Set([...Object.keys(expected), ...Object.keys(actual)]);
  return [...names].flatMap((name) => {
    const below = Array.isArray(expected) ? path : path === "" ? name : `${path}.${name}`;
    return differences((expected as Json)[name], (actual as Json)[name], ignored, below);
  });
}

interface PodOf {
  readonly spec: { readonly containers: readonly { readonly imagePullPolicy?: string }[] };
}

const SHA = `sha256:${"a".repeat(64)}`;
test.each([
  ["Always", ["foo", "foo:latest", "localhost/a", "x:1/y", "A.b/c", "[::1]:5000/a", "a__b", `foo:latest@${SHA}`]],
  ["IfNotPresent", ["foo:1", "a/b/c:v_1.2-3", `foo@${SHA}`]],
  // no names of images
  [
    "IfNotPresent",
    ["ko://a/b", "$(IMAGE)", "Foo", "a/B", "A:latest", "foo:", "foo bar", "a..b", "a___b", "foo:latest@sha256:0"],
  ],
  ["IfNotPresent", ["a".repeat(64)]],
])("the pull policy is %s of %j", (policy, images) => {
  const containers = images.map((image, index) => ({ name: `c${index}`, image }));
  const given = { apiVersion: "v1", kind: "Pod", metadata: {}, spec: { containers } } as KubeObject;
  const { spec } = applyDefaults({ group: "", version: "v1", kind: "Pod" }, given) as unknown as PodOf;
  expect(spec.containers.map(({ imagePullPolicy }) => imagePullPolicy)).toEqual(images.map(() => policy));
});
