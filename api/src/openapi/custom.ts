import type { JSONSchemaProps } from "../../generated/types/apiextensions-v1.ts";
import type { GroupVersionKind } from "../schema.ts";
import type { Definitions, Dialect, Node } from "./definitions.ts";
import { customDefinitionName } from "./names.ts";
import type { DocumentedResource } from "./paths.ts";

/** A served version of a CustomResourceDefinition, as documents describe it. */
export interface CustomResource extends GroupVersionKind {
  readonly listKind: string;
  readonly resource: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** `openAPIV3Schema`. */
  readonly schema: JSONSchemaProps | undefined;
  readonly status: boolean;
  readonly scale: boolean;
  readonly selectableFields?: readonly { readonly fieldPath: string }[];
}

const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const SUBRESOURCE_VERBS = ["get", "patch", "update"];

/** A custom resource in the form of the built-in ones. */
export function documentCustom(custom: CustomResource, dialect: Dialect): DocumentedResource {
  const name = customDefinitionName(custom.group, custom.version, custom.kind);
  const listName = customDefinitionName(custom.group, custom.version, custom.listKind);
  const { group, version, kind, resource, namespaced, shortNames, categories } = custom;
  return {
    group,
    version,
    kind,
    resource,
    namespaced,
    shortNames,
    categories,
    verbs: VERBS,
    subresources: [
      ...(custom.status ? [{ name: "status", verbs: SUBRESOURCE_VERBS }] : []),
      ...(custom.scale ? [{ name: "scale", verbs: SUBRESOURCE_VERBS }] : []),
    ],
    enabledByDefault: true,
    custom: true,
    schema: (definitions) => {
      definitions.add(name, definitionOf(custom, definitions, dialect));
      return definitions.link(name);
    },
    listSchema: (definitions) => {
      definitions.add(name, definitionOf(custom, definitions, dialect));
      definitions.add(listName, listDefinition(custom, definitions.link(name), definitions));
      return definitions.link(listName);
    },
  };
}

const TYPE_META: Node = { apiVersion: { type: "string" }, kind: { type: "string" } };

function definitionOf(custom: CustomResource, definitions: Definitions, dialect: Dialect): Node {
  const { group, kind, version } = custom;
  const schema = (dialect === 2 ? toSwagger(custom.schema ?? {}) : (custom.schema ?? {})) as Node;
  return {
    ...schema,
    type: "object",
    properties: {
      ...(schema["properties"] as Node),
      ...TYPE_META,
      metadata: definitions.reference("meta/v1.ObjectMeta"),
    },
    "x-kubernetes-group-version-kind": [{ group, kind, version }],
    ...(custom.selectableFields !== undefined && { "x-kubernetes-selectable-fields": custom.selectableFields }),
  };
}

function listDefinition(custom: CustomResource, item: Node, definitions: Definitions): Node {
  const { group, listKind, version } = custom;
  return {
    type: "object",
    required: ["items"],
    properties: {
      ...TYPE_META,
      items: { type: "array", items: item },
      metadata: definitions.reference("meta/v1.ListMeta"),
    },
    "x-kubernetes-group-version-kind": [{ group, kind: listKind, version }],
  };
}

const UNKNOWN_TO_SWAGGER = new Set([
  "oneOf",
  "anyOf",
  "allOf",
  "not",
  "nullable",
  "default",
  "x-kubernetes-validations",
]);

/** Swagger knows no alternatives and no null: such nodes lose them, and a nullable node its type. */
function toSwagger(schema: JSONSchemaProps): Node {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(schema)) {
    if (UNKNOWN_TO_SWAGGER.has(name)) continue;
    if (name === "properties") {
      out[name] = Object.fromEntries(
        Object.entries(value as Record<string, JSONSchemaProps>).map(([key, each]) => [key, toSwagger(each)]),
      );
    } else if ((name === "items" || name === "additionalProperties") && typeof value === "object") {
      out[name] = toSwagger(value as JSONSchemaProps);
    } else out[name] = value;
  }
  const isFree =
    schema.nullable === true || (schema["x-kubernetes-preserve-unknown-fields"] === true && schema.type === "object");
  if (!isFree) return out;
  for (const name of ["type", "items", "properties", "additionalProperties"]) delete out[name];
  return out;
}
