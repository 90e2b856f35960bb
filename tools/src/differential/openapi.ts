type Node = Readonly<Record<string, unknown>>;

interface Document extends Node {
  readonly paths: Node;
  /** Of Swagger: parameters that operations share, each named after a hash of what it says. */
  readonly parameters?: Node;
}

/** An OpenAPI document of version 2 or 3. */
export function isOpenApi(value: unknown): value is Document {
  const { swagger, openapi, paths } = (value ?? {}) as Node;
  return (swagger !== undefined || openapi !== undefined) && paths !== undefined;
}

/** The document in a form that compares well: shared parameters where they are used, parameters by name. */
export function readableOpenApi(document: Document): Node {
  const { parameters: shared = {}, ...rest } = document;
  return readable(rest, shared) as Node;
}

function readable(value: unknown, shared: Node): unknown {
  if (Array.isArray(value)) return value.map((item) => readable(item, shared));
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [name, memberOf(name, member, shared)] as const);
  return Object.fromEntries(members);
}

function memberOf(name: string, value: unknown, shared: Node): unknown {
  if (name !== "parameters" || !Array.isArray(value)) return readable(value, shared);
  const parameters = value.map((parameter) => resolved(parameter as Node, shared));
  const keys = parameters.map((parameter) => `${parameter["in"]} ${parameter["name"]}`);
  return { order: keys.join(", "), ...Object.fromEntries(parameters.map((each, index) => [keys[index], each])) };
}

const SHARED = "#/parameters/";

function resolved(parameter: Node, shared: Node): Node {
  const { $ref } = parameter as { readonly $ref?: string };
  return $ref?.startsWith(SHARED) === true ? (shared[$ref.slice(SHARED.length)] as Node) : parameter;
}
