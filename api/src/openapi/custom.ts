import type { JSONSchemaProps } from "../../generated/types/apiextensions-v1.ts";
import { describeField } from "../descriptions/index.ts";
import type { GroupVersionKind } from "../schema.ts";
import { customSchema, keepsUnknown } from "./custom-schema.ts";
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
      definitions.add(listName, listDefinition(custom, definitions.link(name), definitions, dialect));
      return definitions.link(listName);
    },
  };
}

const described = (field: string, node: Node): Node => ({ description: describeField("", field), ...node });
const TYPE_META: Node = {
  apiVersion: described("apiVersion", { type: "string" }),
  kind: described("kind", { type: "string" }),
};

function definitionOf(custom: CustomResource, definitions: Definitions, dialect: Dialect): Node {
  const { group, kind, version } = custom;
  const kinds = { "x-kubernetes-group-version-kind": [{ group, kind, version }] };
  // clients of Swagger take properties that are named for all there are: so none, where any may be
  const isFree = custom.schema === undefined || (dialect === 2 && keepsUnknown(custom.schema));
  if (isFree) return { type: "object", ...kinds, ...selectable(custom) };
  const metadata = metadataOf(definitions, "meta/v1.ObjectMeta", dialect);
  const embedded = { ...TYPE_META, metadata };
  const schema = customSchema(custom.schema ?? {}, dialect, embedded);
  return {
    ...schema,
    type: "object",
    properties: { ...(schema["properties"] as Node), ...embedded },
    ...kinds,
    ...selectable(custom),
  };
}

function selectable({ selectableFields }: CustomResource): Node {
  return selectableFields === undefined ? {} : { "x-kubernetes-selectable-fields": selectableFields };
}

/** OpenAPI 3 allows nothing beside a reference. */
function metadataOf(definitions: Definitions, type: string, dialect: Dialect): Node {
  const reference = definitions.reference(type);
  return described("metadata", dialect === 2 ? reference : { allOf: [reference] });
}

function listDefinition(custom: CustomResource, item: Node, definitions: Definitions, dialect: Dialect): Node {
  const { group, listKind, version } = custom;
  return {
    type: "object",
    required: ["items"],
    properties: {
      ...TYPE_META,
      items: { type: "array", items: item },
      metadata: metadataOf(definitions, "meta/v1.ListMeta", dialect),
    },
    "x-kubernetes-group-version-kind": [{ group, kind: listKind, version }],
    ...selectable(custom),
  };
}
