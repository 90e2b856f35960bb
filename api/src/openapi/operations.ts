import type { GroupVersionKind } from "../schema.ts";
import type { Node } from "./definitions.ts";
import { type Parameter, parameterV2, parameterV3, sortedParameters } from "./parameters.ts";
import type { SharedParameters } from "./shared-parameters.ts";

export type Method = "get" | "put" | "post" | "delete" | "options" | "head" | "patch";

/** One operation, before it takes the form of OpenAPI 2 or 3. */
export interface Operation {
  readonly method: Method;
  readonly id: string;
  readonly tag: string;
  readonly description: string;
  /** What is done to which kind; undefined: nothing to a resource. */
  readonly marks: { readonly action: string; readonly kind: GroupVersionKind } | undefined;
  /** Those of its path too. */
  readonly parameters: readonly Parameter[];
  readonly body: { readonly schema: Node; readonly required: boolean } | undefined;
  readonly consumes: readonly string[];
  readonly produces: readonly string[];
  readonly responses: readonly Response[];
}

export interface Response {
  readonly code: string;
  /** undefined: a string. */
  readonly schema: Node | undefined;
}

/** A path with its operations. */
export interface Path {
  readonly path: string;
  readonly operations: readonly Operation[];
}

const DESCRIPTIONS: Readonly<Record<string, string>> = { "200": "OK", "201": "Created", "202": "Accepted" };
const UNAUTHORIZED: Node = { "401": { description: "Unauthorized" } };

/** A path in the form of OpenAPI 3. What all operations take stands at the path. */
export function pathV3({ operations }: Path): Node {
  const common = commonOf(operations);
  return {
    ...Object.fromEntries(operations.map((operation) => [operation.method, operationV3(operation, common)])),
    ...(common.length > 0 && { parameters: common.map(parameterV3) }),
  };
}

/** A path in the form of OpenAPI 2. @param shared Gathers what it has in common with others. */
export function pathV2({ operations }: Path, shared: SharedParameters): Node {
  const common = commonOf(operations);
  return {
    ...Object.fromEntries(operations.map((operation) => [operation.method, operationV2(operation, common, shared)])),
    ...(common.length > 0 && { parameters: common.map((parameter) => shared.place(parameterV2(parameter))) }),
  };
}

function commonOf(operations: readonly Operation[]): readonly Parameter[] {
  const [first, ...others] = operations;
  const isCommon = (parameter: Parameter) => others.every((operation) => has(operation.parameters, parameter));
  return sortedParameters((first?.parameters ?? []).filter(isCommon));
}

function has(parameters: readonly Parameter[], { name, in: place }: Parameter): boolean {
  return parameters.some((parameter) => parameter.name === name && parameter.in === place);
}

function ownOf(operation: Operation, common: readonly Parameter[]): readonly Parameter[] {
  return sortedParameters(operation.parameters.filter((parameter) => !has(common, parameter)));
}

function operationV3(operation: Operation, common: readonly Parameter[]): Node {
  const { body, description, id, tag, consumes, produces } = operation;
  const parameters = ownOf(operation, common).map(parameterV3);
  return {
    tags: [tag],
    description,
    operationId: id,
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: { content: contentOf(consumes, body.schema), ...(body.required && { required: true }) },
    }),
    responses: responsesOf(operation, (schema) => ({ content: contentOf(produces, schema) })),
    ...marksOf(operation),
  };
}

function contentOf(types: readonly string[], schema: Node): Node {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

function operationV2(operation: Operation, common: readonly Parameter[], shared: SharedParameters): Node {
  const { body, description, id, tag, consumes, produces } = operation;
  const parameters = [...(body === undefined ? [] : [bodyV2(body)]), ...ownOf(operation, common).map(parameterV2)].sort(
    (a, b) => (String(a["name"]) < String(b["name"]) ? -1 : 1),
  );
  return {
    description,
    ...(consumes.length > 0 && { consumes }),
    produces,
    schemes: ["https"],
    tags: [tag],
    operationId: id,
    ...(parameters.length > 0 && { parameters: parameters.map((parameter) => shared.place(parameter)) }),
    responses: responsesOf(operation, (schema) => ({ schema })),
    ...marksOf(operation),
  };
}

function bodyV2({ schema, required }: NonNullable<Operation["body"]>): Node {
  return { name: "body", in: "body", ...(required && { required: true }), schema };
}

function responsesOf({ responses }: Operation, of: (schema: Node) => Node): Node {
  const answers = responses.map(({ code, schema }) => [
    code,
    { description: DESCRIPTIONS[code], ...of(schema ?? { type: "string" }) },
  ]);
  return { ...Object.fromEntries(answers), ...UNAUTHORIZED };
}

function marksOf({ marks }: Operation): Node {
  return marks === undefined
    ? {}
    : { "x-kubernetes-action": marks.action, "x-kubernetes-group-version-kind": marks.kind };
}
