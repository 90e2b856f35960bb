import { setTimeout } from "node:timers/promises";
import type { Unstructured } from "@tsukube/api";
import type { Scenario, Send } from "../exchange.ts";
import { collectionPath, type Sample } from "../samples.ts";
import { lifecycle } from "./lifecycle.ts";
import { mutations } from "./mutations.ts";

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/** Of its own for each: what a group has is listed in any order. */
const groupOf = ({ resource }: Pick<Defined, "resource">): string => `${resource}.cr.example.com`;
/** Until both servers serve what is defined, and describe it. */
const SERVED_MS = 3000;

/** Everything that a definition can ask for. */
const SPEC = {
  type: "object",
  required: ["size"],
  properties: {
    size: { type: "integer", minimum: 1, maximum: 10 },
    color: { type: "string", enum: ["red", "blue"], default: "red" },
    name: { type: "string", pattern: "^[a-z]+$", minLength: 2, maxLength: 5 },
    ratio: { type: "number", exclusiveMinimum: true, minimum: 0, multipleOf: 0.5 },
    when: { type: "string", format: "date-time" },
    ports: {
      type: "array",
      maxItems: 3,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["port", "protocol"],
      items: {
        type: "object",
        required: ["port"],
        properties: { port: { type: "integer" }, protocol: { type: "string", default: "TCP" } },
      },
    },
    tags: { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } },
    either: { "x-kubernetes-int-or-string": true },
    free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
    labels: { type: "object", maxProperties: 2, additionalProperties: { type: "string" } },
    note: { type: "string", nullable: true },
    frozen: { type: "string", "x-kubernetes-validations": [{ rule: "self == oldSelf", message: "stays" }] },
  },
  "x-kubernetes-validations": [{ rule: "self.size < 9 || has(self.name)", message: "large ones have names" }],
};

const STATUS = {
  type: "object",
  properties: {
    replicas: { type: "integer" },
    selector: { type: "string" },
    conditions: {
      type: "array",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
      items: {
        type: "object",
        required: ["type"],
        properties: { type: { type: "string" }, status: { type: "string" } },
      },
    },
  },
};

const COLUMNS = [
  { name: "Size", type: "integer", jsonPath: ".spec.size" },
  { name: "Color", type: "string", jsonPath: ".spec.color", priority: 1 },
  { name: "When", type: "date", jsonPath: ".spec.when" },
  { name: "Ports", type: "string", jsonPath: ".spec.ports[*].port" },
];

interface Defined {
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly subresources?: object;
}

function definition({ resource, kind, namespaced, subresources }: Defined): object {
  const schema = { openAPIV3Schema: { type: "object", properties: { spec: SPEC, status: STATUS } } };
  const selectableFields = [{ jsonPath: ".spec.color" }];
  const version = { served: true, schema, selectableFields, ...(subresources !== undefined && { subresources }) };
  return {
    metadata: { name: `${resource}.${groupOf({ resource })}` },
    spec: {
      group: groupOf({ resource }),
      scope: namespaced ? "Namespaced" : "Cluster",
      names: { plural: resource, kind, shortNames: [resource.slice(0, 2)], categories: ["all"] },
      versions: [
        { ...version, name: "v1", storage: true, additionalPrinterColumns: COLUMNS },
        { ...version, name: "v1beta1", storage: false, deprecated: true },
      ],
    },
  };
}

const DEFINED: readonly Defined[] = [
  {
    resource: "widgets",
    kind: "Widget",
    namespaced: true,
    subresources: {
      status: {},
      scale: {
        specReplicasPath: ".spec.size",
        statusReplicasPath: ".status.replicas",
        labelSelectorPath: ".status.selector",
      },
    },
  },
  { resource: "gadgets", kind: "Gadget", namespaced: false },
];

/** What is defined while the server runs is served as everything else. */
export function customResourceScenarios(): readonly Scenario[] {
  return DEFINED.map((defined) => ({
    name: `custom ${defined.resource}`,
    run: (send: Send) => course(send, defined),
  }));
}

async function course(send: Send, defined: Defined): Promise<void> {
  await send({ method: "POST", path: DEFINITIONS, body: definition(defined) });
  await setTimeout(SERVED_MS);
  for (const path of ["", "/v1", "/v1beta1", "/v2"])
    await send({ method: "GET", path: `/apis/${groupOf(defined)}${path}` });
  for (const version of ["v1", "v1beta1"]) await lifecycle(send, sampleOf(defined, version));
  const sample = sampleOf(defined, "v1");
  const path = `${collectionPath(sample.resource, "default")}?dryRun=All`;
  await send({
    method: "POST",
    path,
    body: { ...sample.object, spec: { ...(sample.object["spec"] as object), pruned: true } },
  });
  await mutations(send, sample);
}

function sampleOf({ resource, kind, namespaced }: Defined, version: string): Sample {
  const spec = {
    size: 2,
    name: "abc",
    ratio: 1.5,
    when: "2025-01-01T00:00:00Z",
    ports: [{ port: 1 }, { port: 1, protocol: "UDP" }],
    tags: ["a", "b"],
    either: "50%",
    free: { any: { thing: [1, "x", null] } },
    labels: { a: "b" },
    note: null,
    frozen: "x",
  };
  const object = {
    apiVersion: `${groupOf({ resource })}/${version}`,
    kind,
    metadata: { name: "x" },
    spec,
  } as unknown as Unstructured;
  const subresources = ["status", "scale"].map((name) => ({ name, verbs: [] }));
  return {
    resource: {
      group: groupOf({ resource }),
      version,
      resource,
      kind,
      namespaced,
      verbs: [],
      subresources,
      shortNames: [],
      categories: [],
      enabledByDefault: true,
    },
    variant: version === "v1" ? "" : version,
    isOff: false,
    object,
  };
}
