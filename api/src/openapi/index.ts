import { allResources, kindOf, type ResourceInfo } from "../kinds.ts";
import { apiVersionOf } from "../schema.ts";
import { type CustomResource, documentCustom } from "./custom.ts";
import { Definitions, type Dialect, type Node } from "./definitions.ts";
import { kubernetesVersion } from "./names.ts";
import { type DocumentedResource, type Operation, type Parameter, type Path, pathsOf } from "./paths.ts";

export type { CustomResource } from "./custom.ts";
export { encodeOpenApiV2, encodeOpenApiV3 } from "./gnostic.ts";

/** Which resources a document describes. */
export interface OpenApiContent {
  /** Built-in resources; default: those served by default. */
  readonly resources?: readonly ResourceInfo[];
  readonly customResources?: readonly CustomResource[];
}

/**
 * The OpenAPI 3.0 document of one group version, such as "v1" or "apps/v1": encode it with encodeUnstructured.
 * Built on each call; callers keep the bytes.
 */
export function openApiV3(groupVersion: string, content: OpenApiContent = {}): Node {
  const definitions = new Definitions(3);
  const resources = documented(content, 3).filter((resource) => apiVersionOf(resource) === groupVersion);
  const paths = resources.flatMap((resource) => pathsOf(resource, definitions));
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: kubernetesVersion() },
    paths: Object.fromEntries(paths.map((path) => [path.path, pathV3(path)])),
    components: {
      schemas: definitions.all(),
      securitySchemes: {
        BearerToken: {
          type: "apiKey",
          description: "Bearer Token authentication",
          name: "authorization",
          in: "header",
        },
      },
    },
  };
}

/** The Swagger 2.0 document of everything served. */
export function openApiV2(content: OpenApiContent = {}): Node {
  const definitions = new Definitions(2);
  const paths = documented(content, 2).flatMap((resource) => pathsOf(resource, definitions));
  return {
    swagger: "2.0",
    info: { title: "Kubernetes", version: kubernetesVersion() },
    paths: Object.fromEntries(paths.map((path) => [path.path, pathV2(path)])),
    definitions: definitions.all(),
    securityDefinitions: {
      BearerToken: { type: "apiKey", description: "Bearer Token authentication", name: "authorization", in: "header" },
    },
    security: [{ BearerToken: [] }],
  };
}

function documented(content: OpenApiContent, dialect: Dialect): readonly DocumentedResource[] {
  const builtin = content.resources ?? allResources().filter((resource) => resource.enabledByDefault);
  return [
    ...builtin.map(documentBuiltin),
    ...(content.customResources ?? []).map((custom) => documentCustom(custom, dialect)),
  ];
}

function documentBuiltin(resource: ResourceInfo): DocumentedResource {
  const { group, version, kind } = resource;
  const info = kindOf({ group, version, kind });
  if (info === undefined) throw new Error(`Cannot document "${resource.resource}": no kind ${kind}`);
  const list = info.listKind === undefined ? undefined : kindOf({ group, version, kind: info.listKind });
  return {
    ...resource,
    custom: false,
    schema: (definitions) => definitions.reference(info.typeName),
    listSchema: (definitions) => definitions.reference(list?.typeName ?? info.typeName),
  };
}

function pathV3(path: Path): Node {
  const operations = path.operations.map((operation) => [operation.method, operationV3(operation)] as const);
  return { ...Object.fromEntries(operations), parameters: path.parameters.map(parameterV3) };
}

function operationV3(operation: Operation): Node {
  const { body } = operation;
  return {
    description: operation.description,
    operationId: operation.id,
    ...(operation.parameters.length > 0 && { parameters: operation.parameters.map(parameterV3) }),
    ...(body !== undefined && { requestBody: { content: contentOf(operation.consumes, body) } }),
    responses: Object.fromEntries(
      operation.responses.map(({ code, description, schema }) => [
        code,
        code === "401"
          ? { description }
          : { description, content: contentOf(operation.produces, schema ?? { type: "string" }) },
      ]),
    ),
    ...marks(operation),
  };
}

function contentOf(types: readonly string[], schema: Node): Node {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

function parameterV3(parameter: Parameter): Node {
  const { name, description, type } = parameter;
  const required = parameter.in === "path" ? { required: true } : {};
  return { description, in: parameter.in, name, ...required, schema: { type, uniqueItems: true } };
}

function pathV2(path: Path): Node {
  const operations = path.operations.map((operation) => [operation.method, operationV2(operation)] as const);
  return { ...Object.fromEntries(operations), parameters: path.parameters.map(parameterV2) };
}

function operationV2(operation: Operation): Node {
  const { body } = operation;
  const parameters = operation.parameters.map(parameterV2);
  return {
    consumes: operation.consumes,
    description: operation.description,
    operationId: operation.id,
    parameters:
      body === undefined
        ? parameters
        : [{ in: "body", name: "body", required: operation.method !== "delete", schema: body }, ...parameters],
    produces: operation.produces,
    responses: Object.fromEntries(
      operation.responses.map(({ code, description, schema }) => [
        code,
        code === "401" ? { description } : { description, schema: schema ?? { type: "string" } },
      ]),
    ),
    schemes: ["https"],
    ...marks(operation),
  };
}

function parameterV2(parameter: Parameter): Node {
  const { name, description, type } = parameter;
  return {
    description,
    in: parameter.in,
    name,
    ...(parameter.in === "path" && { required: true }),
    type,
    uniqueItems: true,
  };
}

function marks(operation: Operation): Node {
  return {
    tags: [operation.tag],
    "x-kubernetes-action": operation.action,
    "x-kubernetes-group-version-kind": operation.kind,
  };
}
