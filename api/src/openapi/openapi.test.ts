import protobuf from "protobufjs";
import { describe, expect, test } from "vitest";
import { factsText } from "../facts.ts";
import {
  type CustomResource,
  encodeOpenApiV2,
  encodeOpenApiV3,
  openApiV2,
  openApiV3,
  openApiV3Names,
} from "./index.ts";

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
const withProperties = (properties: object) => ({
  customResources: [{ ...cronTab, schema: { type: "object", properties } } as CustomResource],
});
const at = (document: unknown, ...steps: string[]) =>
  steps.reduce((node, step) => (node as Node)[step], document) as Node;

describe("OpenAPI 3", () => {
  const apps = openApiV3("apis/apps/v1");

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
    const custom = openApiV3("apis/stable.example.com/v1", content);
    expect(dangling(custom, at(custom, "components", "schemas"))).toEqual([]);
  });

  test("a custom resource says what its schema means", () => {
    const properties = {
      port: { "x-kubernetes-int-or-string": true },
      object: { type: "object", "x-kubernetes-embedded-resource": true },
    };
    const types = at(openApiV3("apis/stable.example.com/v1", withProperties(properties)), "components", "schemas");
    const { port, object } = at(types, "com.example.stable.v1.CronTab", "properties") as Record<string, Node>;
    expect(port?.["anyOf"]).toEqual([{ type: "integer" }, { type: "string" }]);
    expect(object?.["required"]).toEqual(["kind", "apiVersion"]);
    expect(Object.keys(at(object, "properties"))).toEqual(["apiVersion", "kind", "metadata"]);
  });

  test("a custom resource keeps the marks of its schema", () => {
    const items = { type: "object", required: ["k"], properties: { k: { type: "string" } } };
    const marked = {
      list: { type: "array", items, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"] },
      map: { type: "object", additionalProperties: { type: "string" }, "x-kubernetes-map-type": "atomic" },
      free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      ruled: { type: "integer", "x-kubernetes-validations": [{ rule: "self > 0", message: "more" }] },
      port: { "x-kubernetes-int-or-string": true },
      object: { type: "object", "x-kubernetes-embedded-resource": true },
    };
    const given = { ...withProperties(marked).customResources[0]!, selectableFields: [{ fieldPath: "spec.color" }] };
    const types = at(openApiV3("apis/stable.example.com/v1", { customResources: [given] }), "components", "schemas");
    const own = at(types, "com.example.stable.v1.CronTab");
    expect(own["x-kubernetes-selectable-fields"]).toEqual([{ fieldPath: "spec.color" }]);
    for (const [name, schema] of Object.entries(marked))
      for (const [mark, value] of Object.entries(schema).filter(([key]) => key.startsWith("x-")))
        expect([name, mark, at(own, "properties", name)[mark]]).toEqual([name, mark, value]);
  });

  test("what every custom resource has is described, as explain shows it", () => {
    const custom = at(openApiV3("apis/stable.example.com/v1", content), "components", "schemas");
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

  test.each([
    ["core.v1.PodSpec", "containers", { "list-type": "map", "list-map-keys": ["name"], "patch-strategy": "merge" }],
    ["core.v1.PodSpec", "volumes", { "patch-merge-key": "name", "patch-strategy": "merge,retainKeys" }],
    ["core.v1.PodSpec", "tolerations", { "list-type": "atomic" }],
    ["apps.v1.DeploymentStatus", "conditions", { "list-type": "map", "patch-merge-key": "type" }],
    ["apps.v1.DeploymentSpec", "strategy", { "patch-strategy": "retainKeys" }],
  ])("of %s its %s are marked with %j", (type, name, marks) => {
    const field = at(apps, "components", "schemas", `io.k8s.api.${type}`, "properties", name);
    for (const [mark, value] of Object.entries(marks))
      expect([mark, field[`x-kubernetes-${mark}`]]).toEqual([mark, value]);
  });

  test("types that are atomic or unions say so", () => {
    const schemas = at(apps, "components", "schemas");
    expect(at(schemas, "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector")["x-kubernetes-map-type"]).toBe("atomic");
    expect(at(schemas, "io.k8s.api.core.v1.SeccompProfile")["x-kubernetes-unions"]).toEqual([
      { discriminator: "type", "fields-to-discriminateBy": { localhostProfile: "LocalhostProfile" } },
    ]);
  });

  test("a scale subresource has the kind Scale", () => {
    const scale = at(apps, "paths", "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale", "get");
    expect(scale["x-kubernetes-group-version-kind"]).toEqual({ group: "autoscaling", kind: "Scale", version: "v1" });
  });
});

test("the protobuf form of OpenAPI 3 is gnostic's", () => {
  const root = protobuf.Root.fromJSON(JSON.parse(factsText("grpc/openapi-v3.json")) as protobuf.INamespace);
  const type = root.lookupType("openapi.v3.Document");
  const decoded = type.toObject(type.decode(encodeOpenApiV3(openApiV3("api/v1")))) as Node;
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
    value: { yaml: "containerPort\n" },
  });
  const paths = at(decoded, "paths", "path") as unknown as readonly Named[];
  const patch = at(paths.find((each) => each.name === "/api/v1/namespaces/{name}")?.value, "patch");
  expect(patch["parameters"]).toContainEqual({ parameter: expect.objectContaining({ name: "dryRun", in: "query" }) });
});

interface Named {
  readonly name: string;
  readonly value: Node;
}

describe("operations", () => {
  const swagger = openApiV2(content);
  const core = openApiV3("api/v1");
  const pods = "/api/v1/namespaces/{namespace}/pods";
  const crons = "/apis/stable.example.com/v1/namespaces/{namespace}/crontabs";
  const namesOf = (parameters: unknown) => (parameters as readonly Node[]).map((each) => each["name"]);

  test.each([
    [pods, "delete", "deleteCoreV1CollectionNamespacedPod"],
    ["/api/v1/pods", "get", "listCoreV1PodForAllNamespaces"],
    ["/api/v1/watch/pods", "get", "watchCoreV1PodListForAllNamespaces"],
    ["/api/v1/watch/namespaces/{namespace}/pods/{name}", "get", "watchCoreV1NamespacedPod"],
    [`${pods}/{name}/exec`, "post", "connectCoreV1PostNamespacedPodExec"],
    [`${pods}/{name}/proxy/{path}`, "options", "connectCoreV1OptionsNamespacedPodProxyWithPath"],
    [`${pods}/{name}/binding`, "post", "createCoreV1NamespacedPodBinding"],
    ["/apis/rbac.authorization.k8s.io/", "get", "getRbacAuthorizationAPIGroup"],
    ["/apis/rbac.authorization.k8s.io/v1/", "get", "getRbacAuthorizationV1APIResources"],
    ["/version/", "get", "getCodeVersion"],
    [crons, "delete", "deleteStableExampleComV1CollectionNamespacedCronTab"],
  ])("%s %s is %s", (path, method, id) => {
    expect(at(swagger, "paths", path, method)["operationId"]).toBe(id);
  });

  test("of a kind that begins with a small letter has a capital after the version", () => {
    const small = openApiV3("apis/stable.example.com/v1", { customResources: [{ ...cronTab, kind: "cronTab" }] });
    const everywhere = at(small, "paths", "/apis/stable.example.com/v1/crontabs", "get");
    expect(everywhere["operationId"]).toBe("listStableExampleComV1CronTabForAllNamespaces");
    expect(at(small, "paths", crons, "get")["operationId"]).toBe("listStableExampleComV1NamespacedcronTab");
  });

  test("what all operations of a path take stands at the path, sorted", () => {
    const log = at(core, "paths", `${pods}/{name}/log`);
    expect(at(log, "get")["parameters"]).toBeUndefined();
    const names =
      "container follow insecureSkipTLSVerifyBackend limitBytes name namespace pretty previous sinceSeconds";
    expect(namesOf(log["parameters"])).toEqual(`${names} stream tailLines timestamps`.split(" "));
  });

  test("options of a connection have their own kind", () => {
    const exec = at(core, "paths", `${pods}/{name}/exec`, "get");
    expect(exec["x-kubernetes-group-version-kind"]).toEqual({ group: "", kind: "PodExecOptions", version: "v1" });
  });

  test.each([
    [pods, "Pod"],
    ["/api/v1/namespaces/{namespace}/configmaps", "Status"],
  ])("a deletion from %s answers with a %s", (collection, kind) => {
    const { schema } = at(swagger, "paths", `${collection}/{name}`, "delete", "responses", "200");
    expect((schema as Node)["$ref"]).toMatch(new RegExp(`\\.${kind}$`));
  });

  test("a body is required unless it is options of a deletion", () => {
    const object = at(core, "paths", `${pods}/{name}`);
    expect(at(object, "put", "requestBody")["required"]).toBe(true);
    expect(at(object, "delete", "requestBody")["required"]).toBeUndefined();
  });

  test("custom resources have no older paths of watches and no protobuf", () => {
    expect(Object.keys(at(swagger, "paths")).filter((path) => /example.*watch/.test(path))).toEqual([]);
    expect(at(swagger, "paths", crons, "get")["produces"]).toEqual(["application/json", "application/yaml"]);
  });

  test("a document is registered for its own group version and the core's", () => {
    const types = at(openApiV3("apis/apps/v1"), "components", "schemas");
    const options = at(types, "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions");
    expect(options["x-kubernetes-group-version-kind"]).toEqual([
      { group: "", kind: "DeleteOptions", version: "v1" },
      { group: "apps", kind: "DeleteOptions", version: "v1" },
    ]);
  });

  test("there is a document for each group, each version and each path of the server's own", () => {
    expect(openApiV3Names(content)).toEqual(
      expect.arrayContaining(["api", "api/v1", "apis/apps", "apis/apps/v1", "apis/stable.example.com/v1", "version"]),
    );
    expect(openApiV3Names(content)).not.toContain("apis/stable.example.com");
  });
});

describe("OpenAPI 2", () => {
  const document = openApiV2(content);

  test("every reference leads somewhere", () => {
    const known = { ...at(document, "definitions"), ...at(document, "parameters") };
    expect(dangling(document, known)).toEqual([]);
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
      { name: "x-kubernetes-group-version-kind", value: { yaml: '- group: ""\n  kind: Pod\n  version: v1\n' } },
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
