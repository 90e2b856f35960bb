import { allResources, kindOf, type ResourceInfo } from "../kinds.ts";
import { apiVersionOf, type GroupVersionKind } from "../schema.ts";
import { type CustomResource, documentCustom } from "./custom.ts";
import { Definitions, type Dialect, isRegisteredByAll, type Node } from "./definitions.ts";
import { kubernetesVersion } from "./names.ts";
import { type Path, pathV2, pathV3 } from "./operations.ts";
import { type DocumentedResource, pathsOf } from "./paths.ts";
import { documentNames, rootPath } from "./roots.ts";
import { SharedParameters } from "./shared-parameters.ts";

export type { CustomResource } from "./custom.ts";
export { encodeOpenApiV2, encodeOpenApiV3 } from "./gnostic.ts";

/** Which resources a document describes. */
export interface OpenApiContent {
  /** Built-in resources; default: those served by default. */
  readonly resources?: readonly ResourceInfo[];
  readonly customResources?: readonly CustomResource[];
}

const SECURITY = {
  BearerToken: { type: "apiKey", description: "Bearer Token authentication", name: "authorization", in: "header" },
};

/** Names of the OpenAPI 3 documents, sorted: "api/v1", "apis/apps", "apis/apps/v1", "version" ... */
export function openApiV3Names(content: OpenApiContent = {}): readonly string[] {
  const custom = (content.customResources ?? []).map(({ group, version }) => `apis/${group}/${version}`);
  return [...new Set([...documentNames(builtinOf(content)), ...custom])].sort();
}

/**
 * The OpenAPI 3.0 document of this name: encode it with encodeUnstructured. Built on each call; callers keep the bytes.
 * @param name One of {@link openApiV3Names}.
 */
export function openApiV3(name: string, content: OpenApiContent = {}): Node {
  const groupVersion = name.replace(/^apis?\//, "");
  const isHere = (resource: DocumentedResource) => apiVersionOf(resource) === groupVersion;
  const resources = documented(content, 3).filter(isHere);
  return resources.some(({ custom }) => custom) ? customV3(resources) : builtinV3(name, resources);
}

function builtinV3(name: string, resources: readonly DocumentedResource[]): Node {
  const [{ group, version } = { group: "", version: "v1" }] = resources;
  const isHere = (kind: GroupVersionKind) => kind.group === group && kind.version === version;
  const isCore = (kind: GroupVersionKind) => apiVersionOf(kind) === "v1";
  const definitions = new Definitions(3, (kind) => !isRegisteredByAll(kind.kind) || isHere(kind) || isCore(kind));
  const root = rootPath(name, definitions);
  const paths = [...(root === undefined ? [] : [root]), ...resources.flatMap((each) => pathsOf(each, definitions))];
  return {
    openapi: "3.0.0",
    info: kubernetesInfo(),
    paths: Object.fromEntries(paths.map((path) => [path.path, pathV3(path)])),
    components: { ...schemasOf(definitions), securitySchemes: SECURITY },
  };
}

function customV3(resources: readonly DocumentedResource[]): Node {
  const definitions = new Definitions(3, (kind) => !OF_SERVERS.has(kind.group));
  const paths = resources.flatMap((resource) => pathsOf(resource, definitions));
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes CRD Swagger", version: "v0.1.0" },
    paths: Object.fromEntries(paths.map((path) => [path.path, pathV3(path)])),
    components: schemasOf(definitions),
  };
}

function schemasOf(definitions: Definitions): Node {
  const schemas = definitions.all();
  return Object.keys(schemas).length === 0 ? {} : { schemas };
}

/** "1.37": the level without the patch. */
function kubernetesInfo(): Node {
  return { title: "Kubernetes", version: kubernetesVersion().replace(/^v(\d+\.\d+).*$/, "$1") };
}

/** The Swagger 2.0 document of everything served. */
export function openApiV2(content: OpenApiContent = {}): Node {
  const definitions = new Definitions(2);
  const shared = new SharedParameters();
  const roots = documentNames(builtinOf(content)).flatMap((name): readonly Path[] => {
    const root = rootPath(name, definitions);
    return root === undefined ? [] : [root];
  });
  const paths = [...roots, ...documented(content, 2).flatMap((resource) => pathsOf(resource, definitions))];
  const described = paths.map((path) => [path.path, pathV2(path, shared)] as const);
  return {
    swagger: "2.0",
    info: kubernetesInfo(),
    paths: Object.fromEntries(described.sort(([a], [b]) => (a < b ? -1 : 1))),
    definitions: definitions.all(),
    parameters: shared.all(),
    securityDefinitions: SECURITY,
    security: [{ BearerToken: [] }],
  };
}

function builtinOf(content: OpenApiContent): readonly ResourceInfo[] {
  return content.resources ?? allResources().filter((resource) => resource.enabledByDefault);
}

/** Groups of servers themselves, which clients do not know. */
const OF_SERVERS = new Set([
  "admission.k8s.io",
  "apiextensions.k8s.io",
  "apiregistration.k8s.io",
  "imagepolicy.k8s.io",
]);

function documented(content: OpenApiContent, dialect: Dialect): readonly DocumentedResource[] {
  return [
    ...builtinOf(content).map(documentBuiltin),
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
