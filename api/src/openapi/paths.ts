import { allKinds, kindOf, type ResourceInfo } from "../kinds.ts";
import type { GroupVersionKind } from "../schema.ts";
import type { Definitions, Node } from "./definitions.ts";
import { groupName } from "./names.ts";

/** A resource as a document describes it: built-in, or of a CustomResourceDefinition. */
export interface DocumentedResource extends ResourceInfo {
  /** References to the definitions of the kind and of its list. */
  readonly schema: (definitions: Definitions) => Node;
  readonly listSchema: (definitions: Definitions) => Node;
  readonly custom: boolean;
}

/** One operation, before it takes the form of OpenAPI 2 or 3. */
export interface Operation {
  readonly method: "get" | "put" | "post" | "delete" | "patch";
  readonly id: string;
  readonly tag: string;
  readonly description: string;
  readonly action: string;
  readonly kind: GroupVersionKind;
  readonly parameters: readonly Parameter[];
  readonly body: Node | undefined;
  readonly consumes: readonly string[];
  readonly produces: readonly string[];
  /** By status code; undefined: a string. */
  readonly responses: readonly {
    readonly code: string;
    readonly description: string;
    readonly schema: Node | undefined;
  }[];
}

/** A path with its operations. */
export interface Path {
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly operations: readonly Operation[];
}

/** A parameter in the path or the query. */
export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly type: "string" | "boolean" | "integer";
  readonly description: string;
}

const query = (name: string, type: Parameter["type"], description: string): Parameter => ({
  name,
  in: "query",
  type,
  description,
});
const PRETTY = query("pretty", "string", "'true' indents the answer.");
const DRY_RUN = query("dryRun", "string", "'All' processes the request without storing the result.");
const FIELD_MANAGER = query("fieldManager", "string", "Name of the actor that makes this change.");
const FIELD_VALIDATION = query(
  "fieldValidation",
  "string",
  "What becomes of unknown and duplicate fields: Ignore, Warn or Strict.",
);
const FORCE = query("force", "boolean", "Takes fields over from other managers; for apply only.");
const WRITE = [DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION];
const LIST = [
  query("allowWatchBookmarks", "boolean", "Asks a watch for bookmarks."),
  query("continue", "string", "Where the last page ended."),
  query("fieldSelector", "string", "Restricts by fields."),
  query("labelSelector", "string", "Restricts by labels."),
  query("limit", "integer", "At most so many objects in a page."),
  query("resourceVersion", "string", "How old the answer may be."),
  query("resourceVersionMatch", "string", "How resourceVersion is meant: Exact or NotOlderThan."),
  query("sendInitialEvents", "boolean", "A watch starts with the objects that exist."),
  query("timeoutSeconds", "integer", "Ends the call after so long."),
  query("watch", "boolean", "Streams changes instead of listing."),
];
const DELETE = [
  DRY_RUN,
  query("gracePeriodSeconds", "integer", "Time to end in; 0 means at once."),
  query("ignoreStoreReadErrorWithClusterBreakingPotential", "boolean", "Deletes an object that cannot be read."),
  query("orphanDependents", "boolean", "Deprecated: see propagationPolicy."),
  query("propagationPolicy", "string", "What becomes of dependents: Orphan, Background or Foreground."),
];
const NAME: Parameter = { name: "name", in: "path", type: "string", description: "Name of the object." };
const NAMESPACE: Parameter = { name: "namespace", in: "path", type: "string", description: "Namespace of the object." };
const TAIL: Parameter = {
  name: "path",
  in: "path",
  type: "string",
  description: "Path of the resource behind the proxy.",
};

const JSON_TYPES = ["application/json", "application/yaml"];
const PROTOBUF = "application/vnd.kubernetes.protobuf";
const STREAMS = ["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"];
const PATCHES = ["application/json-patch+json", "application/merge-patch+json"];
const CONNECTS = new Set(["attach", "exec", "portforward", "proxy"]);

/** The paths of a resource and its subresources. */
export function pathsOf(resource: DocumentedResource, definitions: Definitions): readonly Path[] {
  const base = resource.group === "" ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope = resource.namespaced ? `${base}/namespaces/{namespace}` : base;
  const scopeParameters = resource.namespaced ? [NAMESPACE, PRETTY] : [PRETTY];
  const collection = `${scope}/${resource.resource}`;
  const maker = new Maker(resource, definitions);
  const paths: Path[] = [
    { path: collection, parameters: scopeParameters, operations: maker.collection() },
    { path: `${collection}/{name}`, parameters: [NAME, ...scopeParameters], operations: maker.object() },
  ];
  if (resource.namespaced && resource.verbs.includes("list")) {
    paths.push({
      path: `${base}/${resource.resource}`,
      parameters: [PRETTY],
      operations: [maker.list("ForAllNamespaces")],
    });
  }
  for (const { name, verbs } of resource.subresources) {
    const parameters = [NAME, ...scopeParameters];
    const path = `${collection}/{name}/${name}`;
    paths.push({ path, parameters, operations: maker.subresource(name, verbs) });
    if (name === "proxy") {
      paths.push({
        path: `${path}/{path}`,
        parameters: [...parameters, TAIL],
        operations: maker.subresource(name, verbs, "WithPath"),
      });
    }
  }
  return paths.filter((path) => path.operations.length > 0);
}

/** Makes the operations of one resource. */
class Maker {
  readonly #resource: DocumentedResource;
  readonly #definitions: Definitions;

  constructor(resource: DocumentedResource, definitions: Definitions) {
    this.#resource = resource;
    this.#definitions = definitions;
  }

  collection(): Operation[] {
    const { verbs } = this.#resource;
    const status = () => this.#definitions.reference("meta/v1.Status");
    return [
      ...(verbs.includes("list") ? [this.list("")] : []),
      ...(verbs.includes("create") ? [this.#write("post", "create", "create", this.#schema())] : []),
      ...(verbs.includes("deletecollection")
        ? [
            this.#operation(
              "delete",
              "deleteCollection",
              "deletecollection",
              [...LIST.slice(1, -1), ...DELETE],
              this.#deleteOptions(),
              [ok(status())],
            ),
          ]
        : []),
    ];
  }

  list(suffix: string): Operation {
    const schema = this.#resource.listSchema(this.#definitions);
    const operation = this.#operation("get", "list", "list", LIST, undefined, [ok(schema)], suffix);
    return { ...operation, produces: [...operation.produces, ...STREAMS] };
  }

  object(): Operation[] {
    const { verbs } = this.#resource;
    const status = () => this.#definitions.reference("meta/v1.Status");
    return [
      ...(verbs.includes("get") ? [this.#operation("get", "read", "get", [], undefined, [ok(this.#schema())])] : []),
      ...(verbs.includes("update") ? [this.#write("put", "replace", "put", this.#schema())] : []),
      ...(verbs.includes("delete")
        ? [
            this.#operation("delete", "delete", "delete", DELETE, this.#deleteOptions(), [
              ok(status()),
              { code: "202", description: "Accepted", schema: status() },
            ]),
          ]
        : []),
      ...(verbs.includes("patch") ? [this.#patch(this.#schema(), "")] : []),
    ];
  }

  subresource(name: string, verbs: readonly string[], more = ""): Operation[] {
    const suffix = name.charAt(0).toUpperCase() + name.slice(1) + more;
    if (CONNECTS.has(name)) return this.#connects(verbs, suffix);
    const kind = this.#subresourceKind(name);
    const type = kind === undefined ? undefined : kindOf(kind)?.typeName;
    const schema = type === undefined ? this.#schema() : this.#definitions.reference(type);
    const operations = verbs.flatMap((verb): Operation[] => {
      if (verb === "get")
        return [
          this.#operation("get", "read", "get", [], undefined, [ok(name === "log" ? undefined : schema)], suffix),
        ];
      if (verb === "update") return [this.#write("put", "replace", "put", schema, suffix)];
      if (verb === "patch") return [this.#patch(schema, suffix)];
      return verb === "create" ? [this.#write("post", "create", "post", schema, suffix)] : [];
    });
    return kind === undefined ? operations : operations.map((operation) => ({ ...operation, kind }));
  }

  #connects(verbs: readonly string[], suffix: string): Operation[] {
    const methods: Readonly<Record<string, Operation["method"]>> = {
      get: "get",
      create: "post",
      update: "put",
      delete: "delete",
      patch: "patch",
    };
    return verbs.flatMap((verb) => {
      const method = methods[verb];
      if (method === undefined) return [];
      const word = method.charAt(0).toUpperCase() + method.slice(1);
      const operation = this.#operation(method, `connect${word}`, "connect", [], undefined, [ok(undefined)], suffix);
      const id = operation.id.replace(`connect${word}${this.#group()}`, `connect${this.#group()}${word}`);
      return [{ ...operation, id, produces: ["*/*"], consumes: ["*/*"] }];
    });
  }

  /** Kinds such as Scale and Eviction answer subresources; other subresources have the resource's kind. */
  #subresourceKind(name: string): GroupVersionKind | undefined {
    if (this.#resource.custom && name !== "scale") return undefined;
    const path = this.#resource.custom ? "deployments/scale" : `${this.#resource.resource}/${name}`;
    const info = allKinds().find((kind) => kind.resources.includes(path));
    return info && { group: info.group, kind: info.kind, version: info.version };
  }

  #schema(): Node {
    return this.#resource.schema(this.#definitions);
  }

  #deleteOptions(): Node {
    return this.#definitions.reference("meta/v1.DeleteOptions");
  }

  #write(method: "post" | "put", word: string, action: string, schema: Node, suffix = ""): Operation {
    const codes = method === "post" ? ["200", "201", "202"] : ["200", "201"];
    const responses = codes.map((code) => ({ code, description: DESCRIPTIONS[code] ?? "", schema }));
    return this.#operation(method, word, action === "create" ? "post" : action, WRITE, schema, responses, suffix);
  }

  #patch(schema: Node, suffix: string): Operation {
    const responses = ["200", "201"].map((code) => ({ code, description: DESCRIPTIONS[code] ?? "", schema }));
    const body = this.#definitions.reference("meta/v1.Patch");
    const operation = this.#operation("patch", "patch", "patch", [...WRITE, FORCE], body, responses, suffix);
    const strategic = this.#resource.custom ? [] : ["application/strategic-merge-patch+json"];
    return { ...operation, consumes: [...PATCHES, ...strategic, "application/apply-patch+yaml"] };
  }

  #group(): string {
    const { group, version } = this.#resource;
    return groupName(group, true) + version.charAt(0).toUpperCase() + version.slice(1);
  }

  #operation(
    method: Operation["method"],
    word: string,
    action: string,
    parameters: readonly Parameter[],
    body: Node | undefined,
    responses: Operation["responses"],
    suffix = "",
  ): Operation {
    const { group, version, kind, namespaced, custom } = this.#resource;
    const scope = namespaced && suffix !== "ForAllNamespaces" ? "Namespaced" : "";
    const types = custom ? JSON_TYPES : [...JSON_TYPES, PROTOBUF];
    return {
      method,
      id: `${word}${this.#group()}${scope}${kind}${suffix}`,
      tag: `${groupName(group, false)}_${version}`,
      description: `${WORDS[action] ?? action} ${kind}${suffix === "" || suffix === "ForAllNamespaces" ? "" : ` (${suffix.toLowerCase()})`}`,
      action,
      kind: { group, kind, version },
      parameters,
      body,
      consumes: body === undefined ? ["*/*"] : types,
      produces: types,
      responses: [...responses, { code: "401", description: "Unauthorized", schema: undefined }],
    };
  }
}

const WORDS: Readonly<Record<string, string>> = {
  list: "list or watch objects of kind",
  post: "create",
  put: "replace",
  patch: "partially update",
  get: "read",
  delete: "delete",
  deletecollection: "delete a collection of",
  connect: "connect to",
};
const DESCRIPTIONS: Readonly<Record<string, string>> = { "200": "OK", "201": "Created", "202": "Accepted" };

function ok(schema: Node | undefined): Operation["responses"][number] {
  return { code: "200", description: "OK", schema };
}
