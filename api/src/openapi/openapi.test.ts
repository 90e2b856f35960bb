import protobuf from "protobufjs";
import { describe, expect, test } from "vitest";
import { factsText } from "../facts.ts";
import { type CustomResource, encodeOpenApiV2, encodeOpenApiV3, openApiV2, openApiV3 } from "./index.ts";

type Node = Readonly<Record<string, unknown>>;

const cronTab: CustomResource = {
  group: "stable.example.com",
  version: "v1",
  kind: "CronTab",
  listKind: "CronTabList",
  resource: "crontabs",
  namespaced: true,
  shortNames: [],
  categories: [],
  schema: { type: "object", properties: { spec: { type: "object", nullable: true, oneOf: [{ required: ["a"] }] } } },
  status: true,
  scale: true,
};
const content = { customResources: [cronTab] };
const at = (document: unknown, ...steps: string[]) =>
  steps.reduce((node, step) => (node as Node)[step], document) as Node;

describe("OpenAPI 3", () => {
  const apps = openApiV3("apps/v1");

  test("kubectl finds fieldValidation and dryRun where it looks for them", () => {
    const patch = at(apps, "paths", "/apis/apps/v1/namespaces/{namespace}/deployments/{name}", "patch");
    expect(patch["x-kubernetes-group-version-kind"]).toEqual({ group: "apps", kind: "Deployment", version: "v1" });
    const names = (patch["parameters"] as readonly Node[])
      .filter((each) => each["in"] === "query")
      .map((each) => each["name"]);
    expect(names).toEqual(expect.arrayContaining(["fieldValidation", "dryRun", "fieldManager", "force"]));
  });

  test("every reference leads somewhere", () => {
    expect(dangling(apps, at(apps, "components", "schemas"))).toEqual([]);
    const custom = openApiV3("stable.example.com/v1", content);
    expect(dangling(custom, at(custom, "components", "schemas"))).toEqual([]);
  });

  test("what every custom resource has is described, as explain shows it", () => {
    const custom = at(openApiV3("stable.example.com/v1", content), "components", "schemas");
    const { apiVersion, metadata } = at(custom, "com.example.stable.v1.CronTab", "properties") as Record<string, Node>;
    expect(apiVersion?.["description"]).toMatch(/^APIVersion defines/);
    expect(metadata?.["description"]).toMatch(/^Standard object's metadata/);
    const meta = at(custom, "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", "properties", "creationTimestamp");
    expect(meta["description"]).toMatch(/^CreationTimestamp is a timestamp/);
  });

  test("lists say how they merge", () => {
    const ports = at(apps, "components", "schemas", "io.k8s.api.core.v1.Container", "properties", "ports");
    expect(ports["x-kubernetes-list-map-keys"]).toEqual(["containerPort", "protocol"]);
    expect(ports["x-kubernetes-patch-merge-key"]).toBe("containerPort");
  });

  test("a scale subresource has the kind Scale", () => {
    const scale = at(apps, "paths", "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale", "get");
    expect(scale["x-kubernetes-group-version-kind"]).toEqual({ group: "autoscaling", kind: "Scale", version: "v1" });
  });
});

test("the protobuf form of OpenAPI 3 is gnostic's", () => {
  const root = protobuf.Root.fromJSON(JSON.parse(factsText("grpc/openapi-v3.json")) as protobuf.INamespace);
  const type = root.lookupType("openapi.v3.Document");
  const decoded = type.toObject(type.decode(encodeOpenApiV3(openApiV3("v1")))) as Node;
  const schemas = at(decoded, "components", "schemas", "additionalProperties") as unknown as readonly Named[];
  const schemaOf = (name: string): Node => schemas.find((each) => each.name === name)?.value["schema"] as Node;
  const probe = at(
    schemaOf("io.k8s.api.core.v1.Container"),
    "properties",
    "additionalProperties",
  ) as unknown as readonly Named[];
  const propertyOf = (name: string): Node => probe.find((each) => each.name === name)?.value["schema"] as Node;
  expect(propertyOf("name")).toMatchObject({ type: "string", default: { string: "" } });
  expect(propertyOf("resources")).toMatchObject({
    allOf: [{ reference: { Ref: expect.stringMatching(/ResourceRequirements$/) } }],
  });
  expect(propertyOf("resources")["default"]).toBeUndefined(); // an object: the message has none
  expect(propertyOf("ports")["specificationExtension"]).toContainEqual({
    name: "x-kubernetes-patch-merge-key",
    value: { yaml: '"containerPort"\n' },
  });
  const paths = at(decoded, "paths", "path") as unknown as readonly Named[];
  const patch = at(paths.find((each) => each.name === "/api/v1/namespaces/{name}")?.value, "patch");
  expect(patch["parameters"]).toContainEqual({ parameter: expect.objectContaining({ name: "dryRun", in: "query" }) });
});

interface Named {
  readonly name: string;
  readonly value: Node;
}

describe("OpenAPI 2", () => {
  const document = openApiV2(content);

  test("every reference leads somewhere", () => {
    expect(dangling(document, at(document, "definitions"))).toEqual([]);
  });

  test("custom resources lose what Swagger cannot say", () => {
    const spec = at(document, "definitions", "com.example.stable.v1.CronTab", "properties", "spec");
    expect(spec).toEqual({});
  });

  test("a custom resource that takes any field names none, so that clients refuse none", () => {
    const schema = {
      type: "object",
      "x-kubernetes-preserve-unknown-fields": true,
      properties: { spec: { type: "object" } },
    };
    const free = openApiV2({ customResources: [{ ...cronTab, schema }] });
    expect(at(free, "definitions", "com.example.stable.v1.CronTab")).toEqual({
      type: "object",
      "x-kubernetes-group-version-kind": [{ group: "stable.example.com", kind: "CronTab", version: "v1" }],
    });
  });

  test("the protobuf form is gnostic's", () => {
    const root = protobuf.Root.fromJSON(JSON.parse(factsText("grpc/openapi-v2.json")) as protobuf.INamespace);
    const type = root.lookupType("openapi.v2.Document");
    const decoded = type.toObject(type.decode(encodeOpenApiV2(document))) as {
      paths: { path: unknown[] };
      definitions: {
        additionalProperties: {
          name: string;
          value: { vendorExtension?: { name: string; value: { yaml: string } }[] };
        }[];
      };
    };
    expect(decoded.paths.path).toHaveLength(Object.keys(at(document, "paths")).length);
    const pod = decoded.definitions.additionalProperties.find((each) => each.name === "io.k8s.api.core.v1.Pod");
    expect(pod?.value.vendorExtension).toEqual([
      { name: "x-kubernetes-group-version-kind", value: { yaml: '[{"group":"","kind":"Pod","version":"v1"}]\n' } },
    ]);
  });
});

function dangling(node: unknown, definitions: Node): string[] {
  if (typeof node !== "object" || node === null) return [];
  const reference = (node as Node)["$ref"];
  const own =
    typeof reference === "string" && !(reference.slice(reference.lastIndexOf("/") + 1) in definitions)
      ? [reference]
      : [];
  return [...own, ...Object.values(node).flatMap((each) => dangling(each, definitions))];
}
