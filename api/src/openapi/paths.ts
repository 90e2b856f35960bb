import { allKinds, kindOf, type ResourceInfo } from "../kinds.ts";
import { strategyOf } from "../resources/index.ts";
import type { GroupVersionKind } from "../schema.ts";
import type { Definitions, Node } from "./definitions.ts";
import { capitalized, groupName } from "./names.ts";
import type { Method, Operation, Path, Response } from "./operations.ts";
import { NAMESPACE, nameOf, optionParameters, type Parameter, PRETTY, TAIL } from "./parameters.ts";

/** A resource as a document describes it: built-in, or of a CustomResourceDefinition. */
export interface DocumentedResource extends ResourceInfo {
  /** References to the definitions of the kind and of its list. */
  readonly schema: (definitions: Definitions) => Node;
  readonly listSchema: (definitions: Definitions) => Node;
  readonly custom: boolean;
}

const JSON_TYPES = ["application/json", "application/yaml"];
export const BUILTIN_TYPES = [...JSON_TYPES, "application/vnd.kubernetes.protobuf"];
const STREAMS = ["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"];
const ANY = ["*/*"];
const STREAM_METHODS: readonly Method[] = ["get", "post"];
const PROXY_METHODS: readonly Method[] = ["get", "put", "post", "delete", "options", "head", "patch"];
/** Kinds of the options that a request to a subresource takes. */
const OPTIONS: Readonly<Record<string, string>> = {
  "pods/attach": "PodAttachOptions",
  "pods/exec": "PodExecOptions",
  "pods/portforward": "PodPortForwardOptions",
  "pods/proxy": "PodProxyOptions",
  "pods/log": "PodLogOptions",
  "services/proxy": "ServiceProxyOptions",
  "nodes/proxy": "NodeProxyOptions",
};

/** The paths of a resource and its subresources. */
export function pathsOf(resource: DocumentedResource, definitions: Definitions): readonly Path[] {
  const base = resource.group === "" ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const maker = new Maker(resource, definitions);
  const paths = [...maker.pathsOfObjects(base), ...maker.pathsOfWatches(base)];
  return paths.filter((path) => path.operations.length > 0);
}

/** What an operation is, but for what all operations of a resource have in common. */
interface Draft {
  readonly method: Method;
  /** The verb that begins the id, and what follows the group and version in it. */
  readonly verb: string;
  readonly rest: string;
  readonly action: string;
  readonly kind?: GroupVersionKind;
  readonly parameters: readonly Parameter[];
  readonly body?: Operation["body"];
  readonly consumes?: readonly string[];
  readonly produces?: readonly string[];
  readonly responses: readonly Response[];
}

/** Makes the operations of one resource. */
class Maker {
  readonly #resource: DocumentedResource;
  readonly #definitions: Definitions;

  constructor(resource: DocumentedResource, definitions: Definitions) {
    this.#resource = resource;
    this.#definitions = definitions;
  }

  pathsOfObjects(base: string): readonly Path[] {
    const { resource, namespaced, subresources, verbs } = this.#resource;
    const collection = `${namespaced ? `${base}/namespaces/{namespace}` : base}/${resource}`;
    const object = `${collection}/{name}`;
    const everywhere = namespaced && verbs.includes("list") ? [this.#list("ForAllNamespaces")] : [];
    return [
      { path: collection, operations: this.#collection() },
      { path: object, operations: this.#object() },
      { path: `${base}/${resource}`, operations: everywhere },
      ...subresources.flatMap((subresource) => this.#subresource(object, subresource.name, subresource.verbs)),
    ];
  }

  /** The older paths of watches, which custom resources do not have. */
  pathsOfWatches(base: string): readonly Path[] {
    const { resource, namespaced, verbs, custom } = this.#resource;
    if (custom || !verbs.includes("watch")) return [];
    const collection = `${base}/watch/${namespaced ? "namespaces/{namespace}/" : ""}${resource}`;
    return [
      { path: collection, operations: [this.#watch("List")] },
      { path: `${collection}/{name}`, operations: [this.#watch("")] },
      ...(namespaced ? [{ path: `${base}/watch/${resource}`, operations: [this.#watch("ListForAllNamespaces")] }] : []),
    ];
  }

  #collection(): readonly Operation[] {
    const { verbs, custom } = this.#resource;
    const made: readonly (readonly [string, () => Operation])[] = [
      ["list", () => this.#list("")],
      ["create", () => this.#write("post", "create", this.#ofKind(), this.#schema(), this.#scope())],
      ["deletecollection", () => (custom ? this.#deleteCustomCollection() : this.#deleteCollection())],
    ];
    return made.flatMap(([verb, make]) => (verbs.includes(verb) ? [make()] : []));
  }

  #list(suffix: string): Operation {
    const { custom } = this.#resource;
    const scope = suffix === "" ? this.#scope() : [];
    return this.#operation({
      method: "get",
      verb: "list",
      rest: `${this.#ofKind(suffix)}${suffix}`,
      action: "list",
      parameters: [...scope, PRETTY, ...optionParameters("meta/v1.ListOptions")],
      ...(!custom && { produces: [...BUILTIN_TYPES, ...STREAMS] }),
      responses: [{ code: "200", schema: this.#resource.listSchema(this.#definitions) }],
    });
  }

  #watch(suffix: string): Operation {
    const name = suffix === "" ? [nameOf(this.#resource.kind)] : [];
    const scope = suffix === "ListForAllNamespaces" ? [] : this.#scope();
    return this.#operation({
      method: "get",
      verb: "watch",
      rest: `${this.#ofKind(suffix)}${suffix}`,
      action: suffix === "" ? "watch" : "watchlist",
      parameters: [...name, ...scope, PRETTY, ...optionParameters("meta/v1.ListOptions")],
      produces: [...BUILTIN_TYPES, ...STREAMS],
      responses: [{ code: "200", schema: this.#definitions.reference("meta/v1.WatchEvent") }],
    });
  }

  #deleteCollection(): Operation {
    const lists = optionParameters("meta/v1.ListOptions", ["watch", "allowWatchBookmarks"]);
    return this.#operation({
      method: "delete",
      verb: "delete",
      rest: `Collection${this.#ofKind()}`,
      action: "deletecollection",
      parameters: [...this.#scope(), PRETTY, ...lists, ...optionParameters("meta/v1.DeleteOptions")],
      body: { schema: this.#definitions.reference("meta/v1.DeleteOptions"), required: false },
      responses: [{ code: "200", schema: this.#status() }],
    });
  }

  #deleteCustomCollection(): Operation {
    return this.#operation({
      method: "delete",
      verb: "delete",
      rest: `Collection${this.#ofKind()}`,
      action: "deletecollection",
      parameters: [...this.#scope(), PRETTY, ...optionParameters("meta/v1.ListOptions")],
      responses: [{ code: "200", schema: this.#status() }],
    });
  }

  #object(): readonly Operation[] {
    const { verbs } = this.#resource;
    const made: readonly (readonly [string, () => Operation])[] = [
      ["get", () => this.#read(this.#ofKind(), this.#schema())],
      ["update", () => this.#write("put", "replace", this.#ofKind(), this.#schema(), this.#identity())],
      ["delete", () => this.#delete()],
      ["patch", () => this.#patch(this.#ofKind(), this.#schema())],
    ];
    return made.flatMap(([verb, make]) => (verbs.includes(verb) ? [make()] : []));
  }

  #read(rest: string, schema: Node | undefined, more: Partial<Draft> = {}): Operation {
    const options = this.#resource.custom ? optionParameters("meta/v1.GetOptions") : [];
    return this.#operation({
      method: "get",
      verb: "read",
      rest,
      action: "get",
      parameters: [...this.#identity(), PRETTY, ...options],
      responses: [{ code: "200", schema }],
      ...more,
    });
  }

  #write(
    method: "post" | "put",
    verb: string,
    rest: string,
    schema: Node,
    at: readonly Parameter[],
    kind?: GroupVersionKind,
  ): Operation {
    const codes = method === "post" ? ["200", "201", "202"] : ["200", "201"];
    return this.#operation({
      method,
      verb,
      rest,
      action: method,
      ...(kind !== undefined && { kind }),
      parameters: [...at, PRETTY, ...optionParameters("meta/v1.CreateOptions")],
      body: { schema, required: true },
      responses: codes.map((code) => ({ code, schema })),
    });
  }

  #delete(): Operation {
    const { custom } = this.#resource;
    const schema = !custom && strategyOf(this.#resource, false).returnsDeleted ? this.#schema() : this.#status();
    return this.#operation({
      method: "delete",
      verb: "delete",
      rest: this.#ofKind(),
      action: "delete",
      parameters: [...this.#identity(), PRETTY, ...optionParameters("meta/v1.DeleteOptions")],
      body: { schema: this.#definitions.reference("meta/v1.DeleteOptions"), required: false },
      responses: ["200", "202"].map((code) => ({ code, schema })),
    });
  }

  #patch(rest: string, schema: Node, kind?: GroupVersionKind): Operation {
    const { custom } = this.#resource;
    const strategic = custom ? [] : ["application/strategic-merge-patch+json"];
    return this.#operation({
      method: "patch",
      verb: "patch",
      rest,
      action: "patch",
      ...(kind !== undefined && { kind }),
      parameters: [...this.#identity(), PRETTY, ...optionParameters("meta/v1.PatchOptions")],
      body: { schema: this.#definitions.reference("meta/v1.Patch"), required: true },
      consumes: [
        ...["application/json-patch+json", "application/merge-patch+json"],
        ...strategic,
        "application/apply-patch+yaml",
      ],
      responses: (custom ? ["200"] : ["200", "201"]).map((code) => ({ code, schema })),
    });
  }

  #subresource(object: string, name: string, verbs: readonly string[]): readonly Path[] {
    const options = OPTIONS[`${this.#resource.resource}/${name}`];
    const title = capitalized(name);
    const path = `${object}/${name}`;
    if (name === "log") return [{ path, operations: [this.#log(title, options ?? "")] }];
    if (options === undefined) return [{ path, operations: this.#plainSubresource(name, title, verbs) }];
    if (name !== "proxy") return [{ path, operations: this.#connects(STREAM_METHODS, title, options, []) }];
    return [
      { path, operations: this.#connects(PROXY_METHODS, title, options, []) },
      { path: `${path}/{path}`, operations: this.#connects(PROXY_METHODS, `${title}WithPath`, options, [TAIL]) },
    ];
  }

  #log(title: string, options: string): Operation {
    return this.#read(`${this.#ofKind()}${title}`, undefined, {
      parameters: [...this.#identity(), PRETTY, ...optionParameters(`core/v1.${options}`)],
      produces: ["text/plain", ...BUILTIN_TYPES],
    });
  }

  #plainSubresource(name: string, title: string, verbs: readonly string[]): readonly Operation[] {
    const kind = this.#subresourceKind(name);
    const type = kind === undefined ? undefined : kindOf(kind)?.typeName;
    const schema = type === undefined ? this.#schema() : this.#definitions.reference(type);
    const rest = `${this.#ofKind()}${title}`;
    const shown = this.#resource.custom ? undefined : kind;
    return verbs.map((verb) => {
      if (verb === "get") return this.#read(rest, schema, shown === undefined ? {} : { kind: shown });
      if (verb === "update") return this.#write("put", "replace", rest, schema, this.#identity(), shown);
      if (verb === "patch") return this.#patch(rest, schema, shown);
      return this.#write("post", "create", rest, schema, this.#identity(), shown);
    });
  }

  /** Requests that become a connection to something. */
  #connects(
    methods: readonly Method[],
    title: string,
    options: string,
    at: readonly Parameter[],
  ): readonly Operation[] {
    return methods.map((method) =>
      this.#operation({
        method,
        verb: "connect",
        rest: `${capitalized(method)}${this.#ofKind()}${title}`,
        action: "connect",
        kind: { group: "", kind: options, version: "v1" },
        parameters: [...this.#identity(), ...at, ...optionParameters(`core/v1.${options}`)],
        produces: ANY,
        consumes: ANY,
        responses: [{ code: "200", schema: undefined }],
      }),
    );
  }

  /** Kinds such as Scale and Eviction answer subresources; other subresources have the resource's kind. */
  #subresourceKind(name: string): GroupVersionKind | undefined {
    if (name === "binding") return { group: "", kind: "Binding", version: "v1" };
    if (this.#resource.custom && name !== "scale") return undefined;
    const path = this.#resource.custom ? "deployments/scale" : `${this.#resource.resource}/${name}`;
    const info = allKinds().find((kind) => kind.resources.includes(path));
    return info && { group: info.group, kind: info.kind, version: info.version };
  }

  #schema(): Node {
    return this.#resource.schema(this.#definitions);
  }

  #status(): Node {
    return this.#definitions.reference("meta/v1.Status");
  }

  #scope(): readonly Parameter[] {
    return this.#resource.namespaced ? [NAMESPACE] : [];
  }

  #identity(): readonly Parameter[] {
    return [nameOf(this.#resource.kind), ...this.#scope()];
  }

  /** "NamespacedPod"; across namespaces just "Pod". */
  #ofKind(suffix = ""): string {
    const { namespaced, kind } = this.#resource;
    return `${namespaced && !suffix.endsWith("ForAllNamespaces") ? "Namespaced" : ""}${kind}`;
  }

  #operation(draft: Draft): Operation {
    const { group, version, kind, custom } = this.#resource;
    const { method, verb, rest, action, parameters, body, responses } = draft;
    const types = custom ? JSON_TYPES : BUILTIN_TYPES;
    return {
      method,
      id: [verb, groupName(group, true), capitalized(version), capitalized(rest)].join(""),
      tag: `${groupName(group, false)}_${version}`,
      description: `${WORDS[action] ?? action} ${kind}`,
      marks: { action, kind: draft.kind ?? { group, kind, version } },
      parameters,
      body,
      consumes: draft.consumes ?? (custom ? types : ANY),
      produces: draft.produces ?? types,
      responses,
    };
  }
}

const WORDS: Readonly<Record<string, string>> = {
  list: "list or watch",
  watch: "watch one",
  watchlist: "watch all",
  post: "create",
  put: "replace",
  patch: "partially update",
  get: "read",
  delete: "delete",
  deletecollection: "delete a collection of",
  connect: "connect to",
};
